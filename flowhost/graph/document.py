"""A flow as plain data: what the flow file holds, checked for shape only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from typing_extensions import override

Disabled = Literal["block", "pass"]


@dataclass(frozen=True, kw_only=True)
class NodeEntry:
    """One node of a flow.

    Attributes:
        id: unique in the flow, `[a-z][a-z0-9_]*`.
        type: node type id, e.g. `mqtt.subscribe`.
        name: label on the canvas; the id where empty.
        connection: name of the connection it uses, or None.
        config: as written, with secret and env references unresolved.
        delivery: as written; see `flowhost.graph.delivery`.
        disabled: `block`: messages end here, counted as filtered; `pass`: they go through unchanged.
    """

    id: str
    type: str
    name: str = ""
    connection: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    delivery: dict[str, Any] = field(default_factory=dict)
    disabled: Disabled | None = None


@dataclass(frozen=True, kw_only=True)
class Wire:
    """From an output port of a node to another node's input."""

    source: str
    target: str
    port: str = "out"

    @override
    def __str__(self) -> str:
        start = self.source if self.port == "out" else f"{self.source}.{self.port}"
        return f"{start} -> {self.target}"


@dataclass(frozen=True, kw_only=True)
class ConnectionEntry:
    """A connection as the flow file declares it."""

    name: str
    type: str
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FlowDocument:
    """A whole flow.

    Attributes:
        id: unique on a host; also the default folder name.
        name: for people.
        area: folder of flows, e.g. `plant1/line1`.
        description: free text.
        connections: by name.
        nodes: by id, in file order.
        wires: in file order.
        layout: cosmetic; never restarts anything.
        sagas: as written; see DESIGN section 13.
        exchange: as written.
        tables: as written.
    """

    id: str
    name: str = ""
    area: str = ""
    description: str = ""
    connections: dict[str, ConnectionEntry] = field(default_factory=dict)
    nodes: dict[str, NodeEntry] = field(default_factory=dict)
    wires: tuple[Wire, ...] = ()
    layout: dict[str, Any] = field(default_factory=dict)
    sagas: dict[str, Any] = field(default_factory=dict)
    exchange: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
