"""`SourceConformance`: what every source has to keep."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, cast

import pytest
from typing_extensions import override

from flowhost.sdk import Message, Source
from flowhost.testing.conformance.life import LifeConformance
from flowhost.testing.conformance.source_drive import SourceDrive
from flowhost.testing.conformance.stage import PATIENCE_S, Stage, until
from flowhost.testing.conformance.target import need

AWAY_S = 0.4
"""How long the target stays away: long enough for some tries to fail."""


class SourceConformance(LifeConformance):
    """Give `node_type`, the fixtures `config` (and `connection_config`) and a `target` (`SourceTarget`).

    The target's `produce(numbers)` makes messages; `number_of` reads the number back. With `cut` and `restore` the
    tests of lost links run too.

    Attributes:
        sampled: the source brings the latest value, not every one (polling): only order and the last are tested.
        pressure: how many messages wait while the flow takes none.
    """

    sampled: ClassVar[bool] = False
    pressure: ClassVar[int] = 500

    def number_of(self, message: Message) -> int:
        """The number given to `produce`; from field `n` of an object, else the payload itself."""
        payload = message.payload
        return int(payload["n"] if isinstance(payload, dict) else payload)

    @override
    async def exercise(self, stage: Stage, target: Any) -> None:
        """Bring a few messages."""
        drive = await self._drive(stage).start()
        try:
            await self._bring(drive, target, range(3))
        finally:
            await drive.stop()

    @pytest.mark.asyncio
    async def test_brings_everything_in_order(self, stage: Stage, target: Any) -> None:
        """What the origin has comes once, in its order, as messages on declared ports."""
        need(target, "produce")
        await stage.up()
        drive = await self._drive(stage).start()
        try:
            await self._bring(drive, target, range(40))
        finally:
            await drive.stop()
        self._check_order(drive.numbers, repeats=False)
        self._check_ids(drive)
        assert not drive.breaches, "; ".join(drive.breaches)

    @pytest.mark.asyncio
    async def test_waits_while_the_flow_is_full(self, stage: Stage, target: Any) -> None:
        """While `emit` does not return nothing more is handed over; afterwards nothing is missing."""
        need(target, "produce")
        await stage.up()
        drive = self._drive(stage)
        drive.gate.clear()
        await drive.start()
        try:
            await self._ready(drive, target)
            await target.produce(range(1))
            await until(lambda: drive.waiting, "the source calls emit()")
            numbers = range(1, self.pressure)
            await target.produce(numbers)
            await asyncio.sleep(0.5)
            breaches = list(drive.breaches)
            drive.gate.set()
            await drive.arrived([numbers[-1]] if self.sampled else numbers, self.patience_s)
        finally:
            await drive.stop()
        assert not breaches, "; ".join(breaches)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("moment", ["waiting", "handing over"])
    async def test_cancel_is_prompt(self, stage: Stage, target: Any, moment: str) -> None:
        """Cancelled while it waits for the origin, or for the flow, it lets go at once."""
        need(target, "produce")
        await stage.up()
        drive = await self._drive(stage).start()
        await self._bring(drive, target, range(1))
        if moment == "handing over":
            drive.gate.clear()
            await target.produce(range(1, 3))
            await until(lambda: drive.waiting, "the source calls emit()")
        began = time.monotonic()
        let_go = await drive.stop_run(firmly=True)
        took = time.monotonic() - began
        await drive.close()
        assert took < PATIENCE_S, f"run() went on for {took:.1f} s after it was cancelled"
        assert let_go, "run() swallowed CancelledError; let it rise after clearing up"

    @pytest.mark.asyncio
    async def test_continues_after_the_target_was_cut(self, stage: Stage, target: Any) -> None:
        """It comes back by itself; one notice says lost, one says restored; what is kept for it is not lost."""
        need(target, "produce", "cut", "restore")
        await stage.up()
        drive = await self._drive(stage).start()
        try:
            await self._bring(drive, target, range(5))
            await target.cut()
            await until(lambda: drive.losses or stage.board.of("lost"), "somebody notices the cut", self.patience_s)
            if drive.replayable:
                await target.produce(range(5, 10))
            await asyncio.sleep(AWAY_S)
            await self._come_back(stage, drive, target)
            kept = range(5, 10) if drive.replayable else range(0)
            await self._bring(drive, target, range(10, 15), also=kept)
        finally:
            await drive.stop()
        self._check_order(drive.numbers, repeats=True)
        check_notices(stage, said_by_engine=bool(drive.losses))

    @pytest.mark.asyncio
    async def test_what_was_not_confirmed_comes_again(self, stage: Stage, target: Any) -> None:
        """After a stop the origin delivers exactly what was not confirmed, with the same ids if it says so."""
        first, second = range(6), range(6, 12)
        need(target, "produce")
        self._need_replayable(stage)
        await stage.up()
        drive = await self._drive(stage, confirming=False).start()
        await self._bring(drive, target, first)
        await self._bring(drive, target, second)
        settled = drive.settle(first)
        await until(lambda: drive.told == settled, "on_outcome() has returned")
        ids = {self.number_of(message): message.meta.id for message in drive.messages}
        await drive.stop()
        again = await self._drive(stage).start()
        try:
            await again.arrived(second, self.patience_s)
        finally:
            await again.stop()
        came = set(again.numbers)
        assert not came & set(first), f"confirmed, but delivered again: {sorted(came & set(first))}"
        changed = [n for n in second if ids[n] != self._id_of(again, n)] if again.stable_ids else []
        assert not changed, f"the id of {changed[:5]} is another one at redelivery"

    @pytest.mark.asyncio
    async def test_confirms_while_it_stops(self, stage: Stage, target: Any) -> None:
        """What is settled after `run` was cancelled, and before `close`, is confirmed all the same."""
        need(target, "produce")
        self._need_replayable(stage)
        await stage.up()
        drive = await self._drive(stage, confirming=False).start()
        await self._bring(drive, target, range(6))
        await drive.stop_run()
        drive.settle(range(6))
        await drive.close()
        again = await self._drive(stage).start()
        try:
            await self._bring(again, target, range(10, 12))
        finally:
            await again.stop()
        late = sorted(set(again.numbers) & set(range(6)))
        assert not late, f"settled between the end of run() and close(), but delivered again: {late}"

    def _drive(self, stage: Stage, *, confirming: bool = True) -> SourceDrive:
        return SourceDrive(cast(Source[Any], stage.new_node()), self.number_of, confirming=confirming)

    def _check_ids(self, drive: SourceDrive) -> None:
        """Two messages with one id would count once."""
        ids = [message.meta.id for message in drive.messages]
        if drive.stable_ids:
            assert all(ids), "has_stable_ids() says that every message has an id, but some have none"
        given = [ident for ident in ids if ident]
        assert len(set(given)) == len(given), f"several messages have the id {Counter(given).most_common(1)[0][0]!r}"

    def _id_of(self, drive: SourceDrive, number: int) -> str:
        return next(message.meta.id for message in drive.messages if self.number_of(message) == number)

    def _need_replayable(self, stage: Stage) -> None:
        if not self._drive(stage).replayable:
            pytest.skip("the source is not replayable")

    async def _bring(self, drive: SourceDrive, target: Any, numbers: Sequence[int], also: Sequence[int] = ()) -> None:
        """Produce these and wait for them; of a sampled source each one in turn."""
        if self.sampled:
            for number in numbers:
                await target.produce([number])
                await drive.arrived([number], self.patience_s)
            return
        await self._ready(drive, target)
        await target.produce(numbers)
        await drive.arrived([*also, *numbers], self.patience_s)

    async def ready(self, drive: SourceDrive, target: Any) -> None:
        """Wait until what is produced now will be received; override it where an origin keeps nothing for later."""

    async def _ready(self, drive: SourceDrive, target: Any) -> None:
        await until(lambda: drive.lives or drive.over, "the source is opened", self.patience_s)
        assert not drive.over, "; ".join(drive.breaches) or "run() returned at once"
        await self.ready(drive, target)

    async def _come_back(self, stage: Stage, drive: SourceDrive, target: Any) -> None:
        lives = drive.lives
        await target.restore()
        if stage.board.of("lost"):
            await until(lambda: stage.board.of("restored"), "one notice says that the link is back", self.patience_s)
        elif drive.losses:
            await until(lambda: drive.lives > lives or drive.over, "it is opened again", self.patience_s)

    def _check_order(self, numbers: list[int], *, repeats: bool) -> None:
        firsts = list(dict.fromkeys(numbers))
        if not self.sampled and not repeats:
            assert len(firsts) == len(numbers), f"brought twice: {[n for n in firsts if numbers.count(n) > 1][:5]}"
        wrong = [f"{late} came after {early}" for early, late in pairwise(firsts) if late < early]
        assert not wrong, f"out of order: {wrong[0]}"


def check_notices(stage: Stage, *, said_by_engine: bool) -> None:
    """One line when the link was lost and one when it came back.

    Args:
        stage: took the notices of node and connection.
        said_by_engine: the node raised, so the engine writes both lines; it may leave them out itself.
    """
    lost, restored = stage.board.of("lost"), stage.board.of("restored")
    least = 0 if said_by_engine else 1
    assert least <= len(lost) <= 1, f"one notice says that the link is lost, not {len(lost)}: {lost}"
    assert len(restored) == len(lost), f"as many notices say restored ({restored}) as lost ({lost})"
