"""`flowhost run` as a process: exit codes, settings, times, JSON, Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

COUNTED = """\
flowhost: 1
id: counted
nodes:
  gen: {type: sim.generate, config: {tags: 2, count: 200, rate_hz: 0}}
  low: {type: filter, config: {where: payload.seq < 50}}
  end: {type: discard}
wires: [gen -> low, low -> end]
"""
FULL_LOAD = """\
flowhost: 1
id: full-load
connections: {db: {type: sql.database, config: {url: "sqlite:///rows.db"}}}
nodes:
  gen: {type: sim.generate, config: {tags: 2, rate_hz: 0}}
  rows: {type: sql.write, connection: db, config: {table: rows, create_table: {tag: text, value: real, seq: integer}}}
wires: [gen -> rows]
"""
TO_NOWHERE = """\
flowhost: 1
id: to-nowhere
connections: {broker: {type: mqtt.broker, config: {host: 127.0.0.1, port: %d}}}
nodes:
  gen: {type: sim.generate, config: {tags: 2, rate_hz: 100}}
  out: {type: mqtt.publish, connection: broker, config: {topic: "{topic}"}}
wires: [gen -> out]
"""
COUNTERS = {"in", "out", "made", "used", "filtered", "dead", "dropped", "pending", "errors"}


@pytest.fixture
def flow(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        (tmp_path / "flow.yaml").write_text(text)
        return tmp_path / "flow.yaml"

    return write


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def rows_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        return int(db.execute("select count(*) from rows").fetchone()[0])


def wait_for_rows(path: Path, process: subprocess.Popen[str], seconds: float = 20) -> None:
    """Until the flow writes: it is in the middle of its work then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                if db.execute("select count(*) from rows").fetchone()[0] > 1000:
                    return
        except sqlite3.OperationalError:
            pass
        time.sleep(0.02)
    pytest.fail("no rows arrived")


def test_a_clean_run_ends_with_0(finished, flow) -> None:
    ended = finished("run", flow(COUNTED))
    assert ended.code == 0, ended.err
    assert ended.out.startswith("running counted (3 nodes)")
    assert ended.out.endswith("clean: everything was delivered or filtered on purpose\n")
    assert "Traceback" not in ended.err


def test_json_holds_the_figures_of_every_node_and_the_ledger(finished, flow) -> None:
    ended = finished("run", flow(COUNTED), "--json")
    figures = json.loads(ended.out)
    assert (ended.code, figures["flow"], figures["state"], figures["clean"]) == (0, "counted", "ended", True)
    assert set(figures["nodes"]) == {"gen", "low", "end"}
    assert all(set(node) >= COUNTERS for node in figures["nodes"].values())
    assert figures["nodes"]["low"]["filtered"] == 150
    assert figures["ledger"]["balanced"] is True
    assert set(figures["ledger"]["totals"]) == COUNTERS
    assert figures["problems"] == []


def test_set_and_for_and_drain(finished, flow) -> None:
    begun = time.monotonic()
    arguments = ["--set", "gen.count=null", "--set", "gen.rate_hz=200", "--set", "low.where=true"]
    ended = finished("run", flow(COUNTED), "--for", "500ms", "--drain", "2s", "--json", *arguments)
    assert time.monotonic() - begun < 10
    figures = json.loads(ended.out)
    assert (ended.code, figures["state"]) == (0, "stopped")
    assert 20 < figures["nodes"]["end"]["out"] <= 150
    assert figures["nodes"]["low"]["filtered"] == 0


def test_dead_messages_end_with_1(finished, flow) -> None:
    text = COUNTED.replace("payload.seq < 50", "payload.sequence < 50")
    ended = finished("run", flow(text), "--json")
    figures = json.loads(ended.out)
    assert (ended.code, figures["clean"]) == (1, False)
    assert figures["nodes"]["low"]["dead"] == 200
    assert "payload.sequence is missing" in figures["problems"][0]["text"]
    assert "payload.sequence is missing" in ended.err
    assert ended.err.count("payload.sequence is missing") < 5, "a cause that repeats is not repeated 200 times"


