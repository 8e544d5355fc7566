"""What can be changed in an outbox, always as one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowhost.engine.outbox.letter_changes import LetterChange
from flowhost.engine.outbox.parking_changes import ParkingChange


@dataclass(frozen=True, slots=True)
class MakeEdge:
    """A durable edge before this node, unless there is one."""

    flow: str
    node: str


@dataclass(frozen=True, slots=True)
class Append:
    """Rows at the end of an edge.

    Attributes:
        edge: number of the edge.
        rows: encoded messages, in order.
    """

    edge: int
    rows: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Advance:
    """All messages of an edge up to this one are done.

    Attributes:
        edge: number of the edge.
        position: id of the last message that is done; never moves back.
        dead: how many of those that leave now are dead letters.
        dropped: how many of them were given up because a limit said so.
        beyond: first and last ids of messages behind the position that are done as well, and leave now.
    """

    edge: int
    position: int
    dead: int = 0
    dropped: int = 0
    beyond: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Bury:
    """A dead letter.

    Attributes:
        flow: flow id.
        node: node it failed at.
        at_ns: when, nanoseconds UTC.
        revision: of the flow, 0 where there is none.
        kind: class of the error.
        reason: in words.
        attempts: how often delivery was tried since the message came to the node.
        message: encoded, as it entered the node.
        topic: of the message, for lists and filters.
        key: of the message.
        ident: id of the message.
        letter: number of the dead letter this is another try of; 0 if it is none.
        causes: earlier failures, JSON as `flowhost.engine.outbox.letter.Cause` says, oldest first.
    """

    flow: str
    node: str
    at_ns: int
    revision: int
    kind: str
    reason: str
    attempts: int
    message: bytes
    topic: str = ""
    key: str = ""
    ident: str = ""
    letter: int = 0
    causes: str = "[]"


@dataclass(frozen=True, slots=True)
class KeepStates:
    """State of some keys of a node; None forgets a key. A key named twice has its later value."""

    flow: str
    node: str
    rows: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class KeepOrigin:
    """How far a source has been read at its origin: cursor, file position."""

    flow: str
    node: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Orphan:
    """Every message of an edge, waiting or parked, becomes a dead letter: nobody will serve the edge any more."""

    edge: int
    flow: str
    node: str
    at_ns: int
    revision: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class DropNode:
    """What a node remembers is forgotten; `with_origin`: also how far it had been read."""

    flow: str
    node: str
    with_origin: bool


@dataclass(frozen=True, slots=True)
class SetAside:
    """Bytes that no longer match their checksum, kept as they are.

    Attributes:
        flow: flow id.
        node: node they belonged to.
        origin: where they lay.
        row: number of the row there, 0 where rows have none.
        at_ns: when that was found out, nanoseconds UTC.
        reason: in words.
        data: the bytes.
    """

    flow: str
    node: str
    origin: str
    row: int
    at_ns: int
    reason: str
    data: bytes


@dataclass(frozen=True, slots=True)
class KeepMeta:
    """A fact about the file."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class KeepLedger:
    """Totals of nodes, by node; what is written together is encoded once, when it is written."""

    flow: str
    rows: Sequence[tuple[str, Any]]


Change = (
    MakeEdge
    | Append
    | Advance
    | Bury
    | KeepStates
    | KeepOrigin
    | Orphan
    | DropNode
    | SetAside
    | KeepMeta
    | KeepLedger
    | LetterChange
    | ParkingChange
)


@dataclass(slots=True)
class Transaction:
    """Changes that happen together or not at all.

    Attributes:
        changes: in order.
        committed: called on the loop once they are on disk, with the id before the first row of each `Append`.
        failed: called on the loop if they are not, and will not be.
        lanes: places whose transactions keep their order among each other; only while the disk is full does one of
            another lane overtake.
        weight: bytes its new messages take.
    """

    changes: Sequence[Change]
    committed: Callable[[list[int]], None]
    failed: Callable[[Exception], None]
    lanes: Collection[Hashable] = ()
    starts: list[int] = field(default_factory=list)
    weight: int = field(init=False)

    def __post_init__(self) -> None:
        self.weight = sum(sum(map(len, change.rows)) for change in self.changes if isinstance(change, Append))

    def size(self) -> int:
        """Rows, for bounding a group."""
        return sum(len(change.rows) if isinstance(change, Append | KeepStates) else 1 for change in self.changes)
