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


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "framing `tcp` needs `host`"),
        ({"framing": "rtu_over_tcp"}, "framing `rtu_over_tcp` needs `host`"),
        ({"framing": "rtu", "host": "x"}, "framing `rtu` needs `serial_port`, such as /dev/ttyUSB0 or COM3"),
        ({"host": "x", "serial_port": "COM3"}, "`serial_port` is for framing `rtu`, not for `tcp`"),
        ({"host": "x", "framing": "ascii"}, "Input should be 'tcp', 'rtu' or 'rtu_over_tcp'"),
    ],
)
def test_a_link_needs_its_place(config: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ModbusClientConfig(**config)
    assert reason in str(caught.value)


def test_silences_of_a_serial_line() -> None:
    slow = ModbusClientConfig(framing="rtu", serial_port="COM3", baudrate=9600)
    assert round(slow.pause_s * 1000, 2) == 4.01
    fast = ModbusClientConfig(framing="rtu", serial_port="COM3", baudrate=115_200)
    assert (fast.pause_s, fast.quiet_s) == (0.00175, fast.timeout_s)
    tunnel = ModbusClientConfig(framing="rtu_over_tcp", host="x", timeout_s=1, drain_s=0.5, pause_ms=20)
    assert (tunnel.pause_s, tunnel.quiet_s) == (0.02, 0.5)
    assert (ModbusClientConfig(host="x").pause_s, ModbusClientConfig(host="x").quiet_s) == (0, 0)


def test_round_trip() -> None:
    config = PollConfig(
        tags=[{"name": "run", "table": "coil", "address": 3}, {"name": "p", "address": 4, "scale": 0.1}]
    )
    assert PollConfig.model_validate(config.model_dump(mode="json")) == config
    assert PollConfig.model_json_schema()["properties"]["period_ms"]["unit"] == "ms"
