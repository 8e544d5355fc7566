"""A connector as `flowhost plugin new acme` writes it, spoilt: one fault per class.

Each class names the conformance tests that have to find it in `FOUND_BY`.
"""

import asyncio
import random
import socket
import threading
import time
from typing import ClassVar

from flowhost_acme.config import DeviceConfig, ScaleConfig
from flowhost_acme.connection import AcmeDevice
from flowhost_acme.sink_write import AcmeWrite
from flowhost_acme.source_read import AcmeRead
from flowhost_acme.transform_scale import AcmeScale

from flowhost import sdk

CUT = "test_continues_after_the_target_was_cut"
BAD_LINE = "test_keeps_its_word_on_a_bad_line"


# -- sources


class SleepsInPlace(AcmeRead):
    FOUND_BY = ("test_does_not_block_the_loop",)

    async def run(self, emit):
        async def slow(*args, **more):
            time.sleep(0.001)
            await emit(*args, **more)

        await super().run(slow)


class LeaksATask(AcmeRead):
    FOUND_BY = ("test_leaves_nothing_behind",)

    async def open(self):
        await super().open()
        self.forgotten = asyncio.create_task(asyncio.sleep(3600))


class LeaksAThread(AcmeRead):
    FOUND_BY = ("test_leaves_nothing_behind",)

    async def open(self):
        await super().open()
        threading.Thread(target=threading.Event().wait, args=(5,), daemon=True).start()


class LeaksSockets(AcmeRead):
    FOUND_BY = ("test_opens_and_closes_twenty_times",)
    kept: ClassVar = []

    async def open(self):
        await super().open()
        self.kept.append(socket.socket())


class FailsToCloseUnopened(AcmeRead):
    FOUND_BY = ("test_close_is_safe_at_any_time",)
    opened = False

    async def open(self):
        self.opened = True
        await super().open()

    async def close(self):
        if not self.opened:
            raise RuntimeError("nothing to close")
        await super().close()


class SwallowsCancel(AcmeRead):
    FOUND_BY = ("test_cancel_is_prompt",)

    async def run(self, emit):
        try:
            await super().run(emit)
        except asyncio.CancelledError:
            return


class DoesNotWaitForTheFlow(AcmeRead):
    FOUND_BY = ("test_waits_while_the_flow_is_full",)

    async def run(self, emit):
        tasks = []

        async def at_once(*args, **more):
            tasks.append(asyncio.create_task(emit(*args, **more)))
            await asyncio.sleep(0)

        try:
            await super().run(at_once)
        finally:
            for task in tasks:
                task.cancel()


class LosesWhenTheFlowIsSlow(AcmeRead):
    FOUND_BY = ("test_waits_while_the_flow_is_full",)

    async def run(self, emit):
        late = False

        async def hasty(*args, **more):
            nonlocal late
            if not late:
                began = time.monotonic()
                await emit(*args, **more)
                late = time.monotonic() - began > 0.2

        await super().run(hasty)


class Reorders(AcmeRead):
    FOUND_BY = ("test_brings_everything_in_order",)

    async def run(self, emit):
        async def backwards(messages, position, **more):
            await emit(messages[::-1] if len(messages) > 20 else messages, position, **more)

        await super().run(backwards)


class ConfirmsBeforeTheFlow(AcmeRead):
    FOUND_BY = ("test_what_was_not_confirmed_comes_again",)

    async def run(self, emit):
        async def early(messages, position, **more):
            self._line.send(f"ACK {position}")
            await emit(messages, position, **more)

        await super().run(early)


class MakesUpIds(AcmeRead):
    FOUND_BY = ("test_what_was_not_confirmed_comes_again",)

    async def run(self, emit):
        async def renamed(messages, position, **more):
            await emit([m.with_meta(id=str(random.random())) for m in messages], position, **more)

        await super().run(renamed)


class GivesOneIdToAll(AcmeRead):
    FOUND_BY = ("test_brings_everything_in_order",)

    async def run(self, emit):
        async def same(messages, position, **more):
            await emit([m.with_meta(id="item") for m in messages], position, **more)

        await super().run(same)