def test_a_target_that_is_not_there_ends_with_1_and_says_what_to_do(finished, flow, closed_port) -> None:
    ended = finished("run", flow(TO_NOWHERE % closed_port), "--for", "500ms", "--drain", "500ms")
    assert ended.code == 1
    (verdict,) = (line for line in ended.out.splitlines() if line.startswith("not clean: "))
    assert "never got to work: " in verdict
    assert f"127.0.0.1:{closed_port}" in verdict
    assert f"127.0.0.1:{closed_port}" in ended.err
    assert "connection 'broker'" in ended.err
    assert "pending" in ended.out.splitlines()[-1] or "pending" in ended.out.splitlines()[-2]
    assert "out" in ended.out
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--for", "soon"], "'soon' is not a duration; write for example 10s"),
        (["--set", "gen.cuont=5"], "did you mean 'count'"),
        (["--set", "gne.count=5"], "gne"),
        (["--set", "gen.count=-5"], "nodes.gen.config.count"),
        (["--drian", "5s"], "--drian"),
    ],
)
def test_wrong_arguments_end_with_2_and_start_nothing(command, flow, arguments, words) -> None:
    ended = command("run", flow(COUNTED), *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (COUNTED.replace("discard", "discrad"), ":6:15: nodes.end.type: unknown node type 'discrad'"),
        (COUNTED.replace("gen -> low", "gen -> lwo"), "'lwo'"),
        (COUNTED.replace("seq < 50", "seq <"), ":5:"),
        ("nodes: [", "flow.yaml"),
    ],
)
def test_a_wrong_file_ends_with_2_and_starts_nothing(command, flow, text, words) -> None:
    ended = command("run", flow(text), "--json")
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_a_file_that_is_not_there_ends_with_2(command, tmp_path) -> None:
    ended = command("run", tmp_path / "nothing.yaml")
    assert ended.code == 2
    assert "nothing.yaml: cannot be read: No such file or directory" in ended.err


def test_the_report_of_a_run_is_kept_in_data(finished, flow, tmp_path) -> None:
    ended = finished("run", flow(COUNTED), "--json", "--data", tmp_path / "kept")
    assert json.loads((tmp_path / "kept" / "report.json").read_text())["nodes"] == json.loads(ended.out)["nodes"]


def test_a_data_folder_in_use_is_refused_at_once_to_a_second_run_and_to_a_host(start, command, flow, tmp_path) -> None:
    first = start("run", flow(COUNTED.replace("count: 200, rate_hz: 0", "rate_hz: 10")), "--data", tmp_path, "--json")
    while "running counted" not in (line := first.stderr.readline()):
        assert line, "the first run ended"
    for second in (["run", tmp_path / "flow.yaml", "--data", tmp_path], ["serve", "--data-dir", tmp_path]):
        asked = time.monotonic()
        ended = command(*second)
        took = time.monotonic() - asked
        assert (ended.code, ended.out) == (2, "")
        assert f"is in use by the FlowHost with process id {first.pid}: stop it, or" in ended.err
        assert took < 2, f"refused after {took:.1f} s"
    first.kill()
    first.wait(10)
    assert command("run", flow(COUNTED), "--data", tmp_path).code == 0, "free again after a kill"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_under_full_load_ends_in_order(start, flow, tmp_path, number) -> None:
    process = start("run", flow(FULL_LOAD), "--json")
    wait_for_rows(tmp_path / "rows.db", process)
    process.send_signal(number)
    sent = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - sent < 5
    assert "Traceback" not in err
    figures = json.loads(out)
    assert process.returncode == 0
    assert figures["state"] == "stopped"
    assert figures["ledger"]["balanced"] is True
    assert rows_in(tmp_path / "rows.db") == figures["nodes"]["rows"]["out"] == figures["nodes"]["gen"]["made"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_second_ctrl_c_is_firm(start, flow, closed_port) -> None:
    process = start("run", flow(TO_NOWHERE % closed_port), "--drain", "1h", "--json")
    line = process.stderr.readline()
    while "cannot connect" not in line:
        assert line, "the run ended before it tried to connect"
        line = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)  # the first one waits for the messages on their way
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - sent < 3
    assert process.returncode == 1
    assert "Traceback" not in err
    figures = json.loads(out)
    assert figures["ledger"]["balanced"] is True
    assert figures["nodes"]["out"]["pending"] == figures["nodes"]["gen"]["made"] > 0


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_ctrl_c_while_the_program_still_loads_leaves_no_traceback(tmp_path, flow) -> None:
    """The commands are loaded when Ctrl-C comes: after `flowhost.cli`, before anything runs."""
    code = (
        "import os, signal, sys, threading; import flowhost.cli; sys.argv = ['flowhost', 'run', 'flow.yaml'];"
        "threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT)).start(); flowhost.cli.main()"
    )
    flow(COUNTED.replace("count: 200, rate_hz: 0", "rate_hz: 10"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=40)
    assert done.returncode in (0, 130)
    assert "Traceback" not in done.stderr
