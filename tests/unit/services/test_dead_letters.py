"""Dead letters through the service of a real host: with the flow running in a worker, and standing still."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from flowhost.engine.outbox.changes import Bury
from flowhost.engine.outbox.codec import encode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.errors import ConfigError, ConflictError, ForbiddenError, NotFoundError
from flowhost.fleet import LocalFleet
from flowhost.sdk import Message, Meta
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.dead_letters import steps
from flowhost.services.host import Host
from flowhost.services.letter_views import LetterQuery
from flowhost.services.settings import load_settings
from flowhost.services.typed_json import PayloadError

FLOW = """\
flowhost: 1
id: {id}
name: Orders to MES
connections:
  db: {{type: sql.database, config: {{url: "sqlite:///{db}"}}}}
nodes:
  gen: {{type: inject, config: {{messages: {messages}, every_s: {every_s}}}}}
  mes: {{type: sql.write, name: MES table, connection: db, config: {{table: orders}}}}
wires: [gen -> mes]
"""
ALL = LetterQuery(states=())

pytestmark = pytest.mark.timeout(180)


def table(path: Path, *, strict: bool = True) -> None:
    """A table that refuses quantities below nothing."""
    with closing(sqlite3.connect(path)) as connection:
        check = "CHECK (qty >= 0)" if strict else ""
        connection.execute(f"CREATE TABLE orders(nr INTEGER, qty REAL {check})")


def rows(path: Path) -> list[tuple[int, float]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT nr, qty FROM orders ORDER BY rowid").fetchall()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "mes.db"
    table(path)
    return path


@pytest.fixture
def orders(database: Path):
    """The flow file; quantities below nothing become dead letters."""

    def make(quantities: Sequence[float] = (5, -1, -2), flow_id: str = "orders", every_s: float = 3600) -> str:
        messages = [{"payload": {"nr": nr, "qty": qty}, "topic": f"order/{nr}"} for nr, qty in enumerate(quantities)]
        text = json.dumps([{**m, "key": f"k{n}"} for n, m in enumerate(messages)])
        return FLOW.format(id=flow_id, db=database, messages=text, every_s=every_s)

    return make


@pytest.fixture
async def open_quiet_host(tmp_path: Path):
    """Starts a host without workers, for what is done while no flow runs."""
    hosts: list[Host] = []
    settings = await asyncio.to_thread(load_settings, data_dir=tmp_path / "data")

    async def opening() -> Host:
        hosts.append(Host(settings, LocalFleet(0)))
        await hosts[-1].start()
        return hosts[-1]

    yield opening
    for host in hosts:
        await host.stop()


@pytest.fixture
async def with_letters(open_host, open_quiet_host, orders, until, tmp_path):
    """A host whose flow has dead letters; it runs, or it does not."""

    async def make(*, running: bool, quantities: Sequence[float] = (5, -1, -2)) -> Host:
        host: Host = await (open_host if running else open_quiet_host)()
        await host.flows.import_file(LOCAL_USER, orders(quantities))
        bad = [(nr, quantity) for nr, quantity in enumerate(quantities) if quantity < 0]
        if running:
            await host.flows.start(LOCAL_USER, "orders")

            async def there() -> bool:
                return len((await host.dead_letters.list(LOCAL_USER, limit=500)).rows) == len(bad)

            await until(there, 40)
        else:
            await bury(tmp_path / "data" / "outbox" / "orders.db", bad)
        return host

    return make


async def bury(path: Path, bad: Sequence[tuple[int, float]]) -> None:
    """What an earlier run would have left."""
    box = Outbox(path, pytest.fail)
    await box.open()
    for nr, qty in bad:
        meta = Meta(f"order/{nr}", key=f"k{nr}", id=f"id-{nr}")
        message = encode_message(Message({"nr": nr, "qty": qty}, meta))
        reason = f"CHECK constraint failed: {qty}"
        await box.change(
            Bury("orders", "mes", time.time_ns(), 1, "Reject", reason, 1, message, meta.topic, meta.key, meta.id)
        )
    await box.close()


async def mend(host: Host, letter: str, qty: float) -> None:
    found = await host.dead_letters.show(LOCAL_USER, letter)
    payload = {**json.loads(found.current.text), "qty": qty}
    await host.dead_letters.edit(LOCAL_USER, letter, found.revision, json.dumps(payload))


async def state(host: Host, letter: str) -> str:
    return (await host.dead_letters.show(LOCAL_USER, letter)).row.state


async def test_letter_is_listed_looked_at_edited_and_delivered_once(with_letters, database, until) -> None:
    host = await with_letters(running=True)
    page = await host.dead_letters.list(LOCAL_USER)
    assert [row.id for row in page.rows] == ["orders:2", "orders:1"], "the newest first"
    row = page.rows[-1]
    assert (row.flow_name, row.node, row.node_title, row.topic, row.key) == (
        "Orders to MES", "mes", "MES table", "order/1", "k1",
    )  # fmt: skip
    assert "CHECK" in row.reason
    assert '"qty": -1' in row.preview
    assert page.problems == ()
    found = await host.dead_letters.show(LOCAL_USER, "orders:1")
    assert json.loads(found.original.text) == {"nr": 1, "qty": -1}
    assert (found.revision, found.flow_revision, len(found.causes)) == (0, 1, 1)
    assert found.meta is not None
    assert found.meta.id == row.message_id != ""
    assert found.retry.possible
    assert found.retry.text == f"it goes to the input of MES table again, with its id {row.message_id}"
    await until(lambda: host.flows._keeper.flows["orders"].dead_letters == 2)
    # as it is, it fails again and stays the same letter
    step = await host.dead_letters.retry(LOCAL_USER, LetterQuery(ids=("orders:1", "orders:9")))
    assert (step.done, step.next, step.waiting) == (1, "", ())
    assert [(skip.id, skip.reason) for skip in step.skipped] == [("orders:9", "there is no such letter")]

    async def failed_again() -> bool:
        return (await host.dead_letters.show(LOCAL_USER, "orders:1")).row.attempts == 2

    await until(failed_again)
    found = await host.dead_letters.show(LOCAL_USER, "orders:1")
    assert [cause.attempts for cause in found.causes] == [1, 2]
    found = await host.dead_letters.edit(LOCAL_USER, "orders:1", 0, '{"nr": 1, "qty": 7}')
    assert (found.revision, found.edits[0].by, found.row.edits) == (1, "local", 1)
    assert json.loads(found.original.text) == {"nr": 1, "qty": -1}, "the original is kept"
    await host.dead_letters.retry(LOCAL_USER, LetterQuery(ids=("orders:1",)))
    await until(lambda: rows(database) == [(0, 5), (1, 7)])

    async def closed() -> bool:
        return await state(host, "orders:1") == "delivered"

    await until(closed)
    assert [row.id for row in (await host.dead_letters.list(LOCAL_USER)).rows] == ["orders:2"]
    await host.dead_letters.retry(LOCAL_USER, LetterQuery(ids=("orders:1",)))
    assert rows(database) == [(0, 5), (1, 7)]


@pytest.mark.parametrize("runs", [True, False], ids=["running", "standing still"])
async def test_closed_letters_go_when_their_time_is_over(with_letters, runs: bool) -> None:
    host = await with_letters(running=runs, quantities=(5, -1, -2, -3, -4))
    await host.dead_letters.discard(LOCAL_USER, LetterQuery(ids=("orders:1", "orders:2", "orders:4")), "a test")
    now_ns, day_ns = time.time_ns(), 86_400 * 10**9
    assert await host.housekeeping.tidy(now_ns + 29 * day_ns) == 0
    assert await host.housekeeping.tidy(now_ns + 31 * day_ns) == 2
    left = await host.dead_letters.list(LOCAL_USER, ALL)
    assert {(row.id, row.state) for row in left.rows} == {("orders:3", "dead"), ("orders:4", "discarded")}
    assert await host.housekeeping.tidy(now_ns + 31 * day_ns) == 0


async def test_retry_of_a_flow_that_stands_still_is_delivered_at_its_next_start(
    with_letters, open_host, database, until
) -> None:
    first = await with_letters(running=False)
    await first.stop()
    host = await open_host()
    await until(lambda: host.flows._keeper.flows["orders"].dead_letters == 2)
    found = await host.dead_letters.show(LOCAL_USER, "orders:2")
    assert found.retry.text.endswith("the flow does not run, so it waits for the next start")
    await mend(host, "orders:1", 1)
    await mend(host, "orders:2", 2)
    step = await host.dead_letters.retry(LOCAL_USER, LetterQuery(flow="orders"))
    assert (step.done, step.waiting) == (2, ("orders",))
    (overview,) = await host.flows.list(LOCAL_USER)
    assert overview.dead_letters == 0
    assert rows(database) == []
    await host.flows.start(LOCAL_USER, "orders")
    await until(lambda: {(1, 1.0), (2, 2.0)} <= set(rows(database)))

    async def closed() -> bool:
        return [await state(host, letter) for letter in ("orders:1", "orders:2")] == ["delivered"] * 2

    await until(closed)


@pytest.mark.parametrize("running", [True, False])
async def test_edits_are_refused_where_stale_or_wrong(with_letters, running) -> None:
    host = await with_letters(running=running)
    letters = host.dead_letters
    await letters.edit(LOCAL_USER, "orders:1", 0, '{"nr": 1, "qty": {"$decimal": "1.50"}}')
    with pytest.raises(ConflictError, match="edited by local meanwhile"):
        await letters.edit(LOCAL_USER, "orders:1", 0, "{}")
    with pytest.raises(PayloadError) as caught:
        await letters.edit(LOCAL_USER, "orders:1", 1, '{"nr": 1,\n "qty": }')
    assert (caught.value.line, caught.value.column) == (2, 9)
    with pytest.raises(PayloadError):
        await letters.edit(LOCAL_USER, "orders:1", 1, '"\\ud800"')
    for wrong in ("orders:77", "nix:1", "orders", "orders:0", ""):
        with pytest.raises(NotFoundError):
            await letters.edit(LOCAL_USER, wrong, 0, "{}")
        with pytest.raises(NotFoundError):
            await letters.show(LOCAL_USER, wrong)
    found = await letters.show(LOCAL_USER, "orders:1")
    assert json.loads(found.current.text) == {"nr": 1, "qty": {"$decimal": "1.50"}}
    with pytest.raises(ConfigError, match="say why"):
        await letters.discard(LOCAL_USER, LetterQuery(), " ")
    step = await letters.discard(LOCAL_USER, LetterQuery(ids=("orders:1",)), "cancelled")
    assert step.done == 1
    row = (await letters.show(LOCAL_USER, "orders:1")).row
    assert (row.state, row.note, row.changed_by) == ("discarded", "cancelled", "local")
    assert not (await letters.show(LOCAL_USER, "orders:1")).retry.possible
    with pytest.raises(ConflictError, match="discarded"):
        await letters.edit(LOCAL_USER, "orders:1", 1, "{}")


async def test_filters_pages_and_counts(with_letters) -> None:
    host = await with_letters(running=False, quantities=[-n for n in range(1, 24)])
    letters = host.dead_letters
    seen: list[str] = []
    after = ""
    while True:
        page = await letters.list(LOCAL_USER, after=after, limit=5)
        seen += [row.id for row in page.rows]
        if not page.next:
            break
        after = page.next
    assert len(seen) == len(set(seen)) == 23
    assert (await letters.list(LOCAL_USER, LetterQuery(text="order/3"))).rows[0].topic == "order/3"
    assert len((await letters.list(LOCAL_USER, LetterQuery(text="CHECK CONSTRAINT"))).rows) == 23
    now = datetime.now(UTC)
    for query, number in [
        (LetterQuery(flow="orders"), 23), (LetterQuery(flow="nix"), 0), (LetterQuery(node="mes"), 23),
        (LetterQuery(node="gen"), 0), (LetterQuery(kind="Nix"), 0), (LetterQuery(since=now), 0),
        (LetterQuery(until=now), 23), (LetterQuery(since=now - timedelta(hours=1)), 23),
        (LetterQuery(states=("delivered",)), 0), (LetterQuery(ids=("orders:3", "orders:5")), 2),
        (LetterQuery(ids=()), 0), (ALL, 23),
    ]:  # fmt: skip
        assert len((await letters.list(LOCAL_USER, query)).rows) == number, query
        assert sum(count.number for count in await letters.counts(LOCAL_USER, query)) == number, query
    (count,) = await letters.counts(LOCAL_USER)
    assert (count.flow_id, count.node, count.state, count.number) == ("orders", "mes", "dead", 23)
    with pytest.raises(ConfigError, match="zone"):
        await letters.list(LOCAL_USER, LetterQuery(since=datetime(2026, 1, 1)))  # noqa: DTZ001 - that is the mistake
    with pytest.raises(ConfigError, match="next"):
        await letters.list(LOCAL_USER, after="x")


async def test_many_go_in_steps_and_each_once(with_letters, database, until) -> None:
    host = await with_letters(running=True, quantities=[-n for n in range(1, 31)])
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE orders RENAME TO strict_orders")
        connection.execute("CREATE TABLE orders(nr INTEGER, qty REAL)")
        connection.commit()
    retry = partial(host.dead_letters.retry, LOCAL_USER, LetterQuery(), limit=7)
    seen = [(step.done, step.left) async for step in steps(lambda after: retry(after=after))]
    assert seen == [(7, 23), (7, 16), (7, 9), (7, 2), (2, 0)]
    await until(lambda: len(rows(database)) == 30)
    assert sorted(nr for nr, _ in rows(database)) == list(range(30))


async def test_export_is_imported_elsewhere_with_everything_and_once(with_letters, tmp_path) -> None:
    host = await with_letters(running=False)
    letters = host.dead_letters
    await letters.edit(LOCAL_USER, "orders:1", 0, '{"nr": 1, "qty": {"$decimal": "1.50"}, "raw": {"$bytes": "AAH/"}}')
    await letters.discard(LOCAL_USER, LetterQuery(ids=("orders:2",)), "cancelled")
    text = "".join([part async for part in letters.export(LOCAL_USER, ALL)])
    document = json.loads(text)
    assert document["flowhost_dead_letters"] == 1
    assert [letter["id"] for letter in document["letters"]] == ["orders:1", "orders:2"]
    before = [await letters.show(LOCAL_USER, f"orders:{n}") for n in (1, 2)]
    result = await letters.import_(LOCAL_USER, text)
    assert (result.taken, result.known) == (0, 2)
    # as on another host, which has the flow but none of its letters
    (tmp_path / "data" / "outbox" / "orders.db").unlink()
    result = await letters.import_(LOCAL_USER, text)
    assert (result.taken, result.known) == (2, 0)
    after = [await letters.show(LOCAL_USER, f"orders:{n}") for n in (1, 2)]
    assert after == before
    assert (await letters.import_(LOCAL_USER, text)).known == 2
    text_again = "".join([part async for part in letters.export(LOCAL_USER, ALL)])
    assert json.loads(text_again)["letters"] == document["letters"]


async def test_wrong_imports_take_nothing_in_and_say_where(with_letters) -> None:
    host = await with_letters(running=False)
    letters = host.dead_letters
    good = json.loads("".join([part async for part in letters.export(LOCAL_USER)]))

    def changed(**fields: object) -> str:
        other = json.loads(json.dumps(good))
        other["letters"][0]["uid"] = "new"
        other["letters"][1].update(fields)
        return json.dumps(other)

    for text, place in [
        ("{", "line 1, column 2"),
        ("[]", "document"),
        ('{"flowhost_dead_letters": 9, "letters": []}', "flowhost_dead_letters"),
        (changed(state="lost"), "letters[1].state"),
        (changed(at_ns="now"), "letters[1].at_ns"),
        (changed(uid="new"), "letters[1].uid"),
        (changed(extra=1), "letters[1]"),
        (changed(original={"payload": {"$decimal": "x"}}), "letters[1].original.payload"),
        (changed(original={"damaged": "%"}), "letters[1].original.damaged"),
    ]:
        with pytest.raises(PayloadError) as caught:
            await letters.import_(LOCAL_USER, text)
        assert caught.value.place == place
    with pytest.raises(ConflictError, match="another content"):
        await letters.import_(LOCAL_USER, changed(original={"payload": 5}))
    with pytest.raises(ConfigError, match="flow nix is not here"):
        await letters.import_(LOCAL_USER, changed(flow="nix"))
    assert len((await letters.list(LOCAL_USER, ALL)).rows) == 2


async def test_node_that_is_gone_is_said_and_its_letters_stay(with_letters, orders) -> None:
    host = await with_letters(running=False)
    await host.flows.import_file(LOCAL_USER, orders().replace("mes:", "erp:").replace("gen -> mes", "gen -> erp"))
    step = await host.dead_letters.retry(LOCAL_USER, LetterQuery())
    assert step.done == 0
    assert "node 'mes' is no longer in flow orders" in step.skipped[0].reason
    found = await host.dead_letters.show(LOCAL_USER, "orders:1")
    assert (found.row.state, found.row.node_title, found.retry.possible) == ("dead", "mes", False)


async def test_a_node_without_a_name_is_called_by_its_id_as_on_the_canvas(with_letters, orders) -> None:
    host = await with_letters(running=False)
    await host.flows.import_file(LOCAL_USER, orders().replace("name: MES table, ", ""))
    assert {row.node_title for row in (await host.dead_letters.list(LOCAL_USER)).rows} == {"mes"}


@pytest.mark.expects_error_log
async def test_damaged_letter_is_shown_as_it_lies_there_and_can_be_replaced(with_letters, tmp_path, database) -> None:
    host = await with_letters(running=False)
    import apsw

    connection = apsw.Connection(str(tmp_path / "data" / "outbox" / "orders.db"))
    connection.set_busy_timeout(20_000)
    connection.execute("UPDATE dead SET message = zeroblob(9) WHERE id = 1")
    connection.close()
    found = await host.dead_letters.show(LOCAL_USER, "orders:1")
    assert found.original.problem
    assert (found.original.text, found.original.hex, found.meta) == ("", "00 00 00 00 00 00 00 00 00", None)
    assert found.row.preview == "(damaged on disk)"
    step = await host.dead_letters.retry(LOCAL_USER, LetterQuery(ids=("orders:1",)))
    assert "damaged" in step.skipped[0].reason
    found = await host.dead_letters.edit(LOCAL_USER, "orders:1", 0, '{"nr": 1, "qty": 3}')
    assert found.meta is not None
    assert (found.meta.topic, found.retry.possible) == ("order/1", True)


async def test_every_call_checks_the_caller(with_letters) -> None:
    host = await with_letters(running=False)
    letters = host.dead_letters
    nobody, viewer, operator = (Principal(name, frozenset({name})) for name in ("nobody", "viewer", "operator"))
    query = LetterQuery()
    for call in (letters.list(nobody), letters.counts(nobody), letters.show(nobody, "orders:1")):
        with pytest.raises(ForbiddenError):
            await call
    with pytest.raises(ForbiddenError):
        await anext(letters.export(nobody))
    for call in (
        letters.edit(viewer, "orders:1", 0, "{}"), letters.retry(viewer, query), letters.discard(viewer, query, "x"),
        letters.import_(operator, "{}"),
    ):  # fmt: skip
        with pytest.raises(ForbiddenError):
            await call
    assert (await letters.retry(operator, LetterQuery(ids=()))).done == 0
    assert (await letters.retry(operator, query)).done == 2


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test")
@pytest.mark.expects_error_log
async def test_worker_killed_while_letters_are_retried_loses_and_doubles_nothing(with_letters, database, until) -> None:
    host = await with_letters(running=True, quantities=[-n for n in range(1, 41)])
    for n in range(1, 41):
        await mend(host, f"orders:{n}", n)
    (worker,) = (await host.system.status(LOCAL_USER)).workers
    assert worker.pid is not None
    asked = [
        asyncio.create_task(host.dead_letters.retry(LOCAL_USER, LetterQuery(ids=(f"orders:{n}",))))
        for n in range(1, 41)
    ]
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    os.kill(worker.pid, signal.SIGKILL)
    await asyncio.gather(*asked, return_exceptions=True)

    async def all_closed() -> bool:
        # what was not taken any more is asked for again
        async for _ in steps(lambda after: host.dead_letters.retry(LOCAL_USER, LetterQuery(), after=after)):
            pass
        found = await host.dead_letters.list(LOCAL_USER, replace(ALL, states=("delivered",)), limit=500)
        return len(found.rows) >= 40

    await until(all_closed, 60)
    assert sorted(nr for nr, qty in rows(database) if qty > 0) == list(range(40))
