"""docs/delivery.md: every key of a queue's policy is there with its default, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from flowhost.catalog import load_catalog
from flowhost.graph.delivery import DeliveryPolicy
from flowhost.graph.lint import examine
from flowhost.graph.text import read_flow

PAGE = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## The queue before a target\n")[2].partition("\n## ")[0]
ROWS = {
    cells[0].strip("`"): cells
    for line in SECTION.splitlines()
    if line.startswith("| `") and (cells := [cell.strip() for cell in line.strip("| ").split(" | ")])
}


def keys(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from keys(type(default), f"{before}{name}.")
        else:
            yield before + name, field


KEYS = dict(keys(DeliveryPolicy))


def test_every_key_is_explained_and_no_other() -> None:
    assert list(ROWS) == list(KEYS)
    assert all(len(cells) == 4 and all(cells) for cells in ROWS.values())


@pytest.mark.parametrize("key", [key for key, field in KEYS.items() if field.default is not None])
def test_its_default_is_what_the_code_says(key: str) -> None:
    default = KEYS[key].default
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    assert f"`{shown}`" in ROWS[key][2]


@pytest.mark.parametrize("key", KEYS)
def test_its_unit_and_its_choices_are_named(key: str) -> None:
    field, row = KEYS[key], " ".join(ROWS[key])
    unit = (field.json_schema_extra or {}).get("unit")
    words = {None: "", "s": "second", "By": "bytes", "1/s": "messages a second"}
    assert words[unit] in row
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    assert all(f"`{choice}`" in row for choice in choices), choices


def test_the_example_is_a_flow_lint_has_nothing_against() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    delivery = yaml.safe_load(example)["nodes"]["rows"]["delivery"]
    assert DeliveryPolicy.model_validate(delivery).max_messages == 1_000_000
    head = "flowhost: 1\nid: f\nconnections: {plant: {type: sql.database, config: {url: 'sqlite:///f.db'}}}\n"
    flow = head + example.replace("nodes:\n", "nodes:\n  n: {type: sim.generate}\n") + "wires: [n -> rows]\n"
    examined = examine(read_flow(flow), load_catalog())
    assert [problem for problem in examined.problems if "delivery" in problem.place] == []
