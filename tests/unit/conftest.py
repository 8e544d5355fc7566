"""What unit tests of several rooms share."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from flowhost.engine.outbox.changes import Bury
from flowhost.engine.outbox.codec import encode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.fleet import LocalFleet
from flowhost.sdk import Message, Meta
from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings

FLOW = """\
flowhost: 1
id: orders
name: Orders to MES
connections:
  db: {{type: sql.database, config: {{url: "sqlite:///{database}"}}}}
nodes:
  gen: {{type: inject, config: {{messages: [{{payload: {{nr: 99, qty: 9}}}}], every_s: 3600}}}}
  mes: {{type: sql.write, name: MES table, connection: db, config: {{table: orders}}}}
wires: [gen -> mes]
"""


class LetterFolder:
    """A data folder with a flow and its dead letters, orders that the table of the MES had refused."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.database = folder / "mes.db"
        self.flow = FLOW.format(database=self.database)
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("CREATE TABLE orders(nr INTEGER, qty REAL CHECK (qty >= 0))")

    async def fill(self, quantities: Sequence[float]) -> None:
        """Make the folder as a host would have left it."""
        host = Host(await asyncio.to_thread(load_settings, data_dir=self.data), LocalFleet(0))
        await host.start()
        await host.flows.import_file(LOCAL_USER, self.flow)
        await host.stop()
        await bury(self.data / "outbox" / "orders.db", quantities)

    def rows(self) -> list[tuple[int, float]]:
        """What the MES has."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute("SELECT nr, qty FROM orders ORDER BY rowid").fetchall()


async def bury(path: Path, quantities: Sequence[float]) -> None:
    """One letter for each quantity: order/1, order/2 and so on."""
    box = Outbox(path, pytest.fail)
    await box.open()
    for nr, qty in enumerate(quantities, 1):
        meta = Meta(f"order/{nr}", key=f"k{nr}", id=f"id-{nr}")
        message = encode_message(Message({"nr": nr, "qty": qty}, meta))
        reason = f"CHECK constraint failed: {qty}"
        letter = Bury("orders", "mes", time.time_ns(), 1, "Reject", reason, 1, message, meta.topic, meta.key, meta.id)
        await box.change(letter)
    await box.close()


@pytest.fixture(scope="session")
def make_letter_folder() -> Callable[..., LetterFolder]:
    """Makes a data folder with dead letters of these quantities, in a folder."""

    def make(path: Path, *quantities: float) -> LetterFolder:
        folder = LetterFolder(path)
        asyncio.run(folder.fill(quantities))
        return folder

    return make


@pytest.fixture
def letter_folder(tmp_path: Path, make_letter_folder: Callable[..., LetterFolder]) -> Callable[..., LetterFolder]:
    """The same in the test's own folder."""
    return partial(make_letter_folder, tmp_path)
