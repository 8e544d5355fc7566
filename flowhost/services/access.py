"""Who may do what: every service call passes `demand` first, and what is not listed is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flowhost.errors import ForbiddenError

Action = Literal[
    "flow.read",
    "flow.operate",
    "flow.send",
    "flow.edit",
    "letter.read",
    "letter.repair",
    "letter.import",
    "run.read",
    "plugin.read",
    "host.read",
    "alarm.read",
    "alarm.acknowledge",
    "demo.switch",
    "connection.read",
    "connection.test",
    "connection.edit",
    "secret.read",
    "secret.edit",
]

_READ: frozenset[Action] = frozenset(
    {"flow.read", "letter.read", "run.read", "plugin.read", "host.read", "alarm.read", "connection.read", "secret.read"}
)
_OPERATE: frozenset[Action] = _READ | {
    "flow.operate", "flow.send", "letter.repair", "alarm.acknowledge", "demo.switch", "connection.test",
}  # fmt: skip
_EDIT: frozenset[Action] = _OPERATE | {"flow.edit", "letter.import", "connection.edit", "secret.edit"}

GRANTS: dict[str, frozenset[Action]] = {
    "viewer": _READ,
    "auditor": _READ,
    "operator": _OPERATE,
    "engineer": _EDIT,
    "script engineer": _EDIT,
    "admin": _EDIT,
}


@dataclass(frozen=True)
class Principal:
    """The caller of a service.

    Attributes:
        name: as it appears in history and audit.
        roles: role names; unknown ones grant nothing.
    """

    name: str
    roles: frozenset[str] = frozenset()


LOCAL_USER = Principal("local", frozenset({"admin"}))
"""Whoever sits at this machine, until access exists."""


def may(principal: Principal, action: Action) -> bool:
    """Whether one of the caller's roles grants the action."""
    return any(action in GRANTS.get(role, frozenset()) for role in principal.roles)


def in_words(name: str) -> str:
    """Who a caller is, for a line that people read."""
    return "the user of this machine" if name == LOCAL_USER.name else name


def demand(principal: Principal, action: Action) -> None:
    """Raise `ForbiddenError` unless one of the caller's roles grants the action."""
    if not may(principal, action):
        msg = f"{principal.name or 'this user'} may not do this: it needs a role that grants '{action}'"
        raise ForbiddenError(msg)
