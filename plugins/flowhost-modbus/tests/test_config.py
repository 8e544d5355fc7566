"""What the form and the file accept, and what they say otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from flowhost_modbus.config import ModbusClientConfig, PollConfig, Tag
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("tag", "says"),
    [
        ({"table": "coil", "type": "int16"}, "holds bits"),
        ({"type": "string"}, "needs `length`"),
        ({"type": "string", "length": 4, "order": "CDAB"}, "ABCD, or BADC"),
        ({"type": "bit", "scale": 2}, "cannot be scaled"),
        ({"address": 65535, "type": "float32"}, "beyond the last address"),
        ({"address": 400101}, "less than 65536"),
        ({"order": "ACBD"}, "ABCD"),
        ({"type": "int8"}, "int16"),
        ({"registers": 2}, "Extra inputs"),
    ],
)
def test_wrong_tags(tag: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Tag(**({"name": "x", "address": 0} | tag))


def test_widths() -> None:
    assert Tag(name="x", address=0, table="discrete").width == 1
    assert Tag(name="x", address=0, type="float64").width == 4
    assert Tag(name="x", address=0, type="string", length=5).width == 3


def test_names_are_unique() -> None:
    with pytest.raises(ValidationError, match="used twice: a"):
        PollConfig(tags=[{"name": "a", "address": 0}, {"name": "a", "address": 1}])


def test_a_tag_fits_into_a_request() -> None:
    with pytest.raises(ValidationError, match="longer than one request of 10"):
        PollConfig(tags=[{"name": "a", "address": 0, "type": "string", "length": 100}], max_registers=10)


def test_other_framings_are_refused_plainly() -> None:
    with pytest.raises(ValidationError, match="speaks Modbus TCP, write `framing: tcp`"):
        ModbusClientConfig(host="x", framing="rtu")


def test_round_trip() -> None:
    config = PollConfig(
        tags=[{"name": "run", "table": "coil", "address": 3}, {"name": "p", "address": 4, "scale": 0.1}]
    )
    assert PollConfig.model_validate(config.model_dump(mode="json")) == config
    assert PollConfig.model_json_schema()["properties"]["period_ms"]["unit"] == "ms"
