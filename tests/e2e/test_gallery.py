"""Every flow of the gallery against the simulated line, as its README says: all programs are real."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from servers.ledger import audit

ROOT = Path(__file__).resolve().parents[2]
GALLERY = sorted(path.parent.name for path in ROOT.glob("flows/*/flow.yaml"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class Ran:
    """One flow's run: its report and its folder."""

    def __init__(self, code: int, report: dict[str, Any], folder: Path, err: str) -> None:
        self.code = code
        self.report = report
        self.folder = folder
        self.err = err

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "plant.db")) as db:
            assert db.execute("pragma integrity_check").fetchone() == ("ok",)
            return db.execute(query).fetchall()


@pytest.fixture(scope="module")
def seen_at_broker(plant, listener) -> Any:
    watcher = listener(plant["PLANT_MQTT_HOST"], int(plant["PLANT_MQTT_PORT"]))
    watcher.subscribe("uns/#")
    return watcher


@pytest.fixture(scope="module")
def ran(plant, module_programs: Callable[..., Any], tmp_path_factory: Any, seen_at_broker) -> dict[str, Ran]:
    """All flows at the same time for ten seconds, each in a copy of its folder."""
    started = {}
    for name in GALLERY:
        folder = tmp_path_factory.mktemp(name) / name
        shutil.copytree(ROOT / "flows" / name, folder, ignore=shutil.ignore_patterns("*.db*"))
        flow = folder / "flow.yaml"
        started[name] = folder, module_programs("run", flow, "--for", "12s", "--json", cwd=folder.parent, **plant)
    ended = {}
    for name, (folder, program) in started.items():
        code = program.end()
        ended[name] = Ran(code, program.report(), folder, "".join(program.err))
    return ended


@pytest.mark.parametrize("name", GALLERY)
def test_flow_runs_clean(ran, name) -> None:
    run = ran[name]
    assert run.code == 0, (run.report["problems"], run.report["nodes"], run.err)
    assert run.report["clean"] is True
    audit(run.report)
    assert all(figures["in"] + figures["made"] > 0 for node, figures in run.report["nodes"].items() if not rare(node))


def rare(node: str) -> bool:
    """Nodes that get messages only when something is wrong."""
    return node in ("gaps", "unknown")


def test_line_values_are_in_the_table(ran) -> None:
    run = ran["line-to-sql"]
    rows = run.rows("select tag, value, unit, quality, at from telemetry")
    assert len(rows) == run.report["nodes"]["telemetry"]["out"] > 10
    assert {"line1/state", "line1/speed", "line1/tank/temperature"} <= {row[0] for row in rows}
    assert all(row[3] in ("good", "uncertain") and row[4].endswith("Z") for row in rows)
    speeds = [row for row in rows if row[0] == "line1/speed"]
    assert all(isinstance(row[1], float) and row[2] == "{bottles}/min" for row in speeds)


def test_energy_is_summed_over_ten_seconds(ran) -> None:
    run = ran["energy-windows"]
    rows = run.rows("select meter, kwh, mean_kw, max_kw, readings, partial, ends_at from energy_10s order by ends_at")
    assert len(rows) == run.report["nodes"]["energy"]["out"] >= 2
    assert {row[0] for row in rows} == {"line1/energy"}
    assert all(row[1] >= 0 and 0 < row[2] <= row[3] for row in rows)
    assert rows[-1][5] == "true", "the run ended in the middle of a window"
    assert sum(row[4] for row in rows) == run.report["nodes"]["readings"]["made"]
    assert all(row[6][17:19] in ("00", "10", "20", "30", "40", "50") for row in rows)


def test_production_has_one_row_per_order(ran) -> None:
    rows = ran["production-per-order"].rows(
        "select order_no, material, quantity, good, reject, done_percent from production"
    )
    assert len(rows) == len({row[0] for row in rows}) >= 1
    for order, material, quantity, good, _, percent in rows:
        assert order >= 4711
        assert material
        assert 0 <= good <= quantity
        assert percent == pytest.approx(100 * good / quantity, abs=0.06)


def seen(watcher: Any, wanted: Callable[[str], bool]) -> list[tuple[str, dict[str, Any]]]:
    """What a client at the broker got of these topics."""
    return [(m.topic, json.loads(m.payload)) for m in watcher.messages if not m.retain and wanted(m.topic)]


def test_line_values_are_published(ran, seen_at_broker) -> None:
    run = ran["line-to-mqtt"]
    messages = seen(seen_at_broker, lambda topic: not topic.endswith("temperature"))
    assert len(messages) == run.report["nodes"]["published"]["out"] > 10
    assert {"uns/plant1/line1/speed", "uns/plant1/line1/packer/vibration"} <= {topic for topic, _ in messages}
    assert all(set(payload) == {"value", "unit", "at"} for _, payload in messages)


def test_sensors_are_seen_under_one_convention(ran, seen_at_broker) -> None:
    run = ran["sensor-names"]
    messages = seen(seen_at_broker, lambda topic: topic.endswith("temperature"))
    assert len(messages) == run.report["nodes"]["unified"]["out"] > 5
    topics = {topic for topic, _ in messages}
    assert {"uns/plant1/line1/filler/bearing_temperature", "uns/plant1/line1/capper/old_temperature"} <= topics
    for topic, payload in messages:
        assert set(payload) == {"value", "unit", "at"}, topic
        assert payload["unit"] == "Cel"
        assert 5 < payload["value"] < 95, "Fahrenheit was converted"
