"""What an earlier revision left in an outbox: kept where the node stays, made dead letters where it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowhost.engine.notices import History
from flowhost.engine.outbox.burial import DeadLetterKeeper
from flowhost.engine.outbox.changes import Change, DropNode, KeepMeta, Orphan, SetAside
from flowhost.engine.outbox.letter import REPLAY
from flowhost.engine.outbox.orphaned_states import given_up, orphans
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.progress import COUNT_AHEAD
from flowhost.engine.outbox.states import HELD, STATES, Saved, count_held, read
from flowhost.sdk import Clock

KIND = "orphaned"
_LEFT = f"""
SELECT id, node, appended - position - {COUNT_AHEAD} + (SELECT count(*) FROM parked WHERE parked.edge = edge.id)
FROM edge WHERE flow = ? ORDER BY id
"""  # noqa: S608 - text of our own


@dataclass(frozen=True)
class Left:
    """A queue an earlier run has left.

    Attributes:
        edge: its number.
        node: the node it stood before.
        number: messages in it, waiting and parked.
    """

    edge: int
    node: str
    number: int


class Succession:
    """Hands what an earlier revision of a flow left over to the one that starts now.

    Queues of nodes that stay are kept; messages of all others become dead letters of kind `orphaned`. What nodes that
    are gone or of another type now had remembered is dropped, and messages they held become dead letters of kind
    `orphaned-state`. All in one transaction.

    Args:
        outbox: the file.
        flow: flow id.
        revision: the one that starts, 0 where there is none.
        clock: source of time.
        history: told what was done.
    """

    def __init__(self, outbox: Outbox, flow: str, revision: int, clock: Clock, history: History) -> None:
        self._outbox = outbox
        self._flow = flow
        self._revision = revision
        self._clock = clock
        self._history = history

    async def take_over(self, types: Mapping[str, str], served: Collection[str]) -> dict[str, int]:
        """Settle what was left; returns once it is on disk.

        Args:
            types: node type by node id, of all nodes there are now.
            served: nodes that keep their queue in this run or a later one.

        Returns:
            Messages waiting before each served node.
        """
        before = await self._types_before()
        left = await self._left()
        orphans = [entry for entry in left if entry.node not in served]
        gone = [node for node in await self._nodes_in("state") if node not in types]
        remembered = {*await self._nodes_in("state"), *await self._nodes_in("origin")}
        others = [node for node in sorted(remembered) if node in types and before.get(node, types[node]) != types[node]]
        lost = {node: await self._read_states(node) for node in [*gone, *others]}
        changes: list[Change] = [self._orphan(entry, types) for entry in orphans]
        changes += [letter for node, saved in lost.items() for letter in self._letters(node, saved, types)]
        changes += [DropNode(self._flow, node, with_origin=False) for node in gone]
        changes += [DropNode(self._flow, node, with_origin=True) for node in others]
        if (now := {**before, **types}) != before:
            changes.append(KeepMeta(types_key(self._flow), json.dumps(now)))
        if changes:
            await self._outbox.change(*changes)
        self._tell_orphans(orphans, types)
        for node, saved in lost.items():
            self._history.add("warning", f"{self._why_lost(node, types)}; {given_up(saved.states)}", node=node)
        return {entry.node: entry.number for entry in left if entry.node in served}

    async def held(self) -> dict[str, int]:
        """Messages that are part of what nodes remember, by node."""
        rows = await self._query(HELD)
        return await asyncio.to_thread(count_held, rows)

    async def _read_states(self, node: str) -> Saved:
        rows = await self._outbox.query(STATES, (self._flow, node))
        return await asyncio.to_thread(read, rows)

    def _letters(self, node: str, saved: Saved, types: Mapping[str, str]) -> Iterator[Change]:
        """What is kept of the states of a node."""
        keeper = DeadLetterKeeper(self._outbox, self._flow, self._revision, self._clock)
        for failure in orphans(node, saved.states, saved.form, self._why_lost(node, types)):
            yield keeper.letter(failure)
        for key, row, reason in saved.damaged:
            yield SetAside(self._flow, node, f"state {key}", 0, self._clock.now_ns(), reason, row)

    def _why_lost(self, node: str, types: Mapping[str, str]) -> str:
        return f"the node is a {types[node]} now" if node in types else "the node is gone"

    async def _types_before(self) -> dict[str, str]:
        found = await self._outbox.query("SELECT value FROM meta WHERE key = ?", (types_key(self._flow),))
        return dict(json.loads(found[0][0])) if found else {}

    async def _left(self) -> list[Left]:
        rows = await self._query(_LEFT)
        # what waits to be brought back to a node is a dead letter already, and stays one if the node is gone
        return [Left(*row) for row in rows if row[2] and not row[1].startswith(REPLAY)]

    async def _nodes_in(self, table: str) -> list[str]:
        rows = await self._query(f"SELECT DISTINCT node FROM {table} WHERE flow = ?")  # noqa: S608 - a name from above
        return [row[0] for row in rows]

    async def _query(self, statement: str) -> list[tuple[Any, ...]]:
        return await self._outbox.query(statement, (self._flow,))

    def _orphan(self, entry: Left, types: Mapping[str, str]) -> Orphan:
        reason = f"{self._why(entry.node, types)}; this message waited there"
        return Orphan(entry.edge, self._flow, entry.node, self._clock.now_ns(), self._revision, KIND, reason)

    def _why(self, node: str, types: Mapping[str, str]) -> str:
        revision = f"revision {self._revision}" if self._revision else "the flow file"
        if node not in types:
            return f"{revision} has no node {node}"
        return f"{revision} made {node} a {types[node]}, which has no queue"

    def _tell_orphans(self, orphans: list[Left], types: Mapping[str, str]) -> None:
        for entry in orphans:
            count = "1 message" if entry.number == 1 else f"{entry.number:,} messages"
            text = f"{self._why(entry.node, types)}; {count} that waited there became dead letters ({KIND})"
            self._history.add("dead", text, node=entry.node)


def types_key(flow: str) -> str:
    """Where the file says which type each node of a flow had."""
    return f"types {flow}"