class ForgetsIds(AcmeRead):
    FOUND_BY = ("test_brings_everything_in_order",)

    async def run(self, emit):
        async def nameless(messages, position, **more):
            await emit([m.with_meta(id="") for m in messages], position, **more)

        await super().run(nameless)


class HangsUpTooEarly(AcmeRead):
    FOUND_BY = ("test_confirms_while_it_stops",)

    async def run(self, emit):
        try:
            await super().run(emit)
        finally:
            await self.close()


class GivesUp(AcmeRead):
    FOUND_BY = (CUT,)

    async def run(self, emit):
        try:
            await super().run(emit)
        except sdk.NotConnectedError as error:
            raise sdk.PermanentError(str(error)) from error


class TellsEveryTry(AcmeRead):
    FOUND_BY = (CUT,)

    async def open(self):
        try:
            await super().open()
        except sdk.NotConnectedError as error:
            self.context.board.notice("lost", str(error))
            raise


# -- sinks


class ConfirmsUnanswered(AcmeWrite):
    FOUND_BY = ("test_confirms_only_what_the_target_confirmed",)

    async def _write_one(self, message):
        try:
            async with asyncio.timeout(0.3):
                return await super()._write_one(message)
        except TimeoutError:
            return sdk.Ok()


class CallsUnknownUndone(AcmeWrite):
    FOUND_BY = ("test_says_when_the_outcome_is_unknown",)
    spec = sdk.NodeSpec(
        id="acme.write", title="Write", summary="Writes.", category="plant", connection="acme.device", ports=()
    )

    async def _write_one(self, message):
        outcome = await super()._write_one(message)
        return sdk.Retry() if isinstance(outcome, sdk.Unknown) else outcome


class WritesTwice(AcmeWrite):
    FOUND_BY = ("test_writing_twice_counts_once",)
    REPEATS = True

    async def _write_one(self, message):
        return await super()._write_one(message.with_meta(id=""))


class SaysItKnowsTheContent(AcmeWrite):
    FOUND_BY = ("test_writing_twice_counts_once",)

    @classmethod
    def goes_by_id(cls, config):
        return False


class RefusesTheWholeBatch(AcmeWrite):
    FOUND_BY = ("test_poison_costs_one_message",)

    async def write(self, messages):
        outcomes = await super().write(messages)
        refused = [one for one in outcomes if isinstance(one, sdk.Reject)]
        return refused[:1] * len(messages) if refused else outcomes


class ChangesItsInput(AcmeWrite):
    FOUND_BY = ("test_does_not_change_its_input",)

    async def _write_one(self, message):
        if isinstance(message.payload, dict):
            message.payload["sent"] = True
        return await super()._write_one(message)


class WritesBackwards(AcmeWrite):
    FOUND_BY = ("test_delivers_everything_in_order",)

    async def write(self, messages):
        return await super().write(messages[::-1] if len(messages) > 30 else messages)


class ForgetsAnOutcome(AcmeWrite):
    FOUND_BY = ("test_delivers_everything_in_order",)

    async def write(self, messages):
        outcomes = await super().write(messages)
        return outcomes[1:] if len(messages) == 40 else outcomes


class RefusesInAnOutage(AcmeWrite):
    FOUND_BY = (CUT, BAD_LINE)

    async def _write_one(self, message):
        outcome = await super()._write_one(message)
        return sdk.Reject("away") if isinstance(outcome, sdk.Retry) else outcome


class LosesInAnOutage(AcmeWrite):
    FOUND_BY = (CUT, BAD_LINE)

    async def _write_one(self, message):
        outcome = await super()._write_one(message)
        return sdk.Ok() if isinstance(outcome, sdk.Retry) else outcome


class ClaimsToKnow(AcmeWrite):
    FOUND_BY = ("test_tells_what_became_of_a_message",)

    @classmethod
    def can_query_outcome(cls, config):
        return True

    async def query_outcome(self, messages):
        return [sdk.Ok() for _ in messages]


