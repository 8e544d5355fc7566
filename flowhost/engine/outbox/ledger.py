"""Totals of a flow since it first ran: kept in its outbox, carried on by every run, balanced after any death.

What is exact, and what is not, is in `docs/delivery.md`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import apsw

from flowhost.engine.counters import NodeCounters
from flowhost.engine.outbox.burial import stays_unconfirmed
from flowhost.engine.outbox.changes import Change, KeepLedger
from flowhost.engine.outbox.codec import DamagedRowError, decode
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.passage import NOTHING
from flowhost.engine.snapshot import EdgeSnapshot, LedgerSnapshot, NodeTotals
from flowhost.engine.token import Figures
from flowhost.errors import HostError
from flowhost.sdk import Clock

log = logging.getLogger(__name__)

BUSY_MS = 5_000
WHOLE_FLOW = ""
"""Row of what concerns no single node."""
_COUNTED = ("in_", "made", "out", "used", "filtered", "dead", "dropped")
_FIELDS = (*_COUNTED, "drift")
_NOTHING = (0,) * (len(_FIELDS) + 4)
"""Row of a node no message has come to, which is not written."""


class Ledgered(Enum):
    """How much of a node's totals its queue on disk tells."""

    TARGET = "target"
    """All: what left the queue reached the target, is dead or was dropped."""
    HOLDER = "holder"
    """What came and what failed; the node itself says what became of the rest."""
    PLAIN = "plain"
    """Nothing: it has no queue on disk."""


@dataclass(frozen=True)
class _Kept:
    """A node's row.

    Attributes:
        totals: when it was saved.
        refused: messages that came and could not be queued.
        refused_dead: those of them that became dead letters.
        queued: messages that had ever come to its queue on disk.
        repeated: messages its target had already.
    """

    totals: NodeTotals
    refused: int = 0
    refused_dead: int = 0
    queued: int = 0
    repeated: int = 0


class Ledger:
    """The ledger of one flow over all its runs.

    Args:
        outbox: the file.
        flow: flow id.
        clock: source of time.
    """

    def __init__(self, outbox: Outbox, flow: str, clock: Clock) -> None:
        self._outbox = outbox
        self._flow = flow
        self._clock = clock
        self._since_ns = 0
        self._base: dict[str, _Kept] = {}
        self._saved: dict[str, Any] = {}
        self._moved = False

    async def open(
        self, counters: Mapping[str, NodeCounters], kinds: Mapping[str, Ledgered], edges: Mapping[str, EdgeSnapshot]
    ) -> None:
        """Take up the totals; counters hold nothing yet but what earlier runs left inside.

        Args:
            counters: by node.
            kinds: by node.
            edges: queues on disk as found, by node.

        Raises:
            HostError: the file cannot be read.
        """
        kept = await self._load()
        for node_id, own in counters.items():
            before, edge = kept.get(node_id, _Kept(NodeTotals())), edges.get(node_id)
            self._base[node_id] = _carried(before, kinds[node_id], edge, own.pending)
            if edge is not None and self._since_ns:
                self._base[node_id].totals.drift += edge.in_ - before.queued
        if not self._since_ns:
            # at once: whatever comes from now on is compared with this
            self._since_ns = self._clock.now_ns()
            self.save(counters, {node_id: edge.in_ for node_id, edge in edges.items()})

    def snapshot(self, counters: Mapping[str, NodeCounters]) -> LedgerSnapshot:
        """The totals at this moment."""
        nodes = {node_id: _total(self._base[node_id], own) for node_id, own in counters.items()}
        return LedgerSnapshot(since_ns=self._since_ns, nodes=nodes)

    def entry(
        self, counters: Mapping[str, NodeCounters], queued: Mapping[str, int], aloft: Mapping[str, Figures]
    ) -> Sequence[Change]:
        """What has changed since the last call, to be written together with what goes to disk now.

        Args:
            counters: by node.
            queued: messages that ever came to queues on disk, these included, by node.
            aloft: what was counted of batches of which nothing goes to disk yet, by node: if the process dies now,
                they have not come.
        """
        changed = []
        for node_id, own in counters.items():
            row = self._row(node_id, own, queued.get(node_id), aloft.get(node_id, NOTHING), 0)
            if self._saved.get(node_id, _NOTHING) != row:
                self._saved[node_id] = row
                changed.append((node_id, row))
        self._moved = self._moved or bool(changed)
        return (KeepLedger(self._flow, changed),) if changed else ()

    def save(
        self,
        counters: Mapping[str, NodeCounters],
        queued: Mapping[str, int],
        aloft: Mapping[str, Figures] = {},
        lost: Mapping[str, int] = {},
    ) -> None:
        """Have all of it written, if something has changed since the last call; a full disk may have held entries up.

        Args:
            counters: by node.
            queued: see `entry`.
            aloft: see there.
            lost: messages that end with this run, by node: what waits in memory and cannot come again.
        """
        rows: dict[str, Any] = {
            node_id: self._row(node_id, own, queued.get(node_id), aloft.get(node_id, NOTHING), lost.get(node_id, 0))
            for node_id, own in counters.items()
        }
        rows = {node_id: row for node_id, row in rows.items() if node_id in self._saved or row != _NOTHING}
        rows[WHOLE_FLOW] = self._since_ns
        if not self._moved and all(self._saved.get(node_id) == row for node_id, row in rows.items()):
            return
        self._moved = False
        self._saved.update(rows)
        self._outbox.submit([KeepLedger(self._flow, list(rows.items()))], lambda _: None, stays_unconfirmed)

    def _row(self, node_id: str, own: NodeCounters, queued: int | None, aloft: Figures, lost: int) -> tuple[int, ...]:
        base = self._base[node_id]
        totals = base.totals
        in_, made, out, used, filtered, dead, dropped = aloft
        return (
            totals.in_ + own.in_ + own.resting - in_,
            totals.made + own.made - made,
            totals.out + own.out + own.rerouted - out,
            totals.used + own.used - used,
            totals.filtered + own.filtered - filtered,
            totals.dead + own.dead - dead,
            totals.dropped + own.dropped + lost - dropped,
            totals.drift,
            base.refused + own.refused,
            base.refused_dead + own.refused_dead,
            base.queued if queued is None else queued,
            base.repeated + own.repeated,
        )

    async def _load(self) -> dict[str, _Kept]:
        rows = await self._outbox.query("SELECT node, figures FROM ledger WHERE flow = ?", (self._flow,))
        kept: dict[str, _Kept] = {}
        for node_id, row in rows:
            try:
                values = decode(row)
            except DamagedRowError as error:
                log.warning("the totals of %s %s begin anew: %s", self._flow, node_id or "as a whole", error)
                continue
            if node_id == WHOLE_FLOW:
                self._since_ns = self._saved[node_id] = values
            else:
                kept[node_id] = _kept(values)
                self._saved[node_id] = tuple(values)
        return kept


