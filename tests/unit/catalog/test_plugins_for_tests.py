"""Real distributions, built and installed with pip, found through their real entry points."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCES = Path(__file__).parents[2] / "plugins_for_tests"

REPORT = """
import json, logging
logging.disable()
from dataclasses import asdict
from flowhost.catalog import load_catalog
catalog = load_catalog()
print(json.dumps({
    "plugins": [asdict(plugin) for plugin in catalog.plugins],
    "broken": [asdict(plugin) for plugin in catalog.broken],
    "nodes": list(catalog.nodes),
}))
"""

FLOW = """\
flowhost: 1
id: press
nodes:
  parts: {type: acme.count, config: {upto: 4}}
  twice: {type: acme.double}
  code: {type: map, config: {set: {code: acme_code(topic), part: payload.part}}}
  log: {type: log}
wires:
  - parts -> twice
  - twice -> code
  - code -> log
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all plugins for tests, installed by pip."""
    target = tmp_path_factory.mktemp("plugins")
    offline = ["--no-build-isolation", "--no-index"] if importlib.util.find_spec("hatchling") else []
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", *offline]
    sources = sorted(str(path.parent) for path in SOURCES.glob("*/pyproject.toml"))
    done = subprocess.run([*command, "--target", str(target), *sources], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="session")
def report(folder: Path) -> dict[str, Any]:
    """The catalog of a Python that sees these plugins."""
    done = _python(folder, "-c", REPORT)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments], env=environ, capture_output=True, text=True, check=False, timeout=50
    )


@pytest.mark.timeout(180)
def test_a_good_plugin_is_found(report: dict[str, Any]) -> None:
    found = {plugin["name"]: plugin for plugin in report["plugins"]}
    assert found["good"] == {
        "name": "good",
        "distribution": "acme-good",
        "version": "1.2.3",
        "node_types": ["acme.count", "acme.double"],
        "connection_types": [],
        "functions": ["acme_code"],
    }
    assert next(iter(found)) == "builtin"
    assert "filter" in report["nodes"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("name", "reason", "in_traceback"),
    [
        ("broken_import", "loading it failed: ModuleNotFoundError: No module named 'a_module_nobody_has'", "line 3"),
        ("exits", "loading it failed: SystemExit: no licence found", "sys.exit"),
        ("duplicate_id", "node type 'filter' is already brought by plugin 'builtin' (flowhost ", ""),
        ("async_hook", "hook 'flowhost_node_types' is 'async def'", ""),
        ("unknown_hook", "there is no hook 'flowhost_node_type'; did you mean 'flowhost_node_types'?", ""),
        ("unknown_argument", "a hook has arguments it does not get: ", "PluginValidationError"),
        ("raising_hook", "hook 'flowhost_node_types' failed: LookupError: no configuration", "raise LookupError"),
        ("unmarked_hook", "'flowhost_node_types' is not marked; write '@hookimpl' above it", ""),
        ("brings_nothing", "it brings nothing; write one of flowhost_node_types", ""),
        ("bad_config", "Read has no Config; write 'Config = ...' with a class derived from flowhost.sdk.Config", ""),
        ("no_spec", "Read has no spec; write 'spec = NodeSpec(", ""),
        ("sync_sink", "Write.write is 'def write'; the contract says 'async def write'", ""),
    ],
)
def test_a_broken_plugin_is_listed_with_its_reason(
    name: str, reason: str, in_traceback: str, report: dict[str, Any]
) -> None:
    (found,) = [plugin for plugin in report["broken"] if plugin["name"] == name]
    assert found["distribution"] == f"acme-{name.replace('_', '-')}"
    assert found["version"] == "1.0.0"
    assert reason in found["reason"]
    assert in_traceback in found["traceback"]


@pytest.mark.timeout(180)
def test_every_plugin_for_tests_is_tested(report: dict[str, Any]) -> None:
    folders = {path.parent.name for path in SOURCES.glob("*/pyproject.toml")}
    assert {plugin["name"] for plugin in report["broken"]} == folders - {"good"}
    assert "acme.other" not in report["nodes"], "nothing of a refused plugin is kept"


@pytest.mark.timeout(180)
def test_a_good_plugin_runs_in_a_flow(folder: Path, tmp_path: Path) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text(FLOW)
    listed = _python(folder, "-m", "flowhost", "nodes")
    assert "acme.count" in listed.stdout, listed.stderr
    ran = _python(folder, "-m", "flowhost", "run", str(flow), "--json")
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout)["nodes"]
    assert (figures["parts"]["made"], figures["twice"]["out"], figures["log"]["in"]) == (4, 4, 4)
    assert "{'code': 'PRESS/PARTS', 'part': 8}" in ran.stderr
