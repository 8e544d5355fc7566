"""Secrets as people see them: never a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SecretSource = Literal["store", "environment", "nowhere"]
"""Store: encrypted on this host. Environment: a variable of the host. Nowhere: it is named, and nothing sets it."""


@dataclass(frozen=True, kw_only=True)
class SecretView:
    """A secret that is set, or named somewhere.

    Attributes:
        source: where its value comes from, see `SecretSource`.
        stored: there is one in the store; it is not used where the environment sets it too.
        changed_by: who stored it.
        changed_at: when it was stored.
        connections: the host's connections that name it.
        flows: flows that name it themselves, deployed or being edited.
        problem: why it cannot be read and what to do.
    """

    name: str
    source: SecretSource
    stored: bool
    changed_by: str = ""
    changed_at: datetime | None = None
    connections: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Restarts:
    """What a changed secret did.

    Attributes:
        restarted: flows that started anew with it.
        not_started: flows that did not, with the reason.
    """

    restarted: tuple[str, ...] = ()
    not_started: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SecretChanged:
    """A secret after a change, and what became of the flows that use it."""

    secret: SecretView
    restarted: tuple[str, ...] = ()
    not_started: tuple[str, ...] = ()
