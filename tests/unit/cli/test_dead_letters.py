"""`flowhost dead-letters`: on a folder nobody holds, on one a host works in, and on that of a run."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowhost.cli.letter_paths import set_at
from flowhost.errors import ConfigError

pytestmark = pytest.mark.timeout(180)

SERVE = """
import sys
from pathlib import Path
from flowhost.app import serve
from flowhost.services.settings import load_settings
serve(load_settings(data_dir=Path(sys.argv[1]), port=0), say=lambda line: print(line, flush=True))
"""


@pytest.fixture
def running_host() -> Any:
    """Starts a host on a folder."""
    started: list[subprocess.Popen[str]] = []

    def start(data: Path) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "FlowHost runs at" in line, line

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("hosted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_letters_are_worked_off_with_and_without_a_host(
    hosted: bool, letter_folder: Callable[..., Any], running_host: Any, command: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    folder = letter_folder(-1, -2, -3, -4)
    if hosted:
        running_host(folder.data)
    monkeypatch.setenv("FLOWHOST_DATA_DIR", str(folder.data))
    listed = command("dead-letters", "list")
    assert listed.code == 0, listed.err
    lines = listed.out.splitlines()
    assert lines[0].startswith("orders:4 ")
    assert "mes: CHECK constraint failed: -4" in lines[0]
    assert lines[1].strip() == 'order/4 {"nr": 4, "qty": -4}'
    assert lines[-1] == "4 dead letters"
    assert (
        command("dead-letters", "list", "--limit", 1).out.splitlines()[-1].startswith("1 of 4 dead letters; the next")
    )
    page = json.loads(command("dead-letters", "list", "--json", "--text", "order/2").out)
    assert [row["id"] for row in page["rows"]] == ["orders:2"]

    shown = command("dead-letters", "show", "orders:1").out
    assert "flow     Orders to MES (orders), revision 1" in shown
    assert "retry: it goes to the input of MES table again, with its id id-1; the flow does not run" in shown
    assert json.loads(command("dead-letters", "show", "orders:1", "--json").out)["row"]["message_id"] == "id-1"

    edited = command("dead-letters", "edit", "orders:1", "--set", "qty=1", "--set", "note=by hand")
    assert (edited.code, edited.out) == (0, "orders:1: revision 1 is kept; a retry sends it\n")
    found = json.loads(command("dead-letters", "show", "orders:1", "--json").out)
    assert json.loads(found["edits"][0]["payload"]["text"]) == {"nr": 1, "qty": 1, "note": "by hand"}
    assert command("dead-letters", "edit", "orders:2", "--payload", '{"nr": 2, "qty": 2}').code == 0
    stale = command("dead-letters", "edit", "orders:2", "--payload", "{}", "--revision", 0)
    assert (stale.code, stale.out) == (2, "")
    assert "edited by local meanwhile" in stale.err
    wrong = command("dead-letters", "edit", "orders:3", "--payload", '{"nr": }')
    assert (wrong.code, wrong.err) == (2, "flowhost: line 1, column 8: this is not JSON: Expecting value\n")

    nothing = command("dead-letters", "retry")
    assert (nothing.code, "or --all" in nothing.err) == (2, True)
    retried = command("dead-letters", "retry", "orders:1", "orders:77")
    assert retried.code == 1
    assert retried.out.splitlines() == [
        "orders:77: left as it is: there is no such letter",
        "1 dead letter retried, 1 left as they are",
        "orders does not run: they wait for its next start",
    ]
    gone = command("dead-letters", "discard", "--text", "order/4", "--reason", "cancelled", "--json")
    assert (gone.code, json.loads(gone.out)["done"]) == (0, 1)
    assert "order/4" in command("dead-letters", "list", "--state", "discarded").out
    assert "reason   cancelled\n" in command("dead-letters", "show", "orders:4").out

    file = tmp_path / "letters.json"
    assert command("dead-letters", "export", file, "--state", "all").code == 0
    assert len(json.loads(file.read_text())["letters"]) == 4
    assert not list(tmp_path.glob("*.part"))
    assert len(json.loads(command("dead-letters", "export", "--id", "orders:3").out)["letters"]) == 1
    assert command("dead-letters", "import", file).out == "0 dead letters taken in, 4 here already\n"
    assert command("dead-letters", "retry", "--all").out.startswith("2 dead letters retried\n")
    assert command("dead-letters", "list").out == "no dead letters\n"


def test_the_editor_is_opened_and_what_was_typed_is_never_lost(
    letter_folder: Callable[..., Any], command: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    folder = letter_folder(-1)
    monkeypatch.setenv("FLOWHOST_DATA_DIR", str(folder.data))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    assert "set EDITOR" in command("dead-letters", "edit", "orders:1").err
    monkeypatch.setenv("EDITOR", "true")
    assert command("dead-letters", "edit", "orders:1").out == "nothing was changed\n"
    monkeypatch.setenv("EDITOR", "sed -i s/-1/7/")
    assert "revision 1 is kept" in command("dead-letters", "edit", "orders:1").out
    monkeypatch.setenv("EDITOR", "sed -i s/}//")
    ended = command("dead-letters", "edit", "orders:1")
    assert ended.code == 2
    kept = Path(ended.err.split("kept in ")[1].split(":")[0])
    assert '"qty": 7' in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.unlink()
    monkeypatch.setenv("EDITOR", "false")
    assert "nothing was changed" in command("dead-letters", "edit", "orders:1").err


RUN = """\
flowhost: 1
id: orders
connections:
  db: {{type: sql.database, config: {{url: "sqlite:///mes.db"}}}}
