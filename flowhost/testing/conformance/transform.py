"""`TransformConformance`: what every transform has to keep, whatever its kind."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from flowhost.sdk import Message, Meta, Remembering
from flowhost.testing.clock import SECOND_NS, START_NS, VirtualClock
from flowhost.testing.conformance.life import LifeConformance
from flowhost.testing.conformance.stage import Stage, opened
from flowhost.testing.conformance.transform_drive import Run, StatefulDrive, drive_of, ports_of, row_of
from flowhost.testing.freeze import freeze_message


class TransformConformance(LifeConformance):
    """Give `node_type`, the fixture `config`, `messages` if the default does not fit, `poison` where there is one."""

    @pytest.fixture
    def messages(self) -> list[Message]:
        """A batch it can work on; by default objects `{n, value}` of three topics, a second apart."""
        return [
            Message({"n": n, "value": n * 1.5}, Meta(f"line{n % 3}", START_NS + n * SECOND_NS, id=f"id-{n}"))
            for n in range(12)
        ]

    @pytest.fixture
    def poison(self) -> Message | None:
        """A message it fails on; None if there is no such."""
        return None

    @override
    def new_stage(self, base_dir: Path, config: Mapping[str, Any], connection_config: Mapping[str, Any]) -> Stage:
        """Time stands still."""
        return Stage(base_dir, self.node_type, self.connection_type, config, connection_config, VirtualClock())

    @override
    async def exercise(self, stage: Stage, target: Any) -> None:
        """Work on a few messages."""
        samples = [Message({"n": n, "value": n * 1.5}, Meta(f"line{n % 3}")) for n in range(3)]
        await self._run(stage, [samples])

    @pytest.mark.asyncio
    async def test_works_on_its_samples(self, stage: Stage, messages: list[Message]) -> None:
        """The samples do not fail; what comes out leaves by declared ports, each message of a port with its own id."""
        await stage.up()
        run = await self._run(stage, [messages])
        assert not run.failed, f"fails on {len(run.failed)} of the samples, e.g. {run.failed[0]}"
        node = stage.new_node()
        strange = ports_of(run.out) - set(node.output_ports(node.config))
        assert not strange, f"ports the spec does not declare: {', '.join(sorted(strange))}"
        for port, sent in run.out.items():
            ids = [message.meta.id for message in sent if message.meta.id]
            assert len(set(ids)) == len(ids), f"several messages on port {port!r} have one id: only one would count"

    @pytest.mark.asyncio
    async def test_does_not_change_its_input(self, stage: Stage, messages: list[Message]) -> None:
        """Other branches of the flow hold the same payload, and a retry is given the same state."""
        await stage.up()
        before = copy.deepcopy(messages)
        plain = await self._run_on(stage, [messages])
        assert messages == before, "it changed the messages it was given; build new objects"
        frozen = await self._run_on(stage, [[freeze_message(message) for message in before]])
        tried = [reason for _, reason in frozen.failed if "tried to change the payload" in reason]
        assert not tried, f"with frozen payloads: {tried[0]}"
        assert frozen.everything() == plain.everything(), "frozen payloads give another result"

    @pytest.mark.asyncio
    async def test_is_deterministic(self, stage: Stage, messages: list[Message]) -> None:
        """The same input gives the same output: a batch may be tried again."""
        await stage.up()
        first = await self._run(stage, [messages])
        second = await self._run(stage, [messages])
        assert first.everything() == second.everything(), "the same input gave two different outputs"

    @pytest.mark.asyncio
    async def test_batches_make_no_difference(self, stage: Stage, messages: list[Message]) -> None:
        """How messages happen to be batched changes nothing."""
        await stage.up()
        whole = await self._run(stage, [messages])
        single = await self._run(stage, [[message] for message in messages])
        assert whole.everything() == single.everything(), "one by one gives another result than in one batch"

    @pytest.mark.asyncio
    async def test_poison_costs_one_message(
        self, stage: Stage, messages: list[Message], poison: Message | None
    ) -> None:
        """One message among many that cannot be worked on fails alone."""
        if poison is None:
            pytest.skip("no fixture `poison`")
        await stage.up()
        clean = await self._run(stage, [messages])
        middle = len(messages) // 2
        run = await self._run(stage, [[*messages[:middle], poison, *messages[middle:]]])
        assert [message for message, _ in run.failed] == [poison], f"failed: {run.failed}"
        assert run.everything() == clean.everything(), "its neighbours come out different"

    @pytest.mark.asyncio
    async def test_state_survives_a_restart(self, stage: Stage, messages: list[Message]) -> None:
        """What it remembers is what the engine saves, read again after a restart, and nothing else."""
        await stage.up()
        middle = len(messages) // 2
        run, saved = Run(), dict[str, Any]()
        for part in (messages[:middle], messages[middle:], []):
            node = stage.new_node()
            await opened(node)
            drive = drive_of(node)
            if isinstance(node, Remembering):
                row_of("state_config", dict(node.state_config()))
            drive.restore(saved)
            for message in copy.deepcopy(part):
                await drive.batch([message], run)
            if not part:
                drive.finish(run)
            saved = drive.saved()
            await node.close()
        whole = await self._run(stage, [messages])
        assert run.everything() == whole.everything(), "after saving and loading its state it gives another result"

    async def _run(self, stage: Stage, batches: Sequence[Sequence[Message]]) -> Run:
        """One life with messages of its own, so that a transform that changes them spoils no other run."""
        return await self._run_on(stage, copy.deepcopy(batches))

    async def _run_on(self, stage: Stage, batches: Sequence[Sequence[Message]]) -> Run:
        node = stage.new_node()
        await opened(node)
        run = Run()
        drive = drive_of(node)
        for batch in batches:
            await drive.batch(batch, run)
        drive.finish(run)
        await node.close()
        return run


class StatefulTransformConformance(TransformConformance):
    """As `TransformConformance`, for a `StatefulTransform`."""

    @pytest.mark.asyncio
    async def test_state_is_plain_data(self, stage: Stage, messages: list[Message]) -> None:
        """Only plain data can be saved: dict with text keys, list, text, numbers, bool, None, bytes, times."""
        await stage.up()
        drive, node = await self._stateful(stage)
        for message in messages:
            await drive.batch([message], Run())
            drive.saved()
        await node.close()

    @pytest.mark.asyncio
    async def test_keeps_state_in_state_out(self, stage: Stage, messages: list[Message]) -> None:
        """It returns a new state and leaves the one it was given, so that a failing message leaves no trace."""
        await stage.up()
        drive, node = await self._stateful(stage)
        for message in messages:
            await drive.batch([message], Run())
        await node.close()
        assert not drive.breaches, drive.breaches[0]

    @pytest.mark.asyncio
    async def test_accounts_for_every_input(self, stage: Stage, messages: list[Message]) -> None:
        """At the end every input has passed, was used, filtered, dropped or failed: the ledger is built on it."""
        await stage.up()
        drive, node = await self._stateful(stage)
        run = Run()
        for begin in range(0, len(messages), 5):
            await drive.batch(messages[begin : begin + 5], run)
        drive.finish(run)
        await node.close()
        came = drive.counts.pop("in")
        assert came == sum(drive.counts.values()), f"{came} came in; the steps say {drive.counts}"

    async def _stateful(self, stage: Stage) -> tuple[StatefulDrive, Any]:
        node = stage.new_node()
        drive = drive_of(node)
        assert isinstance(drive, StatefulDrive), f"{type(node).__name__} is no StatefulTransform"
        await opened(node)
        return drive, node
