"""What `flowhost run` does, as a library: prepare, run, report."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowhost.errors import ConfigError
from flowhost.services.local_run import Interrupts, RunReport, RunRequest, prepare, run_flow

HEAD = "flowhost: 1\nid: t\n"
COUNTED = (
    HEAD
    + """\
nodes:
  gen: {type: sim.generate, config: {tags: 2, count: 500, rate_hz: 0}}
  low: {type: filter, config: {where: payload.seq < 100}}
  end: {type: discard}
wires: [gen -> low, low -> end]
"""
)
ENDLESS = (
    HEAD
    + """\
nodes:
  gen: {type: sim.generate, config: {rate_hz: 0}}
  end: {type: discard}
wires: [gen -> end]
"""
)
FAILING = (
    HEAD
    + """\
nodes:
  src: {type: inject, config: {messages: [{payload: {v: 1}}, {payload: {v: x}}, {payload: {v: 3}}]}}
  sum: {type: map, config: {set: {w: payload.v + 1}}}
  end: {type: discard}
wires: [src -> sum, sum -> end]
"""
)
TO_SQL = (
    HEAD
    + """\
connections: {db: {type: sql.database, config: {url: "sqlite:///rows.db"}}}
nodes:
  gen: {type: sim.generate, config: {tags: 2, count: 300, rate_hz: 0}}
  rows: {type: sql.write, connection: db, config: {table: rows, create_table: {tag: text, value: real, seq: integer}}}
wires: [gen -> rows]
"""
)
NOWHERE = (
    HEAD
    + """\
connections: {db: {type: sql.database, config: {url: "sqlite:////nowhere/at/all/rows.db"}}}
nodes:
  src: {type: inject, config: {messages: [{payload: {a: 1}}]}}
  rows: {type: sql.write, connection: db, config: {table: rows, create_table: {a: integer}}}
