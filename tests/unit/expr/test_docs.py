"""The language reference says what the code does."""

import re
from pathlib import Path

import pytest

from flowhost.expr import BUILTINS, FOLDS, ROOTS, compile_expression, compile_template
from flowhost.expr.checker import MAX_DEPTH
from flowhost.expr.guards import INT_BITS
from flowhost.expr.syntax import MAX_LENGTH

PAGE = (Path(__file__).parents[3] / "docs" / "expressions.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("builtin", BUILTINS.values(), ids=BUILTINS.keys())
def test_every_function_is_documented(builtin):
    assert f"| `{builtin.signature}` | {builtin.summary} |" in PAGE
    assert builtin.signature.startswith(f"{builtin.name}(")
    assert builtin.summary.endswith(".")


def test_no_other_function_is_documented():
    section = PAGE.partition("## Functions")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `(\w+)\(", section, re.MULTILINE)) == set(BUILTINS)


@pytest.mark.parametrize("name", FOLDS)
def test_every_aggregate_is_documented(name):
    assert f"| `{name}(x)` | {FOLDS[name].summary} |" in PAGE


@pytest.mark.parametrize("name", ROOTS)
def test_every_name_is_documented(name):
    assert f"| `{name}` |" in PAGE


def test_limits_are_those_of_the_code():
    for limit in (f"{MAX_LENGTH} characters", f"{MAX_DEPTH} levels", f"{INT_BITS} bits"):
        assert limit in PAGE


def test_examples_compile():
    for line in PAGE.partition("```\n")[2].partition("```")[0].splitlines():
        compile_expression(line)
    compile_template("uns/{topic}/{payload.line}")
