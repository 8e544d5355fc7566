"""`flowhost import` and `flowhost export`: on a folder nobody holds, and through the host that holds it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(180)

SERVE = """
import sys
from pathlib import Path
from flowhost.app import serve
from flowhost.services.settings import load_settings
serve(load_settings(data_dir=Path(sys.argv[1]), port=0), say=lambda line: print(line, flush=True))
"""
FLOW = """\
flowhost: 1
id: {id}
name: {name}
nodes:
  gen: {{type: sim.generate}}
  end: {{type: {end}}}
wires: [gen -> end]
layout: {{notes: {{n1: {{text: hello}}}}, groups: {{g1: {{name: G, nodes: [gen]}}}}}}
"""


def put(folder: Path, flow_id: str, name: str = "A", end: str = "discard") -> Path:
    path = folder / flow_id / "flow.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FLOW.format(id=flow_id, name=name, end=end), encoding="utf-8")
    return path


@pytest.fixture
def begin() -> Any:
    """Starts a host on a folder."""
    started: list[subprocess.Popen[str]] = []

    def start(data: Path) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(data)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert "FlowHost runs at" in process.stdout.readline()

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("hosted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_flows_go_in_and_out_as_files(hosted: bool, begin: Any, command: Any, tmp_path: Path) -> None:
    data, files, out = tmp_path / "data", tmp_path / "files", tmp_path / "out"
    one, two = put(files, "one"), put(files, "two")
    if hosted:
        begin(data)
    done = command("import", files, "--data", data, "--json")
    assert done.code == 0, done.err
    assert [(item["flow"], item["done"]) for item in json.loads(done.out)] == [("one", "made"), ("two", "made")]
    # what is the same is left as it is; one conflict keeps all from being imported
    put(files, "one", "B")
    three = put(files, "three")
    three.write_text(f"# ask Ann\n{three.read_text()}")
    refused = command("import", files, "--data", data)
    assert f"{three}: three (2 nodes): new; its comments are not kept" in refused.out
    assert refused.code == 1
    assert "one (2 nodes): there already with other content" in refused.out
    assert "give --replace, --copy or --skip" in refused.err
    assert "three" not in command("export", "--all", "--data", data, "--out", out).out
    assert (out / "one" / "flow.yaml").read_text().count("name: A") == 1
    copied = command("import", files, "--data", data, "--copy")
    assert (copied.code, f"{one}: copied as one-2" in copied.out) == (0, True)
    assert f"{two}: left out" in copied.out
    replaced = command("import", one, "--data", data, "--replace")
    assert (replaced.code, f"{one}: replaced" in replaced.out) == (0, True)
    # nothing is overwritten unasked, and what comes out goes in as the same
    kept = command("export", "one", "--data", data, "--out", out)
    assert (kept.code, "--force" in kept.err) == (1, True)
    assert command("export", "--all", "--data", data, "--out", out, "--force").code == 0
    assert sorted(path.parent.name for path in out.glob("*/flow.yaml")) == ["one", "one-2", "three", "two"]
    again = command("import", out, "--data", data, "--dry-run")
    assert (again.code, again.out.count("there already, the same")) == (0, 4)
    assert "text: hello" in command("export", "one", "--data", data, "--out", "-").out


def test_what_cannot_be_imported_is_named_and_nothing_changes(command: Any, tmp_path: Path) -> None:
    data, files = tmp_path / "data", tmp_path / "files"
    good, missing = put(files, "good"), put(files, "missing", end="acme.send")
    lacking = command("import", files, "--data", data)
    assert lacking.code == 1
    assert "missing plugins for acme.send" in lacking.out
    assert "\n  line 6, column 15: nodes.end.type: node type 'acme.send' is not installed" in lacking.out
    assert f"no installed plugin brings acme.send ({missing}, line 6, column 15)" in lacking.err
    assert "--missing-ok" in lacking.err
    (files / "bad").mkdir()
    bad = files / "bad" / "flow.yaml"
    bad.write_text("flowhost: 1\nid: bad\nnodes: [\n", encoding="utf-8")
    broken = command("import", files, "--data", data, "--missing-ok")
    assert broken.code == 2
    assert f"{bad}: cannot be imported: line 4, column 1: " in broken.out
    bad.unlink()
    taken = command("import", good, missing, "--data", data, "--missing-ok")
    assert taken.code == 0, taken.err
    other = put(tmp_path / "more", "good", "B")
    clash = command("import", good, other, "--data", data)
    assert clash.code == 2
    assert f"stands in {good} too" in clash.out
    assert command("export", "good", "--data", tmp_path / "nowhere").code == 2
    assert command("export", "--data", data).code == 2
