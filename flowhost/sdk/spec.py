"""How node and connection types describe themselves; palette, lint, form and docs read it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

TYPE_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")

Stability = Literal["experimental", "beta", "stable", "deprecated"]


@dataclass(frozen=True, kw_only=True)
class Port:
    """A named output.

    Attributes:
        name: as written in wires, e.g. `out`.
        summary: what leaves here.
        required: lint refuses a flow that leaves it unwired.
    """

    name: str
    summary: str = ""
    required: bool = False


OUT = Port(name="out", summary="the result", required=True)


@dataclass(frozen=True, kw_only=True)
class NodeSpec:
    """The label of a node type.

    Attributes:
        id: type id, e.g. `opcua.subscribe`; never renamed.
        title: two or three words for the palette.
        summary: one sentence in plain words.
        category: palette group: plant, business, logic, time, files, debug.
        icon: name of a bundled icon.
        ports: outputs besides `error`, which every node has.
        connection: id of the connection type it needs, or None.
        keywords: other words a user may search for.
        since: version that brought it.
        stability: how far its config can be relied on.
        leaves_machine: a sink whose target is beyond this machine.
        holds_messages: keeps messages over time (window, join): a durable edge stands before it.
        idempotent: of a sink: writing the same message twice changes nothing at the target, whatever the config.
    """

    id: str
    title: str
    summary: str
    category: str
    icon: str = "circle"
    ports: tuple[Port, ...] = (OUT,)
    connection: str | None = None
    keywords: tuple[str, ...] = ()
    since: str = "0.1"
    stability: Stability = "beta"
    leaves_machine: bool = True
    holds_messages: bool = False
    idempotent: bool = False

    def __post_init__(self) -> None:
        """Refuse a type id that could not be written in a flow file."""
        if not TYPE_ID.fullmatch(self.id):
            msg = f"type id {self.id!r} must look like 'protocol.verb': lower-case letters, digits, '_'"
            raise ValueError(msg)


@dataclass(frozen=True, kw_only=True)
class ConnectionSpec:
    """The label of a connection type.

    Attributes:
        id: type id, e.g. `mqtt.broker`; never renamed.
        title: two or three words.
        summary: one sentence in plain words.
        icon: name of a bundled icon.
        since: version that brought it.
        stability: how far its config can be relied on.
        exclusive: only one process may hold it (a serial line).
    """

    id: str
    title: str
    summary: str
    icon: str = "cable"
    since: str = "0.1"
    stability: Stability = "beta"
    exclusive: bool = False
    keywords: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse a type id that could not be written in a flow file."""
        if not TYPE_ID.fullmatch(self.id):
            msg = f"type id {self.id!r} must look like 'protocol.verb': lower-case letters, digits, '_'"
            raise ValueError(msg)
