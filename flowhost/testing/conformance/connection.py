"""`ConnectionConformance`: what every connection has to keep."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from typing_extensions import override

from flowhost.errors import NodeError, TemporaryError
from flowhost.sdk import Browse, BrowseRequest, Connection
from flowhost.testing.conformance.life import LifeConformance
from flowhost.testing.conformance.source import check_notices
from flowhost.testing.conformance.stage import PATIENCE_S, Stage, ended, opened
from flowhost.testing.conformance.target import need


class ConnectionConformance(LifeConformance):
    """Give `connection_type`, `connection_config` and, to test lost links, a `target` with `cut` and `restore`.

    A connection that finds out about a lost link only when it is used needs `use`.

    Attributes:
        lists: names that fields give as `choices_from`; they are looked at if the connection has `browse`.
    """

    lists: ClassVar[Sequence[str]] = ()

    async def use(self, connection: Connection[Any]) -> None:
        """One small request, as a node makes it; raises `NodeError` while the link is down."""

    @override
    async def exercise(self, stage: Stage, target: Any) -> None:
        """Open, use, close."""
        connection = stage.new_connection()
        await opened(connection)
        try:
            await self.use(connection)
        finally:
            await connection.close()

    @pytest.mark.asyncio
    async def test_says_when_the_target_is_away(self, stage: Stage, target: Any) -> None:
        """Opening fails with an error that asks for another try, and succeeds later with the same object."""
        need(target, "cut", "restore")
        connection = stage.new_connection()
        await target.cut()
        try:
            async with asyncio.timeout(30):
                with pytest.raises((TemporaryError, OSError)) as caught:
                    await connection.open()
        finally:
            await connection.close()
            await target.restore()
        assert str(caught.value).strip(), "the error has no text; name the target and the next step"
        await opened(connection)
        await self.use(connection)
        await connection.close()

    @pytest.mark.asyncio
    async def test_comes_back_after_the_target_was_cut(self, stage: Stage, target: Any) -> None:
        """The link is made again; one notice says lost, one says restored."""
        need(target, "cut", "restore")
        connection = stage.new_connection()
        await opened(connection)
        await self.use(connection)
        await target.cut()
        await self._use_until(connection, lambda: stage.board.of("lost"), "one notice says that the link is lost")
        await self._use_until(connection, lambda: True, "")
        await target.restore()
        await self._use_until(connection, lambda: stage.board.of("restored"), "one notice says that the link is back")
        await self.use(connection)
        await connection.close()
        check_notices(stage, said_by_engine=False)

    @pytest.mark.asyncio
    async def test_cancelled_opening_is_prompt(self, stage: Stage, target: Any) -> None:
        """Opening can be cancelled while the target is silent; closing afterwards is prompt too."""
        need(target, "mute", "unmute")
        await target.mute()
        connection = stage.new_connection()
        opening = asyncio.create_task(connection.open())
        await asyncio.wait([opening], timeout=0.3)
        began = time.monotonic()
        in_time = opening.done() or await ended(opening)
        await connection.close()
        took = time.monotonic() - began
        await target.unmute()
        assert in_time, "open() went on after it was cancelled"
        assert took < PATIENCE_S, f"cancelling open() and closing took {took:.1f} s"

    @pytest.mark.asyncio
    async def test_test_button_works(self, stage: Stage, target: Any) -> None:  # noqa: ARG002
        """`test()` says in words what it found, with a link of its own."""
        connection: Any = stage.new_connection()
        if not inspect.iscoroutinefunction(getattr(connection, "test", None)):
            pytest.skip("the connection has no test()")
        async with asyncio.timeout(30):
            text = await connection.test()
        await connection.close()
        assert isinstance(text, str), "test() returns a sentence"
        assert text.strip(), "test() returns a sentence"

    @pytest.mark.asyncio
    async def test_pick_lists_keep_to_what_is_asked(self, stage: Stage, target: Any) -> None:  # noqa: ARG002
        """`browse()` answers in time, gives no more than the limit, and finds nothing where nothing fits."""
        connection = stage.new_connection()
        if not isinstance(connection, Browse) or not self.lists:
            pytest.skip("the connection has no browse(), or the test names no `lists`")
        await opened(connection)
        try:
            for what in self.lists:
                async with asyncio.timeout(10):
                    few = await connection.browse(BrowseRequest(what=what, limit=3))
                    none = await connection.browse(BrowseRequest(what=what, search="zz no such thing zz"))
                assert len(few.items) <= 3, f"{what}: more than the limit"
                assert all(one.value or one.opens for one in few.items), f"{what}: nothing to pick and nothing below"
                assert not none.items, f"{what}: a search found what does not fit"
        finally:
            await connection.close()

    async def _use_until(self, connection: Connection[Any], condition: Any, what: str) -> None:
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                async with asyncio.timeout(10):
                    await self.use(connection)
            except (NodeError, TimeoutError):
                pass  # the link is down, which is what the test waits out
            if condition():
                return
            assert time.monotonic() < deadline, f"not within {self.patience_s:g} s: {what}"
            await asyncio.sleep(0.05)