class LingersAfterCancel(AcmeWrite):
    FOUND_BY = ("test_cancel_is_prompt",)

    async def write(self, messages):
        try:
            return await super().write(messages)
        except asyncio.CancelledError:
            await asyncio.sleep(3)
            raise


# -- connections


class PrintsItsPassword(AcmeDevice):
    FOUND_BY = ("test_secrets_are_never_shown",)

    async def open(self):
        print("logging in with", self.config.password.get_secret_value())
        await super().open()


class LogsItsPassword(AcmeDevice):
    FOUND_BY = ("test_secrets_are_never_shown",)

    async def open(self):
        self.context.log.debug("LOGIN %s", self.config.password.get_secret_value())
        await super().open()


class ShowsItsPassword(AcmeDevice):
    FOUND_BY = ("test_secrets_are_never_shown",)

    def health(self):
        return f"connected with {self.config.password.get_secret_value()}"


class SaysNothing(AcmeDevice):
    FOUND_BY = ("test_comes_back_after_the_target_was_cut",)

    def _note_loss(self, reason):
        pass


class StaysAway(AcmeDevice):
    FOUND_BY = ("test_comes_back_after_the_target_was_cut",)
    gone = False

    async def _standing(self):
        if self._line is None and self._loss:
            raise sdk.NotConnectedError("gone for good")
        return await super()._standing()


class RaisesWhatItLikes(AcmeDevice):
    FOUND_BY = ("test_says_when_the_target_is_away",)

    async def open(self):
        try:
            await super().open()
        except sdk.NotConnectedError as error:
            raise ValueError("cannot connect") from error


class LingersWhileOpening(AcmeDevice):
    FOUND_BY = ("test_cancelled_opening_is_prompt", "test_close_is_safe_at_any_time")

    async def open(self):
        try:
            await super().open()
        except asyncio.CancelledError:
            await asyncio.sleep(3)
            raise


class TestsNothing(AcmeDevice):
    FOUND_BY = ("test_test_button_works",)
    __test__ = False

    async def test(self):
        return ""


class GivesAllThereIs(AcmeDevice):
    FOUND_BY = ("test_pick_lists_keep_to_what_is_asked",)
    LISTS = ("channels",)

    async def browse(self, request):
        return sdk.Choices(items=tuple(sdk.Choice(value=f"channel {number}") for number in range(500)))


class OwnConfig(DeviceConfig):
    """As the device's."""

    undocumented: int = 0


class ExplainsNothing(AcmeDevice):
    """A device."""

    FOUND_BY = ("test_every_field_is_documented",)
    Config = OwnConfig


class LaxConfig(DeviceConfig, extra="ignore"):
    """Takes everything."""


class TakesUnknownKeys(AcmeDevice):
    """A device."""

    FOUND_BY = ("test_unknown_key_is_refused", "test_spec_keeps_the_contract")
    Config = LaxConfig


# -- transforms


class ScalesInPlace(AcmeScale):
    FOUND_BY = ("test_does_not_change_its_input", "test_poison_costs_one_message")

    def process_one(self, message):
        result = super().process_one(message)
        message.payload.update(result.payload)
        return result


class LooksAtTheClock(AcmeScale):
    FOUND_BY = (
        "test_is_deterministic", "test_batches_make_no_difference", "test_does_not_change_its_input",
        "test_poison_costs_one_message", "test_state_survives_a_restart",
    )  # fmt: skip

    def process_one(self, message):
        result = super().process_one(message)
        return result.with_payload({**result.payload, "at": time.perf_counter_ns()})


class CountsItsBatch(AcmeScale):
    FOUND_BY = ("test_batches_make_no_difference", "test_state_survives_a_restart")
    POISON = False

    def process(self, messages):
        return [m.with_payload({**m.payload, "of": len(messages)}) for m in super().process(messages)]


class NumbersItsOutputs(AcmeScale):
    FOUND_BY = ("test_state_survives_a_restart",)
    POISON = False

    def process_one(self, message):
        self.number = getattr(self, "number", 0) + 1
        result = super().process_one(message)
        return result.with_payload({**result.payload, "number": self.number})


