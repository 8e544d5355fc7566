"""A SQLite table of parts as another program sees it, and the flow that fills it from MQTT."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Set
from contextlib import closing
from pathlib import Path
from typing import Any

from servers.publisher import PROBE, Publisher

FLOW = """
flowhost: 1
id: parts
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: {port}}}}}
  file: {{type: sql.database, config: {{url: "sqlite:///{file}"}}}}
nodes:
  parts: {{type: mqtt.subscribe, connection: broker, config: {{topics: [plant/+/parts], qos: 1, id: payload.seq}}}}
  part: {{type: map, config: {{set: {{seq: payload.seq, tag: topic, size: "get(payload, 'size', 1) + 0"}}}}}}
  rows: {{type: sql.write, connection: file, config: {{table: parts}}}}
wires: [parts -> part, part -> rows]
"""


class PartsTable:
    """Refuses parts without a positive size, and takes the same part as often as it is written."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "parts.db"
        with closing(sqlite3.connect(self.file)) as database:
            database.execute(
                "CREATE TABLE parts (n integer PRIMARY KEY, seq integer, tag text, size integer CHECK (size > 0))"
            )
            database.execute("CREATE INDEX by_seq ON parts (seq)")

    def flow(self, port: int) -> Path:
        """The flow's file, for a broker."""
        path = self.file.with_name("flow.yaml")
        path.write_text(FLOW.format(port=port, file=self.file))
        return path

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=20)) as database:
            return database.execute(sql).fetchall()

    def numbers(self) -> Counter[int]:
        """How often each part is in it."""
        return Counter(dict(self.ask("SELECT seq, count(*) FROM parts WHERE seq >= 0 GROUP BY seq")))

    def different(self) -> int:
        """How many parts are in it."""
        return int(self.ask("SELECT count(DISTINCT seq) FROM parts WHERE seq >= 0")[0][0])

    def last(self) -> int:
        """Place of the last row."""
        return int(self.ask("SELECT coalesce(max(n), 0) FROM parts")[0][0])

    def await_probe(self, publisher: Publisher, seconds: float = 60.0) -> None:
        """Wait until what is published arrives."""
        deadline = time.monotonic() + seconds
        first = number = time.time_ns() // 1_000_000
        while not self.ask(f"SELECT 1 FROM parts WHERE tag = '{PROBE}' AND seq <= {-first}"):
            assert time.monotonic() < deadline, "nothing arrives"
            publisher.probe(number)
            number += 1
            time.sleep(0.2)

    def await_these(self, parts: Set[int], seconds: float = 60.0, said: Callable[[], Any] = str) -> None:
        """Wait until all of these parts are in it."""
        deadline = time.monotonic() + seconds
        while missing := parts - self.numbers().keys():
            assert time.monotonic() < deadline, f"{sorted(missing)[:20]} missing after {seconds} s; {said()}"
            time.sleep(0.1)
