"""Brings a batch through a node that waits for a target: tries, waits, tries again, until each message has an end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from flowhost.engine.attempt import UNKNOWN_KIND, Again, Attempts, Halt, Tried, halt_of
from flowhost.engine.backoff import Backoff
from flowhost.engine.batch import Batch, key_of
from flowhost.engine.counters import NodeCounters
from flowhost.engine.edge import age_s
from flowhost.engine.failure import Failure, reason_of
from flowhost.engine.gate import Gate, GateTurn
from flowhost.engine.notices import NoticeBoard
from flowhost.engine.pace import Pace
from flowhost.errors import ConfigError, PermanentError
from flowhost.graph.delivery import DeliveryPolicy

NODE_FAULT_TRIES = 5
FAULT_FIRST_S = 0.002
FAULT_CAP_S = 0.05
"""Waits between the tries of a message the node fails on, while everything behind it waits."""
PROBE = 10
"""Messages of the first try at a target that was down; each that works may be followed by one eight times as large."""
GROWTH = 8
TAKE_AT_MOST = 1000
"""Messages tried at once."""
KEYS_OF_A_TARGET = 3
"""If messages of so many keys are put off and none is taken, it is not the keys but the target."""

NEW = Again("later", "")

EXPIRED = "expired"
GAVE_UP = "gave-up"
NODE_FAULT = "node-fault"


class Shelf(Protocol):
    """Where messages wait that must be tried again, so that others can pass.

    Attributes:
        newcomers: the messages it is asked about have not waited there before.
    """

    newcomers: bool

    def behind(self, batch: Batch, places: Sequence[int]) -> list[int]:
        """Set aside those that wait for an earlier message of their key; the others are returned."""
        ...

    def park(self, batch: Batch, place: int, again: Again) -> bool:
        """Set a message aside; False if there is no room for it."""
        ...


PassOn = Callable[[Tried], Awaitable[None]]
"""Takes what leaves the node and what failed, after each try."""


class Delivery:
    """Calls a node with a batch until every message has an end, or is set aside.

    Args:
        node_id: id of the node.
        attempts: tries.
        gate: says when.
        policy: how long a message is tried.
        counters: of the node.
        board: for lost and restored.
    """

    def __init__(
        self,
        node_id: str,
        attempts: Attempts,
        gate: Gate,
        policy: DeliveryPolicy,
        counters: NodeCounters,
        board: NoticeBoard,
    ) -> None:
        self._node_id = node_id
        self._attempts = attempts
        self._gate = gate
        self._policy = policy
        self._counters = counters
        self._board = board
        self._limit: int | None = None
        self._pace = None if policy.drain_per_s is None else Pace(policy.drain_per_s)
        self._fault_backoff = Backoff(FAULT_FIRST_S, FAULT_CAP_S)

    async def bring(self, batch: Batch, pass_on: PassOn, shelf: Shelf | None = None) -> None:
        """Deliver all; waits as long as the target wants to be tried again and there is no shelf."""
        todo: list[int] = list(range(len(batch.messages)))
        while todo:
            todo = await self._without_expired(batch, todo, pass_on)
            if shelf is not None:
                todo = shelf.behind(batch, todo)
            if not todo:
                return
            tried, rest = await self._try(batch, todo, shelf)
            await pass_on(tried)
            if tried.refused:
                await self._stand_still(tried.refused)
            todo = sorted([*tried.again, *rest])

    async def _without_expired(self, batch: Batch, todo: list[int], pass_on: PassOn) -> list[int]:
        limit_s = self._policy.expire_after_s
        if limit_s is None:
            return todo
        # of those that may have been done, somebody has to say whether they were
        sure = [place for place in todo if place not in batch.unknown]
        old = {place: age for place in sure if (age := age_s(batch.at_ms(place))) > limit_s}
        if old:
            failures = {place: self._expired(batch, place, age) for place, age in old.items()}
            await pass_on(Tried(failures=failures))
        return [place for place in todo if place not in old]

    def _expired(self, batch: Batch, place: int, age: float) -> Failure:
        reason = f"waited {age:.0f} s; after {self._policy.expire_after_s:g} s it is not sent any more"
        return Failure(self._node_id, batch.messages[place], reason, EXPIRED, batch.tries.get(place, 0))

    async def _try(self, batch: Batch, todo: list[int], shelf: Shelf | None) -> tuple[Tried, list[int]]:
        """Try as many as may be tried now.

        Returns:
            How that went, by place in the batch, and the places that were not tried.
        """
        pace = self._pace if batch.waited else None
        most = await pace.some() if pace is not None else None
        turn = await self._gate.turn()
        try:
            trying = self._chosen(batch, todo, alone=turn.alone)[:most]
            if pace is not None:
                pace.went(len(trying))
            messages = batch.messages if len(trying) == len(batch.messages) else [batch.messages[p] for p in trying]
            asks = trying[0] in batch.unknown
            tried = (await (self._attempts.ask(messages) if asks else self._attempts.send(messages))).at(trying)
            tried.newest = _newest(tried, trying)
            for place in trying:
                if tried.again.get(place, NEW).why != "behind":
                    batch.tries[place] = batch.tries.get(place, 0) + 1
            if tried.repeated:
                # what an earlier try of ours has left there was delivered by that try
                tried.repeated = {p for p in tried.repeated if batch.tries[p] == 1 and p not in batch.resent}
            self._judge(batch, tried, turn, shelf)
            for place, failure in tried.failures.items():
                tried.failures[place] = msgspec.structs.replace(failure, attempts=batch.tries[place])
        finally:
            turn.end()
        left = set(trying)
        return tried, [place for place in todo if place not in left]

    def _chosen(self, batch: Batch, todo: list[int], *, alone: bool) -> list[int]:
        """The first ones; of those that may have been done already, only such."""
        limit = PROBE if alone else self._limit
        chosen = todo if limit is None else todo[:limit]
        if not batch.unknown:
            return chosen
        return [place for place in chosen if place in batch.unknown] or chosen

    def _judge(self, batch: Batch, tried: Tried, turn: GateTurn, shelf: Shelf | None) -> None:
        """What follows from a try: who waits, who is set aside, who is given up."""
        if tried.refused:
            return
        halt = tried.halt or self._halt_of_keys(batch, tried, shelf)
        if halt is None and (tried.answered or not tried.again):
            self._worked(turn)
        self._give_up(batch, tried)
        if halt is not None:
            self._limit = PROBE
            self._lost(halt, turn, about_messages=tried.halt is None)
            if tried.halt is None and shelf is not None:
                # should it be the keys after all, they do not stand in the way of others for ever
                self._park_one_key(batch, tried, shelf)
        elif tried.again:
            self._put_off(batch, tried, turn, shelf)
        for place, again in tried.again.items():
            (batch.unknown.add if again.why == "unknown" else batch.unknown.discard)(place)

    def _halt_of_keys(self, batch: Batch, tried: Tried, shelf: Shelf | None) -> Halt | None:
        """So many keys are put off at once that it must be the target; without a shelf everything waits anyway."""
        if shelf is None or not shelf.newcomers or tried.answered:
            return None
        later = {key_of(batch.messages[place]): again for place, again in tried.again.items() if again.why == "later"}
        if len(later) < KEYS_OF_A_TARGET:
            return None
        return Halt(next(iter(later.values())).reason, longest_wait(later.values()))

    def _park_one_key(self, batch: Batch, tried: Tried, shelf: Shelf) -> None:
        key = key_of(batch.messages[next(iter(tried.again))])
        for place, again in list(tried.again.items()):
            if key_of(batch.messages[place]) == key and shelf.park(batch, place, again):
                del tried.again[place]

    def _give_up(self, batch: Batch, tried: Tried) -> None:
        """Messages that were tried often enough fail for good."""
        for place, again in list(tried.again.items()):
            if again.why == "fault":
                batch.faults[place] = batch.faults.get(place, 0) + 1
            end = self._end_of(again, batch.tries.get(place, 0), batch.faults.get(place, 0))
            if end is not None:
                kind, reason = end
                del tried.again[place]
                tried.failures[place] = Failure(self._node_id, batch.messages[place], reason, kind)

    def _end_of(self, again: Again, tries: int, faults: int) -> tuple[str, str] | None:
        """Kind and reason of its failure, if a message is not tried again."""
        if faults >= NODE_FAULT_TRIES:
            return NODE_FAULT, f"the node failed on it {faults:,} times: {again.reason}"
        most = self._policy.retry.max_tries
        if most is None or tries < most or again.why not in ("later", "unknown"):
            return None
        if again.why == "unknown":
            return UNKNOWN_KIND, f"{again.reason}; after {tries:,} tries the target may have it or not: look there"
        return GAVE_UP, f"gave up after {tries:,} tries: {again.reason}"

    def _put_off(self, batch: Batch, tried: Tried, turn: GateTurn, shelf: Shelf | None) -> None:
        """Set messages aside; what finds no place, or has none to go to, holds the others back."""
        held: list[Again] = []
        for place, again in list(tried.again.items()):
            if again.why == "missing" or (again.why == "unknown" and place not in batch.unknown):
                continue  # sent at once, or asked about
            if shelf is not None and shelf.park(batch, place, again):
                del tried.again[place]
                self._failed(again.reason)
            elif again.why != "behind":
                held.append(again)
        if held and all(again.why == "fault" for again in held):
            # the target is there: no reason to call it lost
            turn.failed(Halt(held[0].reason, self._fault_backoff.next_s()))
            self._failed(held[0].reason)
        elif held:
            self._lost(Halt(held[0].reason, longest_wait(held)), turn, about_messages=True)

    def _failed(self, reason: str) -> None:
        self._counters.errors += 1
        self._counters.last_error = reason

    def _lost(self, halt: Halt, turn: GateTurn, *, about_messages: bool) -> None:
        turn.failed(halt)
        if about_messages:
            self._failed(halt.reason)
        else:
            # no message failed: nobody was there to take one
            self._counters.attempts += 1
            self._counters.last_error = halt.reason
        if self._counters.state != "retrying":
            self._board.notice("lost", halt.reason)
        self._counters.ail("retrying", halt.reason)

    def _worked(self, turn: GateTurn) -> None:
        turn.worked()
        self._fault_backoff.reset()
        if self._limit is not None:
            self._limit = None if self._limit * GROWTH > TAKE_AT_MOST else self._limit * GROWTH
        if self._counters.state == "retrying":
            self._board.notice("restored", "delivering again")
        self._counters.state, self._counters.text = "running", ""

    async def _stand_still(self, reason: str) -> None:
        """Credentials are wrong: more attempts would lock the account. Messages wait until a person restarts."""
        self._counters.ail("failed", reason)
        self._counters.last_error = reason
        self._counters.errors += 1
        self._board.notice("error", reason)
        self._gate.shut()
        await asyncio.Event().wait()


def longest_wait(several: Iterable[Again]) -> float | None:
    """Of the waits targets asked for, the longest; None if none asked."""
    return max((again.after_s for again in several if again.after_s is not None), default=None)


async def open_until_ready(
    node: Any, counters: NodeCounters, board: NoticeBoard, gate: Gate, link_ready: Callable[[], Awaitable[None]]
) -> bool:
    """Open a sink or asynchronous transform, trying again while that may help.

    Returns:
        False if only a person can mend it; its messages stay pending.
    """
    while True:
        try:
            await link_ready()
        except PermanentError as error:
            return _cannot_open(error, counters, board, gate)
        turn = await gate.turn()
        try:
            await node.open()
        except (PermanentError, ConfigError) as error:
            return _cannot_open(error, counters, board, gate)
        except Exception as error:  # noqa: BLE001 - a node's own bug must not take other nodes down
            halt = halt_of(error) or Halt(reason_of(error))
            turn.failed(halt)
            counters.attempts += 1
            counters.last_error = halt.reason
            if counters.state != "retrying":
                board.notice("lost", halt.reason)
            counters.ail("retrying", halt.reason)
            await node.close()
        else:
            turn.opened()
            if counters.state == "retrying":
                board.notice("restored", "opened")
            counters.state, counters.text = "running", ""
            return True
        finally:
            turn.end()


def _cannot_open(error: Exception, counters: NodeCounters, board: NoticeBoard, gate: Gate) -> bool:
    gate.shut()
    counters.ail("failed", str(error))
    counters.last_error = str(error)
    counters.errors += 1
    board.notice("error", str(error))
    return False


def _newest(tried: Tried, trying: Sequence[int]) -> int | None:
    """The last place that was confirmed; where the target refused us, what was not tried cannot be told from it."""
    if not tried.done or tried.refused:
        return None
    return next((place for place in reversed(trying) if place not in tried.failures and place not in tried.again), None)
