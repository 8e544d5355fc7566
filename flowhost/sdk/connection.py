"""The contract of a connection: a shared, named link to a broker, PLC or database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from flowhost.sdk.config import Config
from flowhost.sdk.context import ConnectionContext
from flowhost.sdk.spec import ConnectionSpec

C = TypeVar("C", bound=Config)


class Connection(Generic[C]):
    """A link that a worker opens once for all nodes that name it.

    The engine calls `open` before any node that uses it, again after a failure (with back-off, without end), and
    `close` at the end. `open` raises `TemporaryError` when the target cannot be reached now, `AuthenticationError`
    or `PermanentError` when a person has to act. A connection that loses its link later says so once through
    `context.board` (`lost`, then `restored`) and makes its nodes raise `NotConnectedError` meanwhile.
    Drivers and their errors stay inside.
    """

    spec: ClassVar[ConnectionSpec]
    Config: ClassVar[type[Any]]

    def __init__(self, config: C, context: ConnectionContext) -> None:
        self.config = config
        self.context = context

    async def open(self) -> None:
        """Establish the link. Raises `TemporaryError`, `AuthenticationError` or `PermanentError`."""

    async def close(self) -> None:
        """Release everything. Safe at any time, half-opened, and any number of times."""

    def health(self) -> str:
        """State in words, e.g. `connected to 10.1.2.3:1883`; empty where unknown."""
        return ""


@runtime_checkable
class ConnectionTest(Protocol):
    """Power of a connection to try itself out without touching the plant."""

    async def test(self) -> str:
        """Connect, ask something harmless, disconnect.

        Returns:
            What was found, in one sentence.

        Raises:
            NodeError: what failed and what to do.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class BrowseRequest:
    """What a form asks for to fill a pick list.

    Attributes:
        what: the list, as named by `choices_from` of the field, e.g. `tables`.
        under: `opens` of the branch that is looked into; empty for the top.
        search: part of a name; empty for all. A search goes through all branches.
        config: the node's config as far as it is written, references unresolved; for lists that depend on another
            field, as columns depend on the table.
        limit: how many choices are wanted at most.
    """

    what: str
    under: str = ""
    search: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    limit: int = 200


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One thing to pick, or a branch to look into.

    Attributes:
        value: what the field becomes; empty where only the branch can be opened.
        label: for people; the value where empty.
        detail: a few words more, such as type and present value.
        opens: handed back as `under` to see what is below; empty where nothing is.
        place: the branches above it, as in `Line1 / Filler`, for hits of a search.
        fills: what other fields of the same entry become when it is picked, by key; for lists of objects.
    """

    value: str = ""
    label: str = ""
    detail: str = ""
    opens: str = ""
    place: str = ""
    fills: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What can be picked.

    Attributes:
        items: in the order to show them.
        note: what a person should know, such as that there is more than is shown; empty for nothing.
    """

    items: Sequence[Choice] = ()
    note: str = ""


@runtime_checkable
class Browse(Protocol):
    """Power of a connection to say what there is at its target, for the pick lists of forms.

    Called on an opened connection of its own, in a process beside the host, with a deadline of ten seconds.
    """

    async def browse(self, request: BrowseRequest) -> Choices:
        """What can be picked. Only reads; changes nothing at the target.

        Raises:
            NodeError: what failed and what to do, for the person at the field.
        """
        ...
