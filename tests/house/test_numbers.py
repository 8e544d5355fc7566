"""Numbers are written by one module per language, so that the same figure reads the same on every page."""

import re
from pathlib import Path

import pytest

UI = Path(__file__).parents[2] / "flowhost" / "ui"
RULES = {
    "*.py": ("format.py", re.compile(r":[<>]?\d*,(\.\d+f)?\}")),
    "*.js": ("numbers.js", re.compile(r"\.toLocaleString\(|\.toFixed\(|\.toPrecision\(|\bIntl\.NumberFormat")),
}


@pytest.mark.parametrize("kind", RULES)
def test_pages_write_numbers_through_one_module(kind: str) -> None:
    door, own_way = RULES[kind]
    users = {path.name for path in UI.rglob(kind) if own_way.search(path.read_text(encoding="utf-8"))}
    assert users == {door}
