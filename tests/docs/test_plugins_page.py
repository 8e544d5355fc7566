"""docs/plugins.md: its plugin is a real distribution, installed with pip and run; the contract is there in full."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from servers.ledger import audit

from flowhost import errors, sdk
from flowhost.sdk.hooks import HookSpecs

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "tests" / "plugins_for_tests" / "thirty_lines" / "flowhost-lab"
FILES = ("flowhost_lab.py", "pyproject.toml", "flow.yaml", "today.txt", "test_lab.py")
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "reference-sdk.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin's folder, copied to where nothing else is, and the plugin installed beside it."""
    place = tmp_path_factory.mktemp("stranger")
    source = place / "lab"
    source.mkdir()
    for name in FILES:
        shutil.copy(PLUGIN / name, source)
    offline = ["--no-build-isolation", "--no-index"] if importlib.util.find_spec("hatchling") else []
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", *offline]
    done = subprocess.run(
        [*command, "--target", str(place / "installed"), str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return source


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(folder.parent / "installed")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


# -- the plugin on the page


@pytest.mark.parametrize("name", FILES)
def test_page_shows_the_file_as_it_is(name: str) -> None:
    block = re.search(rf"<!-- begin {re.escape(name)} -->\n```\w*\n(.*?)```\n<!-- end", GUIDE, re.DOTALL)
    assert block, f"{name} is not on the page"
    assert block[1] == (PLUGIN / name).read_text(encoding="utf-8"), f"run {Path(__file__).with_name('plugins_page.py')}"


def test_nothing_else_belongs_to_the_plugin() -> None:
    assert {path.name for path in PLUGIN.iterdir() if path.is_file()} == {*FILES, "conftest.py"}


def test_plugin_has_thirty_lines() -> None:
    tree = ast.parse((PLUGIN / "flowhost_lab.py").read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    lines = {
        node.lineno
        for found in classes
        for node in ast.walk(found)
        if isinstance(node, ast.stmt) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    }
    handlers = {n.lineno for found in classes for n in ast.walk(found) if isinstance(n, ast.ExceptHandler)}
    assert len(lines | handlers) <= 30


def test_its_nodes_are_in_the_catalog(folder: Path) -> None:
    done = python(folder, "-m", "flowhost", "nodes", "--json")
    assert done.returncode == 0, done.stderr
    listing = json.loads(done.stdout)
    found = {entry["type"]: entry["kind"] for entry in listing["nodes"] if entry["plugin"] == "lab"}
    assert found == {"lab.read": "source", "lab.parse": "transform", "lab.report": "sink"}
    assert "lab.folder" in [entry["type"] for entry in listing["connections"]]
    assert not [broken for broken in listing["broken"] if broken["name"] == "lab"]


def test_its_flow_runs(folder: Path) -> None:
    done = python(folder, "-m", "flowhost", "run", "flow.yaml", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    audit(report)
    assert {name: node["out"] for name, node in report["nodes"].items()} == {
        "results": 3, "parse": 3, "report": 2, "problems": 1,
    }  # fmt: skip
    assert json.loads((folder / "T-17-pH.json").read_text()) == {"sample": "T-17", "test": "pH", "value": 7.2}
    assert (folder / "T-19-pH.json").exists()
    assert "'T-18;pH;n/a' failed at parse" in done.stderr


def test_without_the_error_wire_the_bad_line_is_dead(folder: Path) -> None:
    text = (folder / "flow.yaml").read_text(encoding="utf-8")
    shorter = text.replace("  - parse.error -> problems\n", "").replace("  problems: {type: log}\n", "")
    assert shorter.count("\n") == text.count("\n") - 2
    (folder / "strict.yaml").write_text(shorter, encoding="utf-8")
    done = python(folder, "-m", "flowhost", "run", "strict.yaml", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["nodes"]["parse"]["dead"] == 1


def test_a_missing_file_is_said_with_the_next_step(folder: Path) -> None:
    done = python(
        folder, "-m", "flowhost", "run", "flow.yaml", "--json", "--for", "1s", "--set", "results.file=none.txt"
    )
    assert done.returncode == 1
    assert "none.txt: check that . is mounted (No such file or directory)" in done.stderr


def test_its_own_test_passes(folder: Path) -> None:
    done = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


# -- the page and the contract


@pytest.mark.parametrize("name", sdk.__all__)
def test_every_public_name_is_explained_and_listed(name: str) -> None:
    assert re.search(rf"\b{name}\b", GUIDE), f"docs/plugins.md does not mention {name}"
    assert f"### `{name}`" in REFERENCE


@pytest.mark.parametrize("name", [name for name in vars(HookSpecs) if name.startswith("flowhost_")])
def test_every_hook_is_explained_and_listed(name: str) -> None:
    assert f"| `{name}` |" in GUIDE
    assert f"### `{name}`" in REFERENCE


def test_every_error_of_nodes_has_a_row() -> None:
    section = GUIDE.partition("## Errors say")[2].partition("\n## ")[0]
    kinds = [found for found in vars(errors).values() if isinstance(found, type)]
    for kind in kinds:
        if issubclass(kind, errors.NodeError) and kind is not errors.NodeError:
            assert f"| `{kind.__name__}" in section, kind


def test_links_within_the_docs_lead_somewhere() -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        headings = {slug(line.lstrip("# ")) for line in text.splitlines() if line.startswith("#")}
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("#"):
                assert target[1:] in headings, f"{page.name}: {target}"
            elif "://" not in target:
                assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
