import subprocess
import sys

import pytest

from flowhost.expr import affine, compile_expression
from flowhost.expr.unece import UNECE
from flowhost.sdk import Meta


@pytest.mark.parametrize(
    ("source", "target", "factor", "offset"),
    [
        ("Cel", "[degF]", 1.8, 32.0),
        ("Cel", "K", 1.0, 273.15),
        ("[degF]", "K", 5 / 9, 459.67 * 5 / 9),
        ("Cel/min", "[degF]/min", 1.8, 0.0),
        ("bar", "kPa", 100.0, 0.0),
        ("mbar", "Pa", 100.0, 0.0),
        ("[psi]", "Pa", 6894.757293168362, 0.0),
        ("mm[Hg]", "Pa", 133.322, 0.0),
        ("m3/h", "l/min", 1000 / 60, 0.0),
        ("L/h", "l/h", 1.0, 0.0),
        ("kW.h", "MJ", 3.6, 0.0),
        ("W.h", "J", 3600.0, 0.0),
        ("%", "1", 0.01, 0.0),
        ("{rpm}", "Hz", 1 / 60, 0.0),
        ("/min", "Hz", 1 / 60, 0.0),
        ("h", "min", 60.0, 0.0),
        ("min", "ms", 60000.0, 0.0),
        ("[in_i]", "mm", 25.4, 0.0),
        ("[ft_i]", "m", 0.3048, 0.0),
        ("[gal_us]", "l", 3.785411784, 0.0),
        ("t", "kg", 1000.0, 0.0),
        ("N.m", "kN.mm", 1.0, 0.0),
        ("kg/(m2.s)", "g/(cm2.h)", 360.0, 0.0),
        ("10*3/l", "/ml", 1.0, 0.0),
        ("m3{norm}/h", "m3/h", 1.0, 0.0),
        ("ug/m3", "mg/m3", 0.001, 0.0),
        ("CEL", "FAH", 1.8, 32.0),
        ("KWH", "MJ", 3.6, 0.0),
        ("4K", "A", 0.001, 0.0),
    ],
)
def test_affine(source, target, factor, offset):
    assert affine(source, target) == pytest.approx((factor, offset), rel=1e-14)


def test_fractions_keep_factors_exact():
    assert affine("Cel", "[degF]") == (1.8, 32.0)
    assert affine("%", "1") == (0.01, 0.0)


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("Cel", "bar", "'Cel' is a temperature, 'bar' is a pressure"),
        ("degC", "K", "write 'Cel'"),
        ("kWh", "MJ", "write 'kW.h'"),
        ("C", "K", "write 'Cel'"),
        ("furlongs", "m", "is unknown"),
        ("CELL", "K", "did you mean"),
        ("", "m", "a unit is a short text"),
        ("m/", "m", "is unknown"),
        ("(m", "m", "is unknown"),
        ("m)", "m", "is unknown"),
        ("mCel", "K", "is unknown"),
        ("dB", "1", "is unknown"),
        ("__class__", "m", "is unknown"),
        ("m" * 100, "m", "a unit is a short text"),
        ("0", "m", "is unknown"),
    ],
)
def test_refused(source, target, words):
    with pytest.raises(ValueError, match=r"unit|is a") as caught:
        affine(source, target)

    assert words in str(caught.value)


@pytest.mark.parametrize("code", UNECE)
def test_every_unece_code_is_readable(code):
    assert affine(code, UNECE[code]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("code", "unit_id"), [("CEL", 4408652), ("BAR", 4342098), ("KWH", 4937544), ("MQH", 5067080), ("4K", 13387)]
)
def test_code_is_the_unit_id_of_opc_ua(code, unit_id):
    assert int.from_bytes(code.encode()) == unit_id
    assert code in UNECE


def test_convert_runs_as_one_multiplication_and_addition():
    class Scope:
        def path(self, path):
            return "x"

        def bind(self, value, hint="value"):
            raise AssertionError("nothing to call")

    assert compile_expression("convert(payload.t, 'Cel', '[degF]')").source(Scope()) == "(x * 1.8 + 32.0)"


def test_units_may_come_from_the_message():
    assert compile_expression("convert(payload, unit, 'kPa')").evaluate(2, Meta(unit="bar")) == 200.0


def test_pint_is_not_imported_before_it_is_needed():
    code = (
        "import sys, flowhost.expr as e; e.compile_expression('payload.a + 1'); assert 'pint' not in sys.modules;"
        "e.compile_expression(\"convert(payload, 'Cel', 'K')\"); assert 'pint' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)
