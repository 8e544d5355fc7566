"""A real fleet of real worker processes, and somebody who writes down what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from flowhost.engine.snapshot import FlowSnapshot, RunEvent
from flowhost.fleet import FlowOrder, LocalFleet
from flowhost.graph.jsonform import from_json


class Notebook:
    """A listener that keeps everything."""

    def __init__(self) -> None:
        self.snapshots: dict[int, FlowSnapshot] = {}
        self.events: list[tuple[int, RunEvent]] = []
        self.ended: dict[int, tuple[str, str, FlowSnapshot]] = {}
        self.lost: dict[int, str] = {}

    def run_status(self, run: int, snapshot: FlowSnapshot, at_ns: int) -> None:
        self.snapshots[run] = snapshot

    def run_happened(self, run: int, events: Sequence[RunEvent], skipped: int) -> None:
        self.events += [(run, event) for event in events]

    def run_ended(self, run: int, outcome: str, reason: str, snapshot: FlowSnapshot) -> None:
        assert run not in self.ended
        self.ended[run] = outcome, reason, snapshot

    def runs_lost(self, runs: Sequence[int], reason: str) -> None:
        for run in runs:
            assert run not in self.lost
            self.lost[run] = reason


async def _until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not become so in time"
        await asyncio.sleep(0.02)


def _document(flow_id: str = "line", **generate):
    config = {"tags": 2, "rate_hz": 50} | generate
    nodes = {"gen": {"type": "sim.generate", "config": config}, "end": {"type": "discard"}}
    return from_json({"flowhost": 1, "id": flow_id, "nodes": nodes, "wires": ["gen -> end"]})


@pytest.fixture
def until():
    return _until


@pytest.fixture
def document():
    return _document


@pytest.fixture
def order(tmp_path: Path):
    return partial(_order, base_dir=tmp_path)


def _order(run: int, base_dir: Path, watch: bool = False, flow=None, secrets=None) -> FlowOrder:
    return FlowOrder(
        run=run,
        document=flow or _document(),
        base_dir=base_dir,
        host_id="test",
        secrets=secrets or {},
        watch=watch,
    )


@pytest.fixture
async def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
async def fleet(notebook: Notebook):
    fleet = LocalFleet(1)
    await fleet.open(notebook)
    yield fleet
    await fleet.close(1.0)
