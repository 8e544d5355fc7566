"""`SinkConformance`: what every sink has to keep."""

from __future__ import annotations

import asyncio
import copy
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import pytest
from typing_extensions import override

from flowhost.errors import TemporaryError
from flowhost.sdk import Message, Meta, Ok, QueryOutcome, Reject, Retry, Sink, Unknown, UnknownOutcomeError
from flowhost.testing.clock import START_NS
from flowhost.testing.conformance.life import LifeConformance
from flowhost.testing.conformance.sink_drive import SinkDrive
from flowhost.testing.conformance.source import AWAY_S, check_notices
from flowhost.testing.conformance.stage import PATIENCE_S, Stage, ended, opened, until
from flowhost.testing.conformance.target import need
from flowhost.testing.freeze import freeze_message

KEYS = 3


class SinkConformance(LifeConformance):
    """Give `node_type`, the fixtures `config` (and `connection_config`) and a `target` (`SinkTarget`).

    With `cut`, `restore`, `mute`, `unmute` and `busy` of the target the tests of lost links, missing answers and
    refusals run too.

    Attributes:
        repeats: after an outage the target may hold a message twice, by its protocol (MQTT QoS 1) or by the config.
        seed: of the random outages.
    """

    repeats: ClassVar[bool] = False
    seed: ClassVar[int] = 20260101

    def message(self, number: int) -> Message:
        """The message whose number the target shall show; override it to fit the config."""
        meta = Meta(f"conformance/{number % KEYS}", START_NS + number, key=f"k{number % KEYS}", id=f"id-{number}")
        return Message({"n": number}, meta)

    @pytest.fixture
    def poison(self) -> Message | None:
        """A message the target or the sink refuses for good, whatever its neighbours; None if there is no such."""
        return None

    @override
    async def exercise(self, stage: Stage, target: Any) -> None:
        """Deliver a few messages."""
        drive = await self._drive(stage)
        try:
            await drive.bring(self.batch(range(5)))
        finally:
            await drive.node.close()

    @pytest.mark.asyncio
    async def test_delivers_everything_in_order(self, stage: Stage, target: Any) -> None:
        """Batches of all sizes arrive once, in order per key; every message has one outcome."""
        drive = await self._start(stage)
        for begin, size in ((0, 1), (1, 2), (3, 40), (43, 7)):
            ends = await drive.bring(self.batch(range(begin, begin + size)))
            assert set(ends) == {"done"}, f"not delivered: {drive.reasons}"
        await drive.node.close()
        await self._check(target, range(50), repeats=False)
        assert not drive.breaches, "; ".join(drive.breaches)

    @pytest.mark.asyncio
    async def test_does_not_change_its_input(self, stage: Stage, target: Any) -> None:  # noqa: ARG002
        """Other branches of the flow hold the same payload."""
        drive = await self._start(stage)
        messages = self.batch(range(5))
        before = copy.deepcopy(messages)
        ends = await drive.bring([freeze_message(message) for message in messages])
        changed = await drive.bring(messages)
        await drive.node.close()
        assert set(ends) == set(changed) == {"done"}, f"a frozen payload was not delivered: {drive.reasons}"
        assert messages == before, "write() changed the messages it was given; build new objects"

    @pytest.mark.asyncio
    async def test_poison_costs_one_message(self, stage: Stage, target: Any, poison: Message | None) -> None:
        """One message among many that cannot be delivered is refused alone; the others arrive."""
        if poison is None:
            pytest.skip("no fixture `poison`")
        drive = await self._start(stage)
        good = self.batch(range(8))
        ends = await drive.bring([*good[:5], poison, *good[5:]])
        await drive.node.close()
        assert ends[5] == "refused", f"the poison ended as {ends[5]!r}; Reject it, or raise MessageError"
        assert drive.reasons[5].strip(), "the refusal has no reason"
        assert [end for end in ends if end == "done"] == ["done"] * 8, f"neighbours were refused: {drive.reasons}"
        await self._check(target, range(8), repeats=self.repeats)

    @pytest.mark.asyncio
    async def test_confirms_only_what_the_target_confirmed(self, stage: Stage, target: Any) -> None:
        """While the target's answer is out, nothing is called delivered."""
        need(target, "mute", "unmute")
        drive = await self._start(stage)
        if not drive.node.is_confirmed(drive.node.config):
            await drive.node.close()
            pytest.skip("of this config it says itself that what is done is not confirmed")
        await drive.bring(self.batch(range(2)))
        await target.mute()
        writing = asyncio.create_task(drive.attempt(self.batch(range(2, 4))))
        await asyncio.wait([writing], timeout=1.0)
        early = writing.done() and any(isinstance(outcome, Ok) for outcome in writing.result())
        await target.unmute()
        again = [m for m, o in zip(self.batch(range(2, 4)), await writing, strict=True) if not isinstance(o, Ok)]
        await drive.bring(again)
        await drive.node.close()
        assert not early, "write() called messages delivered that the target had not confirmed"
        await self._check(target, range(4), repeats=self.repeats)

    @pytest.mark.asyncio
    async def test_says_when_the_outcome_is_unknown(self, stage: Stage, target: Any) -> None:
        """Sent, but never answered: neither done nor undone, unless a repetition does no harm."""
        need(target, "mute", "cut", "restore")
        drive = await self._start(stage)
        await drive.bring(self.batch(range(2)))
        held = len(await target.received())
        await target.mute()
        writing = asyncio.create_task(_said(drive.node, self.batch(range(2, 5))))
        for _ in range(100):
            if len(await target.received()) > held or writing.done():
                break
            await asyncio.sleep(0.02)
        await target.cut()
        await asyncio.wait([writing], timeout=self.patience_s)
        said = writing.result() if writing.done() else ["nothing"] * 3
        holds = set(await target.received())
        await target.restore()
        await ended(writing)
        await drive.node.close()
        silent = {number for number, word in zip(range(2, 5), said, strict=True) if word == "done"}
        assert not silent, f"called delivered without an answer: {sorted(silent)}"
        safe = drive.node.is_idempotent(drive.node.config) or self.repeats
        wrong = {n for n, word in zip(range(2, 5), said, strict=True) if word in ("not done", "refused") and n in holds}
        assert safe or not wrong, f"the target holds {sorted(wrong)}, write() said that nothing was done: say Unknown"

    @pytest.mark.asyncio
    async def test_writing_twice_counts_once(self, stage: Stage, target: Any) -> None:
        """A sink that says `is_idempotent` may be given the same message again; with another id, if it says so."""
        drive = await self._start(stage)
        if not drive.node.is_idempotent(drive.node.config):
            await drive.node.close()
            pytest.skip("it does not say `is_idempotent` of this config")
        again = self.batch(range(5))
        if not drive.node.goes_by_id(drive.node.config):
            again = [message.with_meta(id=f"again-{message.meta.id}") for message in again]
        for messages in (self.batch(range(5)), again):
            await drive.bring(messages)
        await drive.node.close()
        await self._check(target, range(5), repeats=False)

    @pytest.mark.asyncio
    async def test_tells_what_became_of_a_message(self, stage: Stage, target: Any) -> None:
        """A sink that is a `QueryOutcome` knows what its target has and what it has not; asking changes nothing."""
        drive = await self._start(stage)
        node = drive.node
        if not (isinstance(node, QueryOutcome) and node.can_query_outcome(node.config)):
            await node.close()
            pytest.skip("its target cannot be asked what became of a message")
        await drive.bring(self.batch(range(3)))
        said = await node.query_outcome(self.batch(range(5)))
        words = [type(outcome).__name__ for outcome in said]
        assert words == ["Ok"] * 3 + ["Retry"] * 2, f"three were written and two were not, query_outcome() says {words}"
        if hasattr(target, "cut"):
            await target.cut()
            try:
                away = await node.query_outcome(self.batch(range(5)))
            except TemporaryError:
                away = []
            await target.restore()
            guessed = [type(outcome).__name__ for outcome in away if not isinstance(outcome, Unknown)]
            assert not guessed, f"the target was away, and query_outcome() says {guessed}"
        await node.close()
        await self._check(target, range(3), repeats=False)

    @pytest.mark.asyncio
    async def test_continues_after_the_target_was_cut(self, stage: Stage, target: Any) -> None:
        """It delivers again by itself; one notice says lost, one says restored; nothing is missing."""
        need(target, "cut", "restore")
        drive = await self._start(stage)
        await drive.bring(self.batch(range(3)))
        await target.cut()
        writing = asyncio.create_task(drive.bring(self.batch(range(3, 6)), self.patience_s + 10))
        await until(lambda: drive.losses or stage.board.of("lost"), "somebody notices the cut", self.patience_s)
        await asyncio.sleep(AWAY_S)
        await target.restore()
        ends = await writing
        assert "refused" not in ends, f"an outage is no reason to refuse: {drive.reasons}"
        await self._check(target, self._done(range(3, 6), ends), repeats=self.repeats)
        if stage.board.of("lost"):
            await until(lambda: stage.board.of("restored"), "one notice says that the link is back", self.patience_s)
        await drive.node.close()
        check_notices(stage, said_by_engine=bool(drive.losses))

    @pytest.mark.asyncio
    async def test_keeps_its_word_on_a_bad_line(self, stage: Stage, target: Any) -> None:
        """Cuts and refusals at random: every message has one end, what was called done is there, in order per key."""
        need(target, "cut", "restore")
        chance = random.Random(self.seed)  # noqa: S311 - outages of a test
        drive = await self._start(stage)
        over = asyncio.Event()
        vandal = asyncio.create_task(_vandalise(target, chance, over))
        numbers, ends, begin = range(200), [], 0
        try:
            while begin < len(numbers):
                size = chance.randint(1, 20)
                ends += await drive.bring(self.batch(numbers[begin : begin + size]), 40.0)
                begin += size
                await asyncio.sleep(chance.uniform(0, 0.02))
        finally:
            over.set()
            await vandal
        await drive.node.close()
        assert len(ends) == len(numbers)
        assert "refused" not in ends, f"an outage is no reason to refuse (seed {self.seed}): {drive.reasons}"
        await self._check(target, self._done(numbers, ends), repeats=self.repeats)

    @pytest.mark.asyncio
    async def test_cancel_is_prompt(self, stage: Stage, target: Any) -> None:
        """Cancelled while the target is silent, it lets go at once and works again afterwards."""
        drive = await self._start(stage)
        await drive.bring(self.batch(range(1)))
        if hasattr(target, "mute"):
            await target.mute()
        writing = asyncio.create_task(drive.attempt(self.batch(range(1, 20))))
        await asyncio.sleep(0.1 if hasattr(target, "mute") else 0)
        began = time.monotonic()
        in_time = writing.done() or await ended(writing)
        took = time.monotonic() - began
        if hasattr(target, "unmute"):
            await target.unmute()
        swallowed = hasattr(target, "mute") and not writing.cancelled()
        assert in_time, f"write() went on for {took:.1f} s after it was cancelled; allowed are {PATIENCE_S:g} s"
        assert not swallowed, "write() swallowed CancelledError; let it rise after clearing up"
        ends = await drive.bring(self.batch(range(20, 22)))
        await drive.node.close()
        assert set(ends) == {"done"}, f"after a cancelled write() nothing is delivered: {drive.reasons}"

    def batch(self, numbers: Sequence[int]) -> list[Message]:
        """Messages of these numbers."""
        return [self.message(number) for number in numbers]

    async def _drive(self, stage: Stage) -> SinkDrive:
        node = cast(Sink[Any], stage.new_node())
        await opened(node)
        return SinkDrive(node)

    async def _start(self, stage: Stage) -> SinkDrive:
        await stage.up()
        return await self._drive(stage)

    def _done(self, numbers: Sequence[int], ends: Sequence[str]) -> list[int]:
        return [number for number, end in zip(numbers, ends, strict=True) if end == "done"]

    async def _check(self, target: Any, done: Sequence[int], *, repeats: bool) -> None:
        """What was called done is at the target, in order per key, once unless repetitions are allowed."""
        if not hasattr(target, "received"):
            return
        for _ in range(100):
            held = await target.received()
            if set(done) <= set(held):
                break
            await asyncio.sleep(0.02)
        held = await target.received()
        lost = sorted(set(done) - set(held))
        assert not lost, f"called delivered, but not at the target: {lost[:10]}"
        twice = [number for number, count in Counter(held).items() if count > 1 and number in set(done)]
        assert repeats or not twice, f"at the target more than once: {twice[:10]}"
        firsts = list(dict.fromkeys(held))
        for key in range(KEYS):
            mine = [number for number in firsts if number % KEYS == key]
            assert mine == sorted(mine), f"out of order within a key: {mine}"


async def _said(node: Sink[Any], messages: list[Message]) -> list[str]:
    """What one try says of each message."""
    try:
        outcomes = await node.write(messages)
    except UnknownOutcomeError:
        return ["unknown"] * len(messages)
    except Exception:  # noqa: BLE001 - all others say that nothing was done
        return ["not done"] * len(messages)
    words = {Ok: "done", Retry: "not done", Reject: "refused"}
    return ["done"] * len(messages) if outcomes is None else [words.get(type(one), "unknown") for one in outcomes]


async def _vandalise(target: Any, chance: random.Random, over: asyncio.Event) -> None:
    """Three short outages; where the target can be busy, spells of that between them."""
    for _ in range(3):
        if over.is_set():
            return
        await asyncio.sleep(chance.uniform(0.02, 0.1))
        if hasattr(target, "busy"):
            await target.busy(True)
            await asyncio.sleep(0.05)
            await target.busy(False)
        await target.cut()
        await asyncio.sleep(chance.uniform(0.05, 0.15))
        await target.restore()
