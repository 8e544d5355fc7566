"""The host's secret store: used by flows and connections, told to nobody."""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest
from servers.postgres import PostgresPeek, PostgresServer, postgres_server

from flowhost.errors import ConfigError, ConflictError, ForbiddenError, NotFoundError
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.host import Host

__all__ = ["postgres_server"]

ME = LOCAL_USER
FLOW = """\
flowhost: 1
id: {id}
name: {id}
nodes:
  gen: {{type: sim.generate, config: {{tags: 2, rate_hz: 50}}}}
  rows: {{type: sql.write, connection: plantdb, config: {{table: "{table}", create_table: true}}}}
wires:
  - gen -> rows
"""
OWN = """\
connections:
  plantdb: {{type: sql.database, config: {{url: "sqlite:///{path}", password: {{secret: {secret}}}}}}}
"""


@pytest.fixture
def guarded(postgres_server: PostgresServer) -> tuple[PostgresPeek, str]:
    """A database that wants a password of user `mes`, which is `right`; its URL for that user."""
    url = postgres_server.new_database()
    peek = PostgresPeek(url)
    peek("DO $$ BEGIN CREATE ROLE mes LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    peek("ALTER ROLE mes PASSWORD 'right'")
    peek("GRANT ALL ON SCHEMA public TO mes")
    return peek, url.replace("postgres@", "mes@")


def rows(peek: PostgresPeek, table: str) -> int:
    if not peek("select 1 from pg_tables where tablename = ?", table):
        return 0
    return int(peek(f"select count(*) from {table}")[0][0])


async def test_a_flow_runs_with_a_stored_password_and_starts_anew_when_it_changes(
    host: Host, until, guarded: tuple[PostgresPeek, str]
) -> None:
    peek, url = guarded
    done = await host.secrets.put(ME, "plant_password", "wrong")
    assert (done.secret.source, done.secret.changed_by, done.restarted) == ("store", "local", ())
    config = {"url": url, "password": {"secret": "plant_password"}}
    await host.connections.create(ME, "plantdb", "sql.database", config)
    assert not (await host.connections.test(ME, "plantdb")).ok
    tried = await host.connections.try_out(ME, "sql.database", config, typed={"plant_password": "right"})
    assert tried.ok, tried.text
    await host.secrets.put(ME, "plant_password", "right")
    assert (await host.connections.test(ME, "plantdb")).ok
    await host.flows.import_file(ME, FLOW.format(id="a", table="a"))
    await host.flows.start(ME, "a")
    await until(lambda: rows(peek, "a") > 5)
    (secret,) = await host.secrets.list(ME)
    assert (secret.name, secret.connections, secret.flows) == ("plant_password", ("plantdb",), ())
    # the database gets another password: what runs goes on once it is told
    peek("ALTER ROLE mes PASSWORD 'newer'")
    run = (await host.flows.detail(ME, "a")).overview.run_id
    changed = await host.secrets.put(ME, "plant_password", "newer")
    assert (changed.restarted, changed.not_started) == (("a",), ())
    assert (await host.flows.detail(ME, "a")).overview.run_id != run
    before = rows(peek, "a")
    await until(lambda: rows(peek, "a") > before)
    assert (await host.secrets.put(ME, "plant_password", "newer")).restarted == (), "the same value changes nothing"
    events = (await host.flows.detail(ME, "a")).events
    assert any(event.text.startswith("secret 'plant_password' was changed by") for event in events)
    with pytest.raises(ConflictError, match="is used by connection plantdb: take it out"):
        await host.secrets.delete(ME, "plant_password")


@pytest.mark.slow
async def test_what_is_typed_into_a_form_is_kept_with_it_or_not_at_all(
    host: Host, until, guarded: tuple[PostgresPeek, str]
) -> None:
    peek, url = guarded
    config = {"url": url, "password": {"secret": "db"}}
    with pytest.raises(ConfigError, match="not installed"):
        await host.connections.create(ME, "plantdb", "no.such", config, {"db": "right"})
    await host.connections.create(ME, "taken", "sql.database", {"url": "sqlite:///x.db"})
    with pytest.raises(ConflictError, match="already"):
        await host.connections.create(ME, "taken", "sql.database", config, {"db": "right"})
    assert await host.secrets.list(ME) == ()
    made = await host.connections.create(ME, "plantdb", "sql.database", config, {"db": "right"})
    await host.flows.import_file(ME, FLOW.format(id="b", table="b"))
    await host.flows.start(ME, "b")
    await until(lambda: rows(peek, "b") > 5)
    # a new value alone starts the flow anew, once
    changed = await host.connections.change(ME, "plantdb", config, made.version, {"db": "other"})
    assert changed.restarted == ("b",)
    # a config that flows do not start with: the value before is in force again, too
    broken = {"url": url, "password": {"secret": "nobody_set_it"}}
    with pytest.raises(ConfigError, match="does not start with it"):
        await host.connections.change(ME, "plantdb", broken, made.version, {"db": "right"})
    assert not (await host.connections.test(ME, "plantdb")).ok


async def test_the_environment_goes_before_the_store(open_host, monkeypatch: pytest.MonkeyPatch) -> None:
    host = await open_host()
    await host.secrets.put(ME, "plant.db", "stored")
    monkeypatch.setenv("FLOWHOST_SECRET_PLANT_DB", "from outside")
    monkeypatch.setenv("FLOWHOST_SECRET_OTHER", "from outside")
    monkeypatch.setenv("FLOWHOST_SECRET_KEY_FILE", "elsewhere.key")
    found = {one.name: (one.source, one.stored) for one in await host.secrets.list(ME)}
    assert found == {"plant.db": ("environment", True), "other": ("environment", False)}
    for name in ("plant.db", "other"):
        with pytest.raises(ConflictError, match=r"environment variable FLOWHOST_SECRET_\w+ of the host sets it"):
            await host.secrets.put(ME, name, "x")
    with pytest.raises(NotFoundError, match="FLOWHOST_SECRET_OTHER"):
        await host.secrets.delete(ME, "other")
    await host.secrets.delete(ME, "plant.db")
    assert [one.name for one in await host.secrets.list(ME)] == ["other", "plant_db"]


async def test_names_and_values_are_checked_without_being_quoted(host: Host) -> None:
    for name, value, place in (
        ("9lives", "hunter2", "name"), ("a b", "hunter2", "name"), ("x" * 200, "hunter2", "name"),
        ("key_file", "hunter2", "name"), ("db", "", "value"), ("db", "hunter2" * 10_000, "value"),
    ):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            await host.secrets.put(ME, name, value)
        assert caught.value.place == place
        assert "hunter2" not in str(caught.value)
    answer = await host.asks.answer(ME, "connection.create", {
        "name": "a", "type": "sql.database", "config": {"url": "sqlite:///x.db"}, "secrets": {"db": ["hunter2"]}
    })  # fmt: skip
    assert answer == {"ok": False, "error": "a secret is text", "place": "secrets"}


async def test_who_may_not(host: Host) -> None:
    viewer, engineer = Principal("vera", frozenset({"viewer"})), Principal("emil", frozenset({"engineer"}))
    assert await host.secrets.list(viewer) == ()
    for refused in (host.secrets.put(viewer, "db", "x"), host.secrets.delete(viewer, "db")):
        with pytest.raises(ForbiddenError):
            await refused
    assert (await host.secrets.put(engineer, "db", "x")).secret.changed_by == "emil"


async def test_without_its_key_the_host_starts_and_flows_say_what_they_lack(
    open_host, until, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = await open_host()
    for name in ("one", "two"):
        await host.secrets.put(ME, name, "hunter2")
        own = OWN.format(path=tmp_path / f"{name}.db", secret=name)
        await host.flows.import_file(ME, FLOW.format(id=name, table="x") + own)
        await host.flows.start(ME, name)
    await host.flows.import_file(ME, FLOW.format(id="named", table="x") + OWN.format(path="y.db", secret="two"))
    await host.stop()
    key, away = tmp_path / "data" / "secrets.key", tmp_path / "away.key"
    key.rename(away)
    with caplog.at_level(logging.WARNING):
        host = await open_host()
    assert "2 stored secrets cannot be read" in caplog.text

    async def failed() -> bool:
        detail = await host.flows.detail(ME, "one")
        return detail.overview.state == "failed" and "secrets.key is missing; put the key back" in str(detail.overview)

    await until(failed)
    with pytest.raises(ConfigError, match=r"secret 'two' cannot be read.*secrets\.key is missing"):
        await host.flows.start(ME, "named")
    assert all("cannot be read" in one.problem for one in await host.secrets.list(ME))
    with pytest.raises(ConflictError, match="missing"):
        await host.secrets.put(ME, "three", "x")
    # entered again: what was to run runs
    assert (await host.secrets.put(ME, "one", "entered again")).restarted == ("one",)
    await until(lambda: (tmp_path / "one.db").exists())
    # the key is put back while the host runs: nothing has to be started anew for it
    (tmp_path / "data" / "secrets.key").unlink()
    away.rename(key)
    await host.flows.start(ME, "named")
    assert not [one.name for one in await host.secrets.list(ME) if one.problem and one.name != "one"]
    caplog.clear()


async def test_a_secret_that_nothing_sets_is_listed_and_starts_what_waits_for_it(
    host: Host, until, tmp_path: Path
) -> None:
    text = FLOW.format(id="waits", table="x") + OWN.format(path=tmp_path / "w.db", secret="later")
    await host.flows.import_file(ME, text)
    (found,) = await host.secrets.list(ME)
    assert (found.name, found.source, found.flows) == ("later", "nowhere", ("waits",))
    with pytest.raises(ConfigError, match="'later' is not set"):
        await host.flows.start(ME, "waits")
    await host.secrets.put(ME, "later", "x")
    await host.flows.start(ME, "waits")
    await until(lambda: (tmp_path / "w.db").exists())
    with pytest.raises(ConflictError, match="used by flow waits"):
        await host.secrets.delete(ME, "later")


@pytest.mark.slow
async def test_no_value_is_found_anywhere(
    open_host, until, tmp_path: Path, caplog: pytest.LogCaptureFixture, guarded: tuple[PostgresPeek, str]
) -> None:
    """Everything that can be done with secrets is done, then every file, log line and answer is searched."""
    peek, url = guarded
    marks = ["mark-one-5c1f", "mark-two-77ab", "mark-typed-9d03"]
    caplog.set_level(logging.DEBUG)
    host = await open_host()
    answers: list[object] = []

    async def ask(what: str, **args: object) -> None:
        answers.append(await host.asks.answer(ME, what, args))

    peek(f"ALTER ROLE mes PASSWORD '{marks[0]}'")
    config = {"url": url, "password": {"secret": "db"}}
    await ask("connection.try", type="sql.database", config=config, name="p", secrets={"db": marks[2]})
    await ask("connection.create", name="plantdb", type="sql.database", config=config, secrets={"db": marks[0]})
    await ask("connection.test", name="plantdb")
    await ask("browse", connection="plantdb", list="tables")
    await host.flows.import_file(ME, FLOW.format(id="c", table="c"))
    await host.flows.start(ME, "c")
    await until(lambda: rows(peek, "c") > 5)
    await ask("secret.put", name="db", value=marks[1])
    await ask("secret.put", name="db", value=marks[0])
    await ask("secret.put", name="9", value=marks[2])
    await ask("secrets")
    await ask("connections")
    answers += [asdict(await host.flows.detail(ME, "c")), await host.files.export(ME, None, draft=False)]
    answers += [await host.drafts.look(ME, "c"), await host.runs.list(ME, "c", 50)]
    assert rows(peek, "c")
    await host.stop()
    said = json.dumps(answers, default=repr) + repr(answers) + caplog.text + repr(vars(host.secrets))
    for mark in marks:
        assert mark not in said
        for file in (tmp_path / "data").rglob("*"):
            assert not file.is_file() or mark.encode() not in file.read_bytes(), file
    with sqlite3.connect(tmp_path / "data" / "app.db") as database:
        assert database.execute("select count(*) from secret").fetchone() == (1,)
