"""The README's tables are what the simulator really offers."""

from pathlib import Path

import pytest
from flowhost_sim import tables

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "table", [tables.opcua_table, tables.register_table, tables.bit_table, tables.topic_table], ids=lambda t: t.__name__
)
def test_the_readme_prints_the_table(table) -> None:
    assert table() in README, "Print the tables with python -m flowhost_sim.tables and put them into README.md"
