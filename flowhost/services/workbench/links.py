"""Connections on the workbench: tried out with a link of their own, never with that of a running flow."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flowhost.catalog import Catalog
from flowhost.engine.clock import SystemClock
from flowhost.errors import ConfigError
from flowhost.graph.configs import connection_config
from flowhost.graph.document import ConnectionEntry
from flowhost.sdk import Browse, BrowseRequest, Connection, ConnectionContext, ConnectionTest
from flowhost.sdk.context import NoticeKind

log = logging.getLogger(__name__)

KEPT_S = 60.0
"""How long a link nobody asks is kept, seconds."""


class Links:
    """Makes connections of what the host says.

    Args:
        catalog: the installed types.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._open: dict[str, _Held] = {}

    async def test(self, facts: Mapping[str, Any]) -> str:
        """Try a connection out; what was found, in a sentence. Raises as `ConnectionTest.test` does."""
        connection = self.make(facts)
        if isinstance(connection, ConnectionTest):
            return await connection.test()
        try:
            await connection.open()
            return connection.health() or "it opens"
        finally:
            await connection.close()

    async def browse(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What can be picked at the target of a connection. Raises as `Browse.browse` does."""
        kind = self._catalog.connections.get(facts["type"])
        if kind is not None and not hasattr(kind, "browse"):
            raise ConfigError(f"{facts['type']} shows no lists: type the value", "choices_from")
        held = self._hold(facts)
        async with held.lock:
            connection = await held.opened()
            assert isinstance(connection, Browse)
            try:
                found = await connection.browse(BrowseRequest(**facts["request"]))
            except BaseException:
                # whatever is wrong with this link, the next question gets a new one
                await held.close()
                raise
        return {"items": [asdict(item) for item in found.items], "note": found.note}

    async def close(self) -> None:
        """Let go of all links."""
        await asyncio.gather(*(held.close() for held in self._open.values()), return_exceptions=True)

    def _hold(self, facts: Mapping[str, Any]) -> _Held:
        """The link for this connection; those nobody asked for a while are let go."""
        names = ("name", "type", "config", "secrets", "base_dir")
        key = json.dumps([facts[name] for name in names], sort_keys=True)
        if key not in self._open:
            self._open[key] = _Held(lambda: self.make(facts))
        held = self._open[key]
        held.keep()
        return held

    def make(self, facts: Mapping[str, Any]) -> Connection[Any]:
        """A connection that is not open yet. Raises `ConfigError`."""
        name, type_id = facts["name"], facts["type"]
        kind = self._catalog.connections.get(type_id)
        if kind is None:
            raise ConfigError(
                f"connection type {type_id!r} is not installed; install the plugin that brings it", "type"
            )
        entry = ConnectionEntry(name=name, type=type_id, config=facts["config"])
        config = connection_config(entry, kind, self._catalog.functions, facts["secrets"], os.environ)
        context = ConnectionContext(
            name=name, host_id=facts["host_id"], base_dir=Path(facts["base_dir"]),
            log=logging.getLogger("flowhost.workbench"), clock=SystemClock(), board=_Board(),
        )  # fmt: skip
        return kind(config, context)


class _Held:
    """An open connection that is kept for a while."""

    def __init__(self, make: Callable[[], Connection[Any]]) -> None:
        self.lock = asyncio.Lock()
        self._make = make
        self._connection: Connection[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def opened(self) -> Connection[Any]:
        """The connection, opened if it is not. Raises as `Connection.open` does. The caller holds the lock."""
        if self._connection is None:
            connection = self._make()
            try:
                await connection.open()
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    def keep(self) -> None:
        """For a while from now."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(KEPT_S, self._let_go)

    async def close(self) -> None:
        """Close it; what fails then changes nothing for whoever asked, and is for the log."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close()
            except Exception:
                log.warning("a link that was tried out did not close in order", exc_info=True)

    def _let_go(self) -> None:
        self._closing = asyncio.create_task(self._close_alone(), name="let go of a link")

    async def _close_alone(self) -> None:
        async with self.lock:
            await self.close()


class _Board:
    """Takes notices; who tries something out sees the answer itself."""

    def notice(self, kind: NoticeKind, text: str) -> None:
        """Nobody keeps them."""
        logging.getLogger("flowhost.workbench").debug("%s: %s", kind, text)