def read_ledger(path: Path, flow: str) -> LedgerSnapshot | None:
    """The totals a flow that stands still has in a file, as of its last run; None if there are none; blocks.

    Raises:
        HostError: the file cannot be read.
    """
    if not path.is_file():
        return None
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(BUSY_MS)
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger'").get
            rows = connection.execute("SELECT node, figures FROM ledger WHERE flow = ?", (flow,)) if known else ()
            return _read(rows)
        finally:
            connection.close()
    except apsw.Error as error:
        raise HostError(f"the outbox {path} cannot be read: {error}") from error


def _read(rows: Iterable[tuple[str, bytes]]) -> LedgerSnapshot | None:
    since_ns, nodes = 0, {}
    for node_id, row in rows:
        with suppress(DamagedRowError):
            if node_id == WHOLE_FLOW:
                since_ns = decode(row)
            else:
                kept = _kept(decode(row))
                totals = nodes[node_id] = kept.totals
                totals.pending, totals.repeated = _inside(totals), kept.repeated
    return LedgerSnapshot(since_ns=since_ns, nodes=nodes) if since_ns else None


def _kept(values: list[Any]) -> _Kept:
    figures = dict(zip(_FIELDS, values, strict=False))
    return _Kept(NodeTotals(**figures), *values[len(_FIELDS) :])


def _carried(kept: _Kept, kind: Ledgered, edge: EdgeSnapshot | None, inside: int) -> _Kept:
    """A node's totals without what is inside: the run that begins counts that as coming in."""
    totals = NodeTotals(**{name: getattr(kept.totals, name) for name in _FIELDS})
    if edge is not None and kind is not Ledgered.PLAIN:
        totals.in_ = edge.in_ + kept.refused
        totals.dropped = edge.dropped
    if edge is not None and kind is Ledgered.TARGET:
        totals.dead = edge.dead + kept.refused_dead
        # an answer is made here, and leaves or is filtered
        totals.out = edge.out + kept.refused - kept.refused_dead + totals.made - totals.filtered
    if kind is Ledgered.HOLDER:
        # what left the queue between the last save and now did so unseen
        totals.used = max(0, totals.used + _inside(totals) - inside)
    _take_from(totals, _inside(totals))
    return replace(kept, totals=totals)


def _take_from(totals: NodeTotals, number: int) -> None:
    """Messages that come again, or are counted anew, did not come."""
    taken = min(number, totals.in_)
    totals.in_ -= taken
    totals.made -= number - taken


def _inside(totals: NodeTotals) -> int:
    gone = totals.out + totals.used + totals.filtered + totals.dead + totals.dropped
    return totals.in_ + totals.made - gone


def _total(base: _Kept, own: NodeCounters) -> NodeTotals:
    run = own.snapshot()
    totals = NodeTotals(pending=run.pending, drift=base.totals.drift, repeated=base.repeated + run.repeated)
    for name in _COUNTED:
        setattr(totals, name, getattr(base.totals, name) + getattr(run, name))
    return totals
