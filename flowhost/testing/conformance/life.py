"""What every node and connection has to do with its life: open, close, leave nothing, block nothing, show nothing."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from flowhost.errors import FlowHostError
from flowhost.testing.conformance.blocking import LoopWatch
from flowhost.testing.conformance.config import ConfigConformance, secret_names
from flowhost.testing.conformance.leftovers import Leftovers
from flowhost.testing.conformance.stage import PATIENCE_S, LineKeeper, Stage, ended, opened

CANARY = "canary-7f3a9c"
"""Stands in for a password; it must not be seen anywhere."""

CYCLES = 20


class LifeConformance(ConfigConformance):
    """Tests of the life of nodes and connections; the conformance classes are derived from it.

    Attributes:
        patience_s: how long a node may need to notice that its target is gone, or back.
    """

    patience_s: ClassVar[float] = 20.0

    @pytest.fixture
    def target(self) -> Any:
        """What the plugin talks to, as the class's page describes; None where there is nothing."""
        return None

    @pytest_asyncio.fixture
    async def stage(
        self, config: dict[str, Any], connection_config: dict[str, Any], tmp_path: Path
    ) -> AsyncIterator[Stage]:
        """Builds what is tested; its connection is not opened yet."""
        made = self.new_stage(tmp_path, config, connection_config)
        yield made
        await made.down()

    def new_stage(self, base_dir: Path, config: Mapping[str, Any], connection_config: Mapping[str, Any]) -> Stage:
        """The stage; overridden where time is virtual."""
        return Stage(base_dir, self.node_type, self.connection_type, config, connection_config)

    def subject(self, stage: Stage) -> Any:
        """A new node (or bare connection), not opened yet."""
        return stage.new_node() if self.node_type is not None else stage.new_connection()

    async def exercise(self, stage: Stage, target: Any) -> None:  # noqa: ARG002 - overridden by those who use it
        """Use what is tested as the engine would: open, let it do its work, close."""
        subject = self.subject(stage)
        await opened(subject)
        await subject.close()

    @pytest.mark.asyncio
    async def test_opens_and_closes_twenty_times(self, stage: Stage, target: Any) -> None:  # noqa: ARG002
        """A life after a life, without files or sockets piling up."""
        await self._up(stage)
        await opened_and_closed(self.subject(stage))
        before = Leftovers()
        subject = self.subject(stage)
        for _ in range(CYCLES):
            await opened_and_closed(subject)
        for _ in range(50):
            if before.more_files() < CYCLES // 2:
                break
            await asyncio.sleep(0.02)
        assert before.more_files() < CYCLES // 2, (
            f"{before.more_files()} files or sockets stay open after {CYCLES} lives"
        )

    @pytest.mark.asyncio
    async def test_close_is_safe_at_any_time(self, stage: Stage, target: Any) -> None:  # noqa: ARG002
        """Never opened, opened by half, opened, and closed already."""
        await self._up(stage)
        subject = self.subject(stage)
        await subject.close()
        for steps in (1, 2, 4, 8, 16):
            await self._open_by_half(subject, steps)
            await subject.close()
        await opened(subject)
        await subject.close()
        await subject.close()

    @pytest.mark.asyncio
    async def test_leaves_nothing_behind(self, stage: Stage, target: Any) -> None:
        """No task and no thread is left when everything is closed."""
        before = Leftovers()
        await self._up(stage)
        await self.exercise(stage, target)
        await stage.down()
        left = await before.found()
        assert not left, f"still running after close(): {'; '.join(left)}"

    @pytest.mark.asyncio
    async def test_does_not_block_the_loop(self, stage: Stage, target: Any) -> None:
        """One node that waits in place stops every flow of its worker."""
        with LoopWatch(self.watched_package()) as watch:
            await self._up(stage)
            try:
                await self.exercise(stage, target)
            except Exception:
                if not watch.faults:
                    raise
            await stage.down()
        assert not watch.faults, f"on the event loop: {'; '.join(dict.fromkeys(watch.faults))}"

    @pytest.mark.asyncio
    async def test_secrets_are_never_shown(
        self,
        tmp_path: Path,
        config: dict[str, Any],
        connection_config: dict[str, Any],
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """A password is in no repr, log line, notice, state, error or print."""
        written = self.with_secrets(self.node_type, config), self.with_secrets(self.connection_type, connection_config)
        stage = self.new_stage(tmp_path, *written)
        shown = await self._shown(stage)
        printed = capfd.readouterr()
        shown |= {"what it prints": printed.out + printed.err}
        leaks = [where for where, text in shown.items() if CANARY in text]
        assert not leaks, f"the password is shown in {', '.join(leaks)}"

    def with_secrets(self, tested: type[Any] | None, written: Mapping[str, Any]) -> dict[str, Any]:
        """The config with `CANARY` in every secret; override it where other fields have to change with them."""
        names = secret_names(tested.Config) if tested is not None else []
        return {**written, **dict.fromkeys(names, CANARY)}

    def watched_package(self) -> str:
        """The package whose code must not block."""
        module = self.subject_type().__module__
        return "flowhost.nodes" if module.startswith("flowhost.") else module.partition(".")[0]

    async def _up(self, stage: Stage) -> None:
        if self.node_type is not None:
            await stage.up()

    async def _open_by_half(self, subject: Any, steps: int) -> None:
        opening = asyncio.create_task(subject.open())
        for _ in range(steps):
            await asyncio.sleep(0)
        prompt = await ended(opening)
        if not opening.cancelled() and (error := opening.exception()) is not None and not _is_ours(error):
            raise error
        assert prompt, f"open() went on for more than {PATIENCE_S:g} s after it was cancelled"

    async def _shown(self, stage: Stage) -> dict[str, str]:
        """Everything that can be seen of it."""
        keeper = LineKeeper()
        shown: dict[str, str] = {}
        with _everything_logged(keeper):
            if self.connection_type is not None:
                stage.link = stage.new_connection()
                await _look_at(stage.link, "connection", shown)
            if self.node_type is not None:
                await _look_at(stage.new_node(), "node", shown)
            await stage.down()
        shown["the log"] = "\n".join(keeper.lines)
        shown["its notices"] = "\n".join(text for _, text in stage.board.notices)
        return shown


async def opened_and_closed(subject: Any) -> None:
    """One short life."""
    await opened(subject)
    await subject.close()


async def _look_at(subject: Any, name: str, shown: dict[str, str]) -> None:
    test: Callable[[], Awaitable[str]] | None = getattr(subject, "test", None)
    shown[f"the {name}'s repr"] = f"{subject!r} {subject.config!r} {subject.config}"
    shown[f"the {name}'s error"] = await _error_of(subject.open)
    shown[f"the {name}'s health"] = subject.health()
    if test is not None and inspect.iscoroutinefunction(test):
        shown[f"the {name}'s test"] = await _error_of(test)
    if name == "node":
        await subject.close()


async def _error_of(call: Callable[[], Awaitable[Any]]) -> str:
    try:
        async with asyncio.timeout(5):
            return str(await call())
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not show the secret
        return "".join(traceback.format_exception(error))


def _is_ours(error: BaseException) -> bool:
    """Failing to open is allowed; a fault of the code is not."""
    return isinstance(error, FlowHostError | OSError)


class _everything_logged:  # noqa: N801 - reads as a verb where it is used
    """Every logger speaks, down to debug."""

    def __init__(self, keeper: LineKeeper) -> None:
        self._keeper = keeper
        self._root = logging.getLogger()
        self._level = self._root.level

    def __enter__(self) -> None:
        self._root.addHandler(self._keeper)
        self._root.setLevel(logging.DEBUG)

    def __exit__(self, *_: object) -> None:
        self._root.setLevel(self._level)
        self._root.removeHandler(self._keeper)