nodes:
  gen: {{type: inject, config: {{messages: [{{payload: {{nr: 1, qty: {qty}}}}}]}}}}
  mes: {{type: sql.write, connection: db, config: {{table: orders}}}}
wires: [gen -> mes]
"""


def test_letters_of_a_run_are_repaired_and_delivered_by_the_next_one(
    letter_folder: Callable[..., Any], command: Any, finished: Any, start: Any, tmp_path: Path
) -> None:
    folder = letter_folder()
    (tmp_path / "flow.yaml").write_text(RUN.format(qty=-5))
    ended = finished("run", "flow.yaml", "--data", "state", "--json")
    assert ended.code == 1, ended.err
    assert json.loads(ended.out)["dead_letters"] == 1
    state = tmp_path / "state"
    assert "CHECK constraint" in command("dead-letters", "list", "--data", state).out
    assert command("dead-letters", "edit", "orders:1", "--set", "qty=5", "--data", state).code == 0
    assert command("dead-letters", "retry", "--all", "--data", state).code == 0
    (tmp_path / "flow.yaml").write_text(RUN.format(qty=6))
    ended = finished("run", "flow.yaml", "--data", "state", "--json")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert (report["dead_letters"], report["retried"]) == (0, 0)
    assert sorted(folder.rows()) == [(1, 5.0), (1, 6.0)]
    assert "[delivered]" in command("dead-letters", "list", "--state", "all", "--data", state).out

    (tmp_path / "flow.yaml").write_text(RUN.format(qty=-7).replace("}}]}}", "}}], every_s: 3600}}"))
    running = start("run", "flow.yaml", "--data", "state")
    deadline = time.monotonic() + 40
    while command("dead-letters", "list", "--data", state).out == "no dead letters\n":
        assert time.monotonic() < deadline
        assert running.poll() is None
    refused = command("dead-letters", "retry", "--all", "--data", state)
    assert refused.code == 2
    assert f"in use by the FlowHost with process id {running.pid}" in refused.err


def test_a_folder_that_is_none_is_said(command: Any, tmp_path: Path) -> None:
    ended = command("dead-letters", "list", "--data", tmp_path)
    assert (ended.code, "is no data folder" in ended.err) == (2, True)
    assert list(tmp_path.iterdir()) == []
    assert command("dead-letters", "list", "--data", tmp_path / "nix").code == 2
    assert not (tmp_path / "nix").exists()
    assert command("dead-letters", "list", "--state", "lost", "--data", tmp_path).code == 2
    assert command("dead-letters", "list", "--since", "yesterday", "--data", tmp_path).code == 2


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("qty=5", {"qty": 5, "lines": [{"n": 1}], "unit": "kg"}),
        ('unit="l"', {"qty": -1, "lines": [{"n": 1}], "unit": "l"}),
        ("unit=5 kg", {"qty": -1, "lines": [{"n": 1}], "unit": "5 kg"}),
        ("lines[0].n=2", {"qty": -1, "lines": [{"n": 2}], "unit": "kg"}),
        ("lines[0]=null", {"qty": -1, "lines": [None], "unit": "kg"}),
        ("lines[0].m=a=b", {"qty": -1, "lines": [{"n": 1, "m": "a=b"}], "unit": "kg"}),
    ],
)
def test_single_fields_are_set(change: str, after: Any) -> None:
    assert json.loads(set_at('{"qty": -1, "lines": [{"n": 1}], "unit": "kg"}', [change])) == after


@pytest.mark.parametrize(
    "change", ["qty", "=5", "lines[7].n=1", "lines.x=1", "qty.a=1", "no.a=1", "a..b=1", "lines[x]=1"]
)
def test_a_path_that_leads_nowhere_is_said(change: str) -> None:
    with pytest.raises(ConfigError):
        set_at('{"qty": -1, "lines": [{"n": 1}]}', [change])