class GivesPartsOneId(AcmeScale):
    FOUND_BY = ("test_works_on_its_samples",)

    def process_one(self, message):
        return [super().process_one(message)] * 2


class DropsTheBatch(AcmeScale):
    FOUND_BY = ("test_poison_costs_one_message",)

    def process(self, messages):
        try:
            return super().process(messages)
        except sdk.MessageError:
            return []


class UsesAnUndeclaredPort(AcmeScale):
    FOUND_BY = ("test_works_on_its_samples",)

    def process(self, messages):
        return {"side": super().process(messages)}


class ChangingConfig(ScaleConfig):
    """A default that changes what is read."""

    def model_post_init(self, context):
        object.__setattr__(self, "factor", self.factor * 2)


class ConfigDoesNotLast(AcmeScale):
    """A transform."""

    FOUND_BY = ("test_config_survives_writing_and_reading",)
    Config = ChangingConfig


class TokenConfig(ScaleConfig):
    """A secret in clear."""

    api_token: str = ""
    """Where it comes from."""


class ShowsItsToken(AcmeScale):
    """A transform."""

    FOUND_BY = ("test_secrets_are_declared",)
    Config = TokenConfig


# -- stateful transforms


class Tally(sdk.StatefulTransform):
    """Counts the messages of a key."""

    FOUND_BY: ClassVar = ()
    spec = sdk.NodeSpec(id="acme.tally", title="Tally", summary="Counts messages.", category="logic")
    Config = sdk.Config

    def process(self, messages, state, now_ns):
        first = (state or {"count": 0})["count"]
        out = [m.with_payload({"count": first + n}) for n, m in enumerate(messages, 1)]
        return sdk.Step({"count": first + len(messages)}, out, passed=len(messages))


class ChangesItsState(Tally):
    """In place."""

    FOUND_BY = ("test_keeps_state_in_state_out",)

    def process(self, messages, state, now_ns):
        if state is None:
            return super().process(messages, state, now_ns)
        step = super().process(messages, state, now_ns)
        state.update(step.state)
        return step


class RemembersByItself(Tally):
    """In the object."""

    FOUND_BY = ("test_state_survives_a_restart",)

    def process(self, messages, state, now_ns):
        self.counts = getattr(self, "counts", {})
        key = messages[0].meta.topic
        step = super().process(messages, self.counts.get(key), now_ns)
        self.counts[key] = step.state
        return sdk.Step({"nothing": 0}, step.out, passed=len(messages))


class KeepsASet(Tally):
    """Of what it has seen."""

    FOUND_BY = ("test_state_is_plain_data", "test_state_survives_a_restart")

    def process(self, messages, state, now_ns):
        step = super().process(messages, state and state["tally"], now_ns)
        return sdk.Step({"tally": step.state, "seen": {m.meta.topic for m in messages}}, step.out, passed=len(messages))


class LosesCount(Tally):
    """Of its inputs."""

    FOUND_BY = ("test_accounts_for_every_input",)

    def process(self, messages, state, now_ns):
        step = super().process(messages, state, now_ns)
        return sdk.Step(step.state, step.out, passed=len(messages) - 1)


# -- inline transforms


class Totals(sdk.InlineTransform):
    """Adds up, per topic."""

    FOUND_BY: ClassVar = ()
    spec = sdk.NodeSpec(id="acme.totals", title="Totals", summary="Adds up.", category="logic")
    Config = sdk.Config

    @staticmethod
    def add(state, topic):
        state[topic] = {"n": state.get(topic, {"n": 0})["n"] + 1}
        return dict(state[topic])

    def write_code(self, writer):
        writer.set_payload(f"{writer.bind(self.add, 'add')}({writer.state()}, {writer.meta('topic')})")


class AddsInPlace(Totals):
    """Without assigning."""

    FOUND_BY = ("test_state_survives_a_restart",)

    @staticmethod
    def add(state, topic):
        state.setdefault(topic, {"n": 0})["n"] += 1
        return dict(state[topic])
