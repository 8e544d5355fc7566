"""Connections on the workbench: tried out with a link of their own, never with that of a running flow."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowhost.catalog import Catalog
from flowhost.engine.clock import SystemClock
from flowhost.errors import ConfigError
from flowhost.graph.configs import connection_config
from flowhost.graph.document import ConnectionEntry
from flowhost.sdk import Connection, ConnectionContext, ConnectionTest
from flowhost.sdk.context import NoticeKind


class Links:
    """Makes connections of what the host says.

    Args:
        catalog: the installed types.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

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
            name=name, host_id=f"{facts['host_id']}-try", base_dir=Path(facts["base_dir"]),
            log=logging.getLogger("flowhost.workbench"), clock=SystemClock(), board=_Board(),
        )  # fmt: skip
        return kind(config, context)


class _Board:
    """Takes notices; who tries something out sees the answer itself."""

    def notice(self, kind: NoticeKind, text: str) -> None:
        """Nobody keeps them."""
        logging.getLogger("flowhost.workbench").debug("%s: %s", kind, text)