wires: [src -> rows]
"""
)


@pytest.fixture
def flow(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "flow.yaml"
        path.write_text(text)
        return path

    return write


def run(path: Path, interrupt: Callable[[Interrupts], None] = lambda _: None, **request: Any) -> RunReport:
    return run_flow(
        RunRequest(path=path, **request),
        on_start=lambda _: None, on_event=lambda _: None, on_status=lambda _: None, bind_interrupt=interrupt,
    )  # fmt: skip


def test_a_flow_runs_until_its_sources_end(flow) -> None:
    report = run(flow(COUNTED))
    assert report.clean
    figures = report.as_json()
    assert figures["state"] == "ended"
    assert {name: figures["nodes"]["low"][name] for name in ("in", "out", "filtered")} == {
        "in": 500, "out": 100, "filtered": 400,
    }  # fmt: skip
    assert figures["ledger"]["balanced"]
    assert figures["ledger"]["totals"]["made"] == 500
    json.dumps(figures)


def test_a_flow_stops_when_its_time_is_up(flow) -> None:
    begun = time.monotonic()
    report = run(flow(ENDLESS), for_s=0.5)
    assert 0.5 <= time.monotonic() - begun < 5
    assert report.clean
    assert report.snapshot.state == "stopped"
    assert report.snapshot.nodes["end"].out > 0


def test_an_interrupt_stops_a_flow_that_would_never_end(flow) -> None:
    def soon(interrupts: Interrupts) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        loop.call_later(0.3, interrupts.interrupt)

    assert run(flow(ENDLESS), interrupt=soon).clean


@pytest.mark.expects_error_log
def test_dead_messages_make_a_run_unclean(flow) -> None:
    report = run(flow(FAILING))
    assert not report.clean
    assert report.snapshot.nodes["sum"].dead == 1
    (problem,) = [p for p in report.as_json()["problems"] if p["kind"] == "dead"]
    assert problem["node"] == "sum"


def test_relative_paths_belong_to_the_flow_file(flow, tmp_path, monkeypatch) -> None:
    path = flow(TO_SQL)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    report = run(path)
    assert report.clean
    with sqlite3.connect(tmp_path / "rows.db") as db:
        assert db.execute("select count(*), max(seq) from rows").fetchone() == (300, 299)
    db.close()


@pytest.mark.expects_error_log
def test_a_target_that_is_never_reached_makes_a_run_unclean_and_keeps_its_messages(flow, tmp_path) -> None:
    report = run(flow(NOWHERE), for_s=0.5, drain_s=0.5, data_dir=tmp_path / "state")
    assert not report.clean
    assert report.unreached == ["rows"]
    assert "/nowhere" in report.cause("rows")
    assert "next try" not in report.cause("rows")
    assert report.snapshot.nodes["rows"].pending == 1
    assert "/nowhere" in json.dumps(report.as_json())


def test_the_report_is_kept_in_the_data_folder(flow, tmp_path) -> None:
    report = run(flow(COUNTED), data_dir=tmp_path / "state")
    kept = json.loads((tmp_path / "state" / "report.json").read_text())
    assert kept["nodes"] == report.as_json()["nodes"]


def test_the_ledger_goes_on_over_runs_in_one_folder(flow, tmp_path) -> None:
    first = run(flow(TO_SQL), data_dir=tmp_path / "state").as_json()
    second = run(flow(TO_SQL), data_dir=tmp_path / "state").as_json()
    assert second["nodes"]["rows"]["out"] == 300, "figures of the run"
    ledger = second["ledger"]
    assert ledger["since"] == first["ledger"]["since"]
    assert (ledger["nodes"]["gen"]["made"], ledger["nodes"]["rows"]["out"]) == (600, 600)
    assert all(node["balanced"] and node["drift"] == 0 for node in ledger["nodes"].values())
    assert [(edge["in"], edge["out"], edge["balanced"]) for edge in ledger["edges"]] == [(600, 600, True)]


def test_status_is_told_while_it_runs(flow, monkeypatch) -> None:
    monkeypatch.setattr("flowhost.services.local_run.STATUS_EVERY_S", 0.05)
    seen: list[int] = []
    run_flow(
        RunRequest(path=flow(ENDLESS), for_s=0.5),
        on_start=lambda document: seen.append(len(document.nodes)), on_event=lambda _: None,
        on_status=lambda snapshot: seen.append(snapshot.nodes["end"].out), bind_interrupt=lambda _: None,
    )  # fmt: skip
    assert seen[0] == 2
    assert len(seen) > 3
    assert seen[1:] == sorted(seen[1:])


def test_nothing_stays_behind(flow) -> None:
    before = threading.active_count()
    run(flow(COUNTED))
    assert threading.active_count() <= before


# -- prepare


def test_settings_change_the_run_and_not_the_file(flow) -> None:
    path = flow(COUNTED)
    text = path.read_text()
    document, _ = prepare(path, ["gen.count=7", "low.where=payload.seq > 3"], {})
    assert document.nodes["gen"].config["count"] == 7
    assert document.nodes["low"].config["where"] == "payload.seq > 3"
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("gen.count=lots", "nodes.gen.config.count"),
        ("low.were=1", "nodes.low.config.were"),
        ("nobody.x=1", "there is no node 'nobody'"),
        ("gen", "write node.field=value"),
        ("connections.db.url=x", "there is no connection 'db'"),
    ],
)
def test_wrong_settings_are_refused(flow, setting, words) -> None:
    with pytest.raises(ConfigError, match=words):
        prepare(flow(COUNTED), [setting], {})


@pytest.mark.parametrize("settings", [[], ["gen.count=7"]])
def test_all_problems_of_a_flow_are_listed_with_their_lines(flow, settings) -> None:
    wrong = COUNTED.replace("id: t\n", "id: t\ncolour: red\n").replace("payload.seq < 100", "payload.seq <")
    with pytest.raises(ConfigError) as caught:
        prepare(flow(wrong), settings, {})
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert ":3:1: colour: " in lines[0], "settings do not make the rest of the file right"
    assert ":6:" in lines[1]
    assert "nodes.low.config.where" in lines[1]


def test_what_is_wrong_starts_nothing(flow, tmp_path) -> None:
    with pytest.raises(ConfigError):
        run(flow(COUNTED.replace("discard", "discrad")), data_dir=tmp_path / "state")
    assert not (tmp_path / "state").exists()
