"""R4: the broker is stopped, killed and started again while parts flow; and what its defaults lose is told."""

from __future__ import annotations

import os
import random
import re
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.ledger import audit
from servers.parts_table import PartsTable
from servers.publisher import Publisher

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(240)]

PER_SECOND = 200
RECONNECTED_WITHIN_S = 10.0
"""In the middle; a single one may take twice as long on a machine that does other things meanwhile."""
ENDS = {"stopped": signal.SIGTERM, "killed": signal.SIGKILL}


@pytest.fixture
def table(tmp_path: Path) -> PartsTable:
    return PartsTable(tmp_path)


@pytest.fixture
def publisher(broker: Any) -> Iterator[Publisher]:
    made = Publisher(broker.port, PER_SECOND)
    yield made
    made.close()


@pytest.mark.parametrize(
    "times",
    [pytest.param(2, id="short"), pytest.param(20, id="long", marks=[pytest.mark.long, pytest.mark.timeout(900)])],
)
def test_nothing_lost_or_doubled_over_restarts_of_the_broker(
    program: Any, broker: Any, publisher: Publisher, table: PartsTable, tmp_path: Path, times: int
) -> None:
    seed = int(os.environ.get("FLOWHOST_TEST_SEED", random.randrange(10**6)))
    chance = random.Random(seed)
    run = program("run", table.flow(broker.port), "--data", tmp_path / "state", "--json")
    table.await_probe(publisher)
    publisher.start()
    back_s: list[float] = []
    forgotten: set[int] = set()
    for how in chance.sample([*ENDS] * times, 2 * times):
        time.sleep(chance.uniform(0.3, 1.2))
        broker.end(ENDS[how])
        # mosquitto confirms before it saves: what it confirmed in its last moment may be lost by itself. What the flow
        # has confirmed is in the table: a sink of this machine has no queue
        forgotten |= publisher.confirmed() - table.numbers().keys() - kept_by(broker)
        # the last one is away for longer than a first pause between attempts
        time.sleep(4 if len(back_s) == 2 * times - 1 else chance.uniform(0.1, 0.8))
        before = table.last()
        broker.start()
        began = time.monotonic()
        while table.last() == before:
            assert time.monotonic() - began < 2 * RECONNECTED_WITHIN_S, f"no rows again (seed {seed}): {run.err}"
            time.sleep(0.02)
        back_s.append(time.monotonic() - began)
    publisher.stop()
    publisher.settle()
    expected = publisher.confirmed()
    table.await_these(expected - forgotten, said=lambda: run.err)
    assert run.end(signal.SIGINT) == 0, run.err
    report = run.report()
    numbers = table.numbers()
    missing = expected - numbers.keys()
    lost, doubled = len(missing - forgotten), sum(count - 1 for count in numbers.values())
    print(f"seed {seed}: {times} stopped, {times} killed, {len(expected)} parts, {lost} lost, {doubled} doubled, "
          f"{len(missing & forgotten)} lost by the broker of {len(forgotten)} confirmed but not saved; rows again "
          f"after {statistics.median(back_s):.2f} s (median), {max(back_s):.2f} s (longest)")  # fmt: skip
    assert (lost, doubled) == (0, 0), f"seed {seed}"
    assert statistics.median(back_s) <= RECONNECTED_WITHIN_S, f"seed {seed}"
    audit(report, settled=True)
    assert not [problem for problem in report["problems"] if problem["kind"] in ("gap", "gone")]


def kept_by(broker: Any) -> set[int]:
    """Parts the broker has on disk for the flow."""
    return {int(seq) for seq in re.findall(rb'\{"seq": (\d+)\}', broker.kept())}


def test_what_a_broker_as_shipped_loses_is_told(
    program: Any, shipped_broker: Any, table: PartsTable, tmp_path: Path
) -> None:
    publisher = Publisher(shipped_broker.port, PER_SECOND, at_once=3000)
    flow, data = table.flow(shipped_broker.port), tmp_path / "state"

    def run() -> Any:
        started = program("run", flow, "--data", data, "--json")
        table.await_probe(publisher)
        return started

    # while FlowHost is away, the broker's queue for it overflows
    first = run()
    first.end(signal.SIGINT)
    for _ in range(1500):
        publisher.publish()
    publisher.settle()
    second = program("run", flow, "--data", data, "--json")
    said = second.says("has dropped", 60)
    assert "max_queued_messages" in said
    # while it is there, the broker forgets the session
    shipped_broker.kill()
    shipped_broker.start()
    second.says("the broker has lost the session", 60)
    second.end(signal.SIGINT)
    # and while it is away
    shipped_broker.kill()
    shipped_broker.start()
    third = program("run", flow, "--data", data, "--json")
    third.says("while this node was away, the broker has lost the session", 60)
    third.end(signal.SIGINT)
    gaps = [problem for problem in third.report()["problems"] if problem["kind"] in ("gap", "gone")]
    assert [gap["node"] for gap in gaps] == ["parts"]
    publisher.close()
    missing = 1500 - table.different()
    print(f"{missing} of 1500 parts were dropped by the broker")
    assert missing > 0
