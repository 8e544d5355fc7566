"""Modules and functions stay small enough to read at one sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES = 500
SCRIPT_LINES = 300
FUNCTION_LINES = 60

SOURCES = sorted([*ROOT.glob("flowhost/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")])
SCRIPTS = sorted(ROOT.glob("flowhost/**/*.js"))


@pytest.mark.parametrize("path", [*SOURCES, *SCRIPTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_small(path: Path) -> None:
    most = SCRIPT_LINES if path.suffix == ".js" else MODULE_LINES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= most


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_small(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]
    assert not long


def test_the_measure_measures() -> None:
    assert len(SOURCES) > 50
