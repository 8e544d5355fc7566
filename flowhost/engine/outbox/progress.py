"""How far the messages of an edge have come to their end, also where that is out of order."""

from __future__ import annotations

import json
from zlib import crc32

from flowhost.engine.outbox.changes import Advance, Change, KeepMeta
from flowhost.engine.outbox.ranges import Pair, Ranges

COUNT_AHEAD = (
    "coalesce((SELECT sum(json_extract(one.value, '$[1]') - json_extract(one.value, '$[0]') + 1) "
    "FROM meta, json_each(iif(json_valid(meta.value), meta.value, '{}'), '$.done') AS one "
    "WHERE meta.key = 'ahead ' || edge.id), 0)"
)
"""SQL: how many numbers of an edge behind its position are done."""


class Progress:
    """What of an edge is done: all up to a position, and ranges behind it.

    Args:
        edge: number of the edge.
        position: the last number of those that are done without a gap.
        ahead: as it was kept (`Progress.advance`); empty where nothing is done ahead of its turn. If that is damaged,
            nothing is taken for done: what has left is then found missing, and said to be.
    """

    def __init__(self, edge: int, position: int, ahead: str = "") -> None:
        self.position = position
        self._edge = edge
        self._ahead = Ranges()
        self._gone: list[Pair] = []
        self._changed = False
        for first, last in _unsealed(edge, ahead):
            if last > position:
                self._ahead.add(max(first, position + 1), last)

    @property
    def ahead(self) -> Ranges:
        """Numbers behind the position that are done."""
        return self._ahead

    def finish(self, first: int, last: int) -> None:
        """These have come to their end."""
        if last <= self.position:
            return
        if first > self.position + 1:
            self._ahead.add(first, last)
            self._gone.append((first, last))
            self._changed = True
            return
        self.position = last
        if self._ahead and self._ahead.front[0] <= last + 1:
            self.position = max(last, self._ahead.front[1])
            self._ahead.drop_to(self.position)
            self._changed = True

    def advance(self, dead: int, dropped: int) -> list[Change]:
        """What has to be written down since the last call, with how many of those that end now are dead or dropped."""
        gone, self._gone = self._gone, []
        beyond = [(first, last) for first, last in gone if last > self.position]
        changes: list[Change] = [Advance(self._edge, self.position, dead, dropped, beyond)]
        if self._changed:
            self._changed = False
            changes.append(KeepMeta(key_of(self._edge), _sealed(self._edge, self._ahead.pairs)))
        return changes


def key_of(edge: int) -> str:
    """Where the ranges are kept: in table `meta`."""
    return f"ahead {edge}"


def _sealed(edge: int, pairs: list[Pair]) -> str:
    return json.dumps({"done": pairs, "seal": _seal(edge, pairs)})


def _unsealed(edge: int, text: str) -> list[Pair]:
    try:
        kept = json.loads(text)
        pairs = [(int(first), int(last)) for first, last in kept["done"]]
    except (ValueError, TypeError, LookupError):
        return []
    return pairs if kept.get("seal") == _seal(edge, pairs) else []


def _seal(edge: int, pairs: list[Pair]) -> int:
    return crc32(f"{edge} {[list(pair) for pair in pairs]}".encode())
