"""What the nodes of a flow remember: kept on disk, loaded at the start, carried over where a node has changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowhost.engine.counters import NodeCounters
from flowhost.engine.failure import Failure, reason_of
from flowhost.engine.graveyard import Graveyard
from flowhost.engine.journal import Journal, Origin
from flowhost.engine.memory import Memory, Remembered
from flowhost.engine.notices import NoticeBoard
from flowhost.engine.outbox.orphaned_states import given_up, orphans
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.states import Saved, StateKeeper
from flowhost.engine.pump import Deliveries, Pump
from flowhost.engine.segment import Segment
from flowhost.engine.token import Token
from flowhost.sdk import Clock, Message, Remembering, Step

CHANGED = "the node is configured in another way now"


@dataclass
class KeptNode:
    """A node whose state is kept.

    Attributes:
        keeper: of its state.
        segment: it is part of.
        origin: what it does by itself, on time or at the start, belongs there.
        saved: found at the start.
    """

    keeper: StateKeeper
    segment: Segment
    origin: Origin
    saved: Saved


class Memories:
    """All nodes of a run whose state is kept.

    Args:
        outbox: the file.
        journal: of the run.
        flow: flow id.
        pump: of the run.
        graveyard: of the run.
        counters: by node id.
        clock: source of time.
    """

    def __init__(
        self,
        outbox: Outbox,
        journal: Journal,
        flow: str,
        pump: Pump,
        graveyard: Graveyard,
        counters: Mapping[str, NodeCounters],
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._journal = journal
        self._flow = flow
        self._pump = pump
        self._graveyard = graveyard
        self._counters = counters
        self._clock = clock
        self._kept: dict[str, KeptNode] = {}

    def keep(self, segment: Segment, nodes: Sequence[tuple[Remembering[Any], Memory, NoticeBoard]]) -> None:
        """Keep what these nodes of a segment remember."""
        for node, memory, board in nodes:
            keeper = StateKeeper(self._outbox, self._flow, node, memory, board, self._clock)
            origin = self._journal.origin(lambda _: (), lambda _: None)
            self._kept[memory.node_id] = KeptNode(keeper, segment, origin, Saved())
            self._pump.add_keeper(memory.node_id, keeper)

    @property
    def nodes(self) -> Collection[str]:
        """Ids of the nodes."""
        return self._kept.keys()

    def origin(self, node_id: str) -> Origin:
        """Where what a node does by itself belongs."""
        return self._kept[node_id].origin

    async def load(self) -> None:
        """Put back what earlier runs have saved; messages held count as pending again. Raises `HostError`."""
        for node_id, kept in self._kept.items():
            saved = kept.saved = await kept.keeper.load()
            self._counters[node_id].in_ += sum(remembered.held for remembered in saved.states)
            if saved.form == kept.keeper.form:
                for remembered in saved.states:
                    kept.keeper.memory.restore(remembered)

    async def saved(self) -> None:
        """Returns when all that has begun is on disk."""
        await self._journal.empty()

    def carry_over(self) -> list[tuple[Deliveries, Token]]:
        """Let nodes that have changed take on what they had saved before; what they give out, to be delivered."""
        given_out = []
        for kept in self._kept.values():
            if kept.saved.form == kept.keeper.form:
                continue
            token = kept.origin.open(None)
            deliveries: Deliveries = []
            self._carry_over(kept, token, deliveries)
            # at once: whatever comes next finds states and form on their way to disk together
            kept.keeper.passed(token)
            kept.keeper.keep_form(token)
            given_out.append((deliveries, token))
        return given_out

    async def deliver(self, given_out: Sequence[tuple[Deliveries, Token]]) -> None:
        """Send it on its way."""
        for deliveries, token in given_out:
            await self._pump.deliver(deliveries, token)
            token.done()

    def _carry_over(self, kept: KeptNode, token: Token, deliveries: Deliveries) -> None:
        outputs: list[tuple[str, Sequence[Message]]] = []
        failures: list[Failure] = []
        lost: list[Remembered] = []
        for remembered in kept.saved.states:
            step = self._adopted(kept, remembered)
            if step is None:
                lost.append(remembered)
            else:
                outputs += kept.keeper.memory.adopt(remembered, step, failures)
        self._pump.after(kept.segment, outputs, failures, deliveries)
        kept.saved.states = []
        if lost:
            kept.keeper.forget([remembered.key for remembered in lost], token)
            self._give_up(kept, lost, deliveries)

    def _adopted(self, kept: KeptNode, remembered: Remembered) -> Step | None:
        """What the node makes of a state in another form; None if it can make nothing of it."""
        made = kept.saved.form
        if made is None:
            return None
        try:
            return kept.keeper.node.adopt(remembered.state, made)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises: then it is as if it could not
            kept.keeper.board.notice("warning", f"could not take on what it remembered: {reason_of(error)}")
            return None

    def _give_up(self, kept: KeptNode, lost: Sequence[Remembered], deliveries: Deliveries) -> None:
        """States nobody can go on with: keys start afresh, messages held become dead letters."""
        node_id, form = kept.keeper.memory.node_id, kept.saved.form
        counters = self._counters[node_id]
        kept.keeper.board.notice("warning", f"{CHANGED}; {given_up(lost)}")
        failures = orphans(node_id, lost, form, CHANGED)
        counters.used += sum(remembered.held for remembered in lost)
        counters.made += len(failures)
        counters.dead += len(failures)
        if failures and (burial := self._graveyard.bury(failures)) is not None:
            deliveries.append((burial, ()))
