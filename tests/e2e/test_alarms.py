"""A broker and a database go away: within ten seconds (and one to look) somebody is told, and told when it is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers.postgres import running_postgres

from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings

FLOW = """
flowhost: 1
id: line
name: Line 1
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: {broker}}}}}
  mes: {{type: sql.database, config: {{url: "{postgres}"}}}}
nodes:
  gen: {{type: sim.generate, config: {{tags: 2, rate_hz: 200}}}}
  row: {{type: map, config: {{set: {{tag: payload.tag, seq: payload.seq}}}}}}
  out: {{type: mqtt.publish, connection: broker, config: {{topic: "t/{{topic}}"}}}}
  table: {{type: sql.write, connection: mes, config: {{table: t, create_table: {{tag: text, seq: integer}}}}}}
wires: [gen -> row, row -> out, row -> table]
"""
HOLD_S = 7.0
LATE_S = 20.0  # ten seconds in all on a machine with nothing else to do
"""On an idle machine it is one second; a loaded one notices the loss and answers later."""

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(240)]


async def until(condition: Callable[[], Any], what: str, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        await asyncio.sleep(0.05)


async def test_a_broker_and_a_database_that_go_away_are_alarms_in_time(tmp_path: Path, broker: Any) -> None:
    with running_postgres() as server:
        settings = await asyncio.to_thread(load_settings, data_dir=tmp_path / "data", drain_s=1, shutdown_drain_s=1)
        host = Host(settings)
        await host.start()
        try:
            await alarms_come_and_go(host, broker, server)
        finally:
            await host.stop()


async def alarms_come_and_go(host: Host, broker: Any, server: Any) -> None:
    url = await asyncio.to_thread(server.new_database)
    await host.flows.import_file(LOCAL_USER, FLOW.format(broker=broker.port, postgres=url))
    await host.flows.start(LOCAL_USER, "line")

    async def delivering() -> bool:
        nodes = {node.id: node for node in (await host.flows.detail(LOCAL_USER, "line")).nodes}
        return nodes["out"].out > 0 and nodes["table"].out > 0

    async def subjects() -> dict[str, float]:
        found = await host.alarms.list(LOCAL_USER)
        return {a.subject: a.raised_at.timestamp() for a in found if a.kind == "connection_down"}

    await until(delivering, "both targets get messages")
    assert await host.alarms.list(LOCAL_USER) == ()
    gone = time.time()
    broker.kill()
    await asyncio.to_thread(server.stop)

    async def both() -> bool:
        return set(await subjects()) == {"broker", "mes"}

    await until(both, "both alarms are raised")
    took = {name: at - gone for name, at in (await subjects()).items()}
    print("alarm after " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items()))
    assert all(HOLD_S <= seconds <= HOLD_S + LATE_S for seconds in took.values()), took
    await asyncio.to_thread(broker.start)
    await asyncio.to_thread(server.start)

    async def none() -> bool:
        return not await subjects()

    await until(none, "both alarms are over")
    assert len(await host.alarms.recent(LOCAL_USER)) == 2, "each raised once"
    texts = [event.text for event in (await host.flows.detail(LOCAL_USER, "line")).events]
    for name in ("broker", "mes"):
        assert any(text.startswith(f"Connection {name} of Line 1 is down") for text in texts), texts
        assert any(text.startswith(f"over: Connection {name} of Line 1 was down") for text in texts), texts
