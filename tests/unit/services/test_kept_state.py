"""What nodes remember stays over stop, start and deploy of a hosted flow: a real host and worker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import apsw
import pytest

from flowhost.engine.outbox.census import take_census
from flowhost.errors import ConfirmationError
from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings

# one window for the whole test; the queue before the table shows what was given out
FLOW = """\
flowhost: 1
id: line
name: {name}
connections:
  file: {{type: sql.database, config: {{url: "sqlite:///spans.db"}}}}
nodes:
  gen: {{type: sim.generate, config: {{tags: 1, rate_hz: 50}}}}
  span: {{type: window, config: {{every_s: {every_s}, by: "'all'", compute: {{n: count(), last: last(payload.seq)}}}}}}
  table: {{type: sql.write, connection: file, config: {{table: spans, create_table: {{n: integer, last: integer}}}}}}
wires: [gen -> span, span -> table]
"""
CENTURY_S = 4_000_000_000


def line(name: str = "Line", every_s: int = CENTURY_S) -> str:
    return FLOW.format(name=name, every_s=every_s)


@pytest.fixture
async def host(tmp_path: Path):
    settings = await asyncio.to_thread(load_settings, data_dir=tmp_path / "data")
    host = Host(settings)
    await host.start()
    yield host
    await host.stop()


async def span(host: Host) -> Any:
    page = await host.flows.detail(LOCAL_USER, "line")
    return next(node for node in page.nodes if node.id == "span")


async def held(host: Host) -> int:
    path = host.settings.data_dir / "outbox" / "line.db"
    census = await asyncio.to_thread(take_census, path, "line")
    return census.held.get("span", 0)


def rows(host: Host) -> list[tuple[Any, ...]]:
    (path,) = host.settings.data_dir.rglob("spans.db")
    connection = apsw.Connection(str(path))
    try:
        return list(connection.execute("SELECT n, last FROM spans"))
    finally:
        connection.close()


async def runs_until_held(host: Host, until: Any, number: int) -> int:
    """Let the flow run, then stop it; how many messages the window holds."""
    await host.flows.start(LOCAL_USER, "line")

    async def enough() -> bool:
        return (await span(host)).pending >= number

    await until(enough)
    await host.flows.stop(LOCAL_USER, "line")
    return await held(host)


async def test_stop_start_and_deploy_leave_a_window_open(host: Host, until) -> None:
    await host.flows.import_file(LOCAL_USER, line())
    first = await runs_until_held(host, until, 5)
    assert first >= 5
    second = await runs_until_held(host, until, first + 5)
    assert second >= first + 5, "the second run went on with what the first had held"
    await host.flows.import_file(LOCAL_USER, line(name="Line 1"))
    third = await runs_until_held(host, until, second + 5)
    assert third >= second + 5, "another revision, the same window"
    assert (await span(host)).pending == third

    await host.flows.import_file(LOCAL_USER, line(every_s=CENTURY_S + 1))
    await runs_until_held(host, until, 5)

    async def arrived() -> bool:
        return bool(await asyncio.to_thread(rows, host))

    await until(arrived)
    ((number, _last),) = await asyncio.to_thread(rows, host)
    assert number == third, "what the old windows held came out as a partial result"


async def test_what_a_node_holds_has_to_be_given_up_by_name(host: Host, until) -> None:
    await host.flows.import_file(LOCAL_USER, line())
    number = await runs_until_held(host, until, 5)
    without = line().replace("gen -> span, span -> table", "gen -> table")
    without = "\n".join(text for text in without.splitlines() if not text.startswith("  span:"))
    with pytest.raises(ConfirmationError, match=rf"{number} at span\)"):
        await host.flows.import_file(LOCAL_USER, without)
    with pytest.raises(ConfirmationError, match=rf"{number} messages held by span"):
        await host.flows.delete(LOCAL_USER, "line")
    assert await held(host) == number
