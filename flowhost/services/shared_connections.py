"""The host's connections as flows need them, held in memory so that lint and starts never wait for a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from flowhost.graph.document import ConnectionEntry, FlowDocument
from flowhost.graph.shared import with_shared
from flowhost.store import ConnectionRecord


class SharedConnections:
    """What there is now, by name.

    Attributes:
        on_change: called after every change, e.g. to look over drafts again.
    """

    on_change: Callable[[], None]

    def __init__(self) -> None:
        self._entries: dict[str, ConnectionEntry] = {}
        self.on_change = _nothing

    def load(self, records: Iterable[ConnectionRecord]) -> None:
        """Take what is kept."""
        self._entries = {one.name: _entry(one) for one in records}

    def put(self, record: ConnectionRecord) -> None:
        """A new one, or one with another config."""
        self._entries[record.name] = _entry(record)
        self.on_change()

    def drop(self, name: str) -> None:
        """One is gone."""
        self._entries.pop(name, None)
        self.on_change()

    @property
    def entries(self) -> Mapping[str, ConnectionEntry]:
        """All of them, by name."""
        return self._entries

    @property
    def types(self) -> Mapping[str, str]:
        """Type id by name, as lint takes it."""
        return {name: entry.type for name, entry in self._entries.items()}

    def complete(self, flow: FlowDocument) -> FlowDocument:
        """The flow with those it names and does not define itself."""
        return with_shared(flow, self._entries)


def _entry(record: ConnectionRecord) -> ConnectionEntry:
    return ConnectionEntry(name=record.name, type=record.type, config=record.config)


def _nothing() -> None:
    """Nobody has to know."""
