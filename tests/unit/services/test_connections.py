"""Connections of the host: shared by flows, tried out in a process of their own, never changed half."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flowhost.errors import ConfigError, ConflictError, ForbiddenError, HostError, NotFoundError
from flowhost.services import connections
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.host import Host
from flowhost.services.workbench import Workbench, bench

ME = LOCAL_USER
FLOW = """\
flowhost: 1
id: {id}
name: {id}
nodes:
  gen: {{type: sim.generate, config: {{tags: 2, rate_hz: 50}}}}
  rows: {{type: sql.write, connection: plantdb, config: {{table: "values", create_table: true}}}}
wires:
  - gen -> rows
"""


def url(path: Path) -> dict[str, str]:
    return {"url": f"sqlite:///{path}"}


def rows_in(path: Path) -> int:
    if not path.exists():
        return 0
    with sqlite3.connect(path) as database:
        try:
            return int(database.execute("select count(*) from 'values'").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


async def test_a_flow_uses_the_hosts_connection_and_moves_with_it(host: Host, until, tmp_path: Path) -> None:
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    await host.flows.import_file(ME, FLOW.format(id="a"))
    with pytest.raises(ConfigError, match="unknown connection 'plantdb'"):
        await host.flows.start(ME, "a")
    made = await host.connections.create(ME, "plantdb", "sql.database", url(one))
    assert (made.state, made.used_by) == ("idle", ("a",))
    assert not (await host.drafts.look(ME, "a")).problems
    await host.flows.start(ME, "a")
    await until(lambda: rows_in(one) > 5)

    async def is_up() -> bool:
        return (await host.connections.show(ME, "plantdb")).state == "up"

    await until(is_up)
    changed = await host.connections.change(ME, "plantdb", url(two), made.version)
    assert changed.restarted == ("a",)
    await until(lambda: rows_in(two) > 5)
    with pytest.raises(ConflictError, match="was changed by"):
        await host.connections.change(ME, "plantdb", url(one), made.version)
    with pytest.raises(ConflictError, match="used by a"):
        await host.connections.delete(ME, "plantdb")
    await host.flows.stop(ME, "a")
    await host.flows.delete(ME, "a", confirm=True)
    await host.connections.delete(ME, "plantdb")
    with pytest.raises(NotFoundError):
        await host.connections.show(ME, "plantdb")


async def test_flows_that_use_it_are_called_by_name(host: Host, until, tmp_path: Path) -> None:
    made = await host.connections.create(ME, "plantdb", "sql.database", url(tmp_path / "one.db"))
    await host.flows.import_file(ME, FLOW.format(id="filler").replace("name: filler", "name: Filler line 1"))
    await host.flows.import_file(ME, FLOW.format(id="plain"))
    view = await host.connections.show(ME, "plantdb")
    assert view.called == {"filler": "Filler line 1 (filler)", "plain": "plain"}
    with pytest.raises(ConflictError, match=r"used by Filler line 1 \(filler\), plain: give"):
        await host.connections.delete(ME, "plantdb")
    await host.flows.start(ME, "filler")
    changed = {"name": "plantdb", "config": url(tmp_path / "two.db"), "version": made.version}
    answer = await host.asks.answer(ME, "connection.change", changed)
    assert answer["value"]["restarted"] == ["Filler line 1 (filler)"]


async def test_a_flows_own_connection_goes_before_the_hosts(host: Host, until, tmp_path: Path) -> None:
    own, shared = tmp_path / "own.db", tmp_path / "shared.db"
    await host.connections.create(ME, "plantdb", "sql.database", url(shared))
    text = FLOW.format(id="a") + f"connections:\n  plantdb: {{type: sql.database, config: {url(own)}}}\n"
    await host.flows.import_file(ME, text)
    assert (await host.connections.show(ME, "plantdb")).used_by == ()
    (brought,) = await host.connections.of_flows(ME)
    assert (brought.flow_id, brought.name, brought.state, brought.nodes) == ("a", "plantdb", "idle", ("rows",))
    assert (await host.connections.test_own(ME, "a", "plantdb")).ok
    (tested,) = await host.connections.of_flows(ME)
    assert tested.tested is not None
    with pytest.raises(NotFoundError, match="brings no connection 'other'"):
        await host.connections.test_own(ME, "a", "other")
    await host.flows.start(ME, "a")
    await until(lambda: rows_in(own) > 0)
    assert not shared.exists()


async def test_a_locked_file_is_said_with_its_cause(host: Host, until, tmp_path: Path) -> None:
    shared, own = tmp_path / "shared.db", tmp_path / "own.db"
    await host.connections.create(ME, "plantdb", "sql.database", {**url(shared), "busy_timeout_s": 0.1})
    await host.flows.import_file(ME, FLOW.format(id="a"))
    block = f"{{url: 'sqlite:///{own}', busy_timeout_s: 0.1}}"
    await host.flows.import_file(
        ME, FLOW.format(id="b") + f"connections:\n  plantdb: {{type: sql.database, config: {block}}}\n"
    )
    for flow_id, file in (("a", shared), ("b", own)):
        await host.flows.start(ME, flow_id)
        await until(lambda file=file: rows_in(file) > 0)
    others = [sqlite3.connect(file, isolation_level=None, timeout=20) for file in (shared, own)]
    for other in others:
        other.execute("begin immediate")

    async def both_ail() -> bool:
        (brought,) = await host.connections.of_flows(ME)
        return bool((await host.connections.show(ME, "plantdb")).ailing and brought.ailing)

    await until(both_ail)
    seen, (brought,) = await host.connections.show(ME, "plantdb"), await host.connections.of_flows(ME)
    assert (seen.state, seen.ailing, seen.text) == ("up", ("a/rows",), f"connected to {shared}")
    assert (brought.state, brought.ailing) == ("up", ("rows",))
    assert f"{shared} is locked by another program" in seen.cause
    assert f"{own} is locked by another program" in brought.cause
    assert "holds the write lock" in (await host.connections.test(ME, "plantdb")).text
    for other in others:
        other.close()

    async def well_again() -> bool:
        return not (await host.connections.show(ME, "plantdb")).ailing

    await until(well_again)


async def test_what_a_flow_cannot_start_with_is_taken_back(host: Host, until, tmp_path: Path) -> None:
    one = tmp_path / "one.db"
    made = await host.connections.create(ME, "plantdb", "sql.database", url(one))
    await host.flows.import_file(ME, FLOW.format(id="a"))
    await host.flows.start(ME, "a")
    await until(lambda: rows_in(one) > 0)
    with pytest.raises(ConfigError, match="'url'"):
        await host.connections.change(ME, "plantdb", {}, made.version)
    broken = {"url": "postgresql://db.example/plant", "password": {"secret": "nobody_set_it"}}
    with pytest.raises(ConfigError, match=r"a does not start with it.*nobody_set_it"):
        await host.connections.change(ME, "plantdb", broken, made.version)
    assert dict((await host.connections.show(ME, "plantdb")).config) == url(one)
    before = rows_in(one)
    await until(lambda: rows_in(one) > before)
    assert (await host.flows.detail(ME, "a")).overview.desired == "running"


async def test_whoever_saves_does_not_wait_for_the_flows(host: Host, until, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(connections, "QUICK_S", 0.0)
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    made = await host.connections.create(ME, "plantdb", "sql.database", url(one))
    for flow_id in ("a", "b"):
        await host.flows.import_file(ME, FLOW.format(id=flow_id))
        await host.flows.start(ME, flow_id)
    await until(lambda: rows_in(one) > 0)
    asked = {"name": "plantdb", "config": url(two), "version": made.version}
    answer = await host.asks.answer(ME, "connection.change", asked)
    assert (answer["value"]["restarting"], answer["value"]["restarted"]) == (["a", "b"], [])
    seen = await host.connections.show(ME, "plantdb")
    assert (dict(seen.config), seen.restarting) == (url(two), ("a", "b"))

    async def all_did() -> bool:
        return not (await host.connections.show(ME, "plantdb")).restarting

    await until(all_did)
    await until(lambda: rows_in(two) > 0)
    assert all(host.flows.is_running(flow_id) for flow_id in ("a", "b"))


async def test_what_goes_wrong_after_the_answer_is_said_and_taken_back(host, until, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(connections, "QUICK_S", 0.0)
    one = tmp_path / "one.db"
    made = await host.connections.create(ME, "plantdb", "sql.database", url(one))
    await host.flows.import_file(ME, FLOW.format(id="a"))
    await host.flows.start(ME, "a")
    await until(lambda: rows_in(one) > 0)
    broken = {"url": "postgresql://db.example/plant", "password": {"secret": "nobody_set_it"}}
    changed = await host.connections.change_soon(ME, "plantdb", broken, made.version)
    assert changed.restarting == ("a",)

    async def is_said() -> bool:
        return (
            "a does not start with it, the version before is in force"
            in (await host.connections.show(ME, "plantdb")).fault
        )

    await until(is_said)
    seen = await host.connections.show(ME, "plantdb")
    assert (dict(seen.config), seen.restarting) == (url(one), ())
    before = rows_in(one)
    await until(lambda: rows_in(one) > before)
    await host.connections.change(ME, "plantdb", {**url(one), "busy_timeout_s": 2}, seen.version)
    assert not (await host.connections.show(ME, "plantdb")).fault


async def test_a_stop_of_the_host_does_not_cut_a_change_in_two(host: Host, until, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(connections, "QUICK_S", 0.0)
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    made = await host.connections.create(ME, "plantdb", "sql.database", url(one))
    await host.flows.import_file(ME, FLOW.format(id="a"))
    await host.flows.start(ME, "a")
    await until(lambda: rows_in(one) > 0)
    assert (await host.connections.change_soon(ME, "plantdb", url(two), made.version)).restarting == ("a",)
    changes = host.connections
    await host.stop()
    assert not changes._under_way
    assert not changes._restarts.going_on


async def test_a_connection_whose_target_is_down_is_changed_without_waiting(host: Host, until, tmp_path, monkeypatch):
    monkeypatch.setattr(host.flows, "drain_s", 60.0)
    gone, there = {"url": "sqlite:////nowhere/at/all.db"}, url(tmp_path / "there.db")
    made = await host.connections.create(ME, "plantdb", "sql.database", gone)
    await host.flows.import_file(ME, FLOW.format(id="a"))
    await host.flows.start(ME, "a")

    async def waits() -> bool:
        rows = next(node for node in (await host.flows.detail(ME, "a")).nodes if node.id == "rows")
        return rows.state == "retrying" and rows.pending > 5

    await until(waits)
    async with asyncio.timeout(20):
        changed = await host.connections.change(ME, "plantdb", there, made.version)
    assert changed.restarted == ("a",)
    await until(lambda: rows_in(tmp_path / "there.db") > 5)


async def test_names_types_and_configs_are_checked(host: Host) -> None:
    for name, type_id, config, place in (
        ("9lives", "sql.database", {"url": "sqlite:///x.db"}, "name"),
        ("db", "no.such", {}, "type"),
        ("db", "sql.database", {"url": 7}, "config.url"),
        ("db", "sql.database", {"url": "sqlite:///x.db", "password": "in clear"}, "config.password"),
    ):
        with pytest.raises(ConfigError) as caught:
            await host.connections.create(ME, name, type_id, config)
        assert caught.value.place == place
    await host.connections.create(ME, "db", "sql.database", {"url": "sqlite:///x.db"})
    with pytest.raises(ConflictError, match="already"):
        await host.connections.create(ME, "db", "sql.database", {"url": "sqlite:///x.db"})
    found = await host.connections.check(ME, "mqtt.broker", {"hots": "10.1.2.3"})
    assert {problem.place for problem in found} == {"config.hots"}


async def test_tests_say_in_words_what_they_find_and_show_no_secret(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOST_SECRET_DB", "hunter2-never-shown")
    sqlite3.connect(tmp_path / "there.db").close()
    await host.connections.create(ME, "db", "sql.database", url(tmp_path / "there.db"))
    found = await host.connections.test(ME, "db")
    assert found.ok, found.text
    assert (await host.connections.show(ME, "db")).tested == found
    away = await host.connections.try_out(ME, "sql.database", {"url": "sqlite:////no/such/folder/not-there.db"})
    assert not away.ok
    assert "/no/such/folder" in away.text
    config = {"url": "postgresql://me@127.0.0.1:1/plant", "password": {"secret": "db"}}
    refused = await host.connections.try_out(ME, "sql.database", config)
    assert not refused.ok
    assert "hunter2" not in refused.text
    unset = await host.connections.try_out(ME, "sql.database", {**config, "password": {"secret": "not_set"}})
    assert "FLOWHOST_SECRET_NOT_SET" in unset.text


async def test_forms_see_what_there_is_at_the_target(host: Host, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "plant.db") as database:
        database.execute("create table orders (id integer primary key, machine text)")
    await host.connections.create(ME, "plantdb", "sql.database", url(tmp_path / "plant.db"))

    async def look(**args: object) -> dict[str, object]:
        answer = await host.asks.answer(ME, "browse", {"connection": "plantdb", "list": "tables", **args})
        return answer["value"] if answer["ok"] else answer

    assert [item["value"] for item in (await look())["items"]] == ["orders"]
    columns = await look(list="columns", config={"table": "orders"})
    assert [item["value"] for item in columns["items"]] == ["id", "machine"]
    assert "name the table first" in (await look(list="columns"))["error"]
    own = {"type": "sql.database", "config": {"url": "sqlite:////no/such/folder/x.db"}}
    assert "/no/such/folder" in (await look(own=own))["error"]
    assert "no connection 'other'" in (await look(connection="other"))["error"]
    assert "shows no lists" in (await look(own={"type": "modbus.client", "config": {"host": "127.0.0.1"}}))["error"]
    assert (await host.asks.answer(ME, "browse", {"connection": 7}))["place"] == "connection"


async def test_who_may_not(host: Host) -> None:
    viewer = Principal("vera", frozenset({"viewer"}))
    await host.connections.create(ME, "db", "sql.database", {"url": "sqlite:///x.db"})
    assert len(await host.connections.list(viewer)) == 1
    for refused in (
        host.connections.create(viewer, "b", "sql.database", {}),
        host.connections.change(viewer, "db", {}, 1),
        host.connections.delete(viewer, "db"),
        host.connections.test(viewer, "db"),
        host.connections.try_out(viewer, "sql.database", {}),
        host.connections.browse(viewer, "db", {"what": "tables"}),
    ):
        with pytest.raises(ForbiddenError):
            await refused


async def test_a_workbench_that_hangs_is_ended_and_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "GRACE_S", 0.2)
    monkeypatch.setattr(bench, "_spawn", _hanging)
    workbench = Workbench()
    with pytest.raises(HostError, match="hangs"):
        await workbench.do("test", 0.1)
    monkeypatch.undo()
    try:
        with pytest.raises(ConfigError, match="not installed"):
            await workbench.do("test", 20, name="x", type="no.such", config={}, secrets={}, host_id="h", base_dir=".")
    finally:
        await workbench.close()


def _hanging() -> subprocess.Popen[bytes]:
    script = "import time; print('{\"n\": 0}', flush=True); time.sleep(600)"
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
