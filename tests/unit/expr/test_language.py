"""What a compiled expression tells about itself, and how the engine pastes its source."""

from decimal import Decimal

import pytest

from flowhost.errors import EvaluationError, ExpressionError, MessageError
from flowhost.expr import compile_expression, iso_time
from flowhost.sdk import Meta

META = Meta(topic="a/b", time_ns=1_700_000_000_250_000_000, headers={"x": "1"})


class LocalScope:
    """As an engine does it: data in local variables, paths asked for as a whole, objects bound to names."""

    def __init__(self):
        self.paths = []
        self.bound = {}

    def path(self, path):
        self.paths.append(path)
        return f"value_{len(self.paths) - 1}"

    def bind(self, value, hint="value"):
        assert hint.isidentifier()
        name = f"{hint}_{len(self.bound)}_bound"
        self.bound[name] = value
        return name


def test_constant_keys_are_collected_into_one_path():
    scope = LocalScope()

    source = compile_expression("payload.a['b c'][0].d * 1.8 + 32").source(scope)

    assert scope.paths == [("payload", "a", "b c", 0, "d")]
    assert source == "((value_0 * 1.8) + 32)"


def test_source_stands_anywhere():
    scope = LocalScope()
    source = compile_expression("payload.a if payload.b else -payload.c").source(scope)

    assert eval(f"[2*{source}**2, not {source}]", {"value_0": 3, "value_1": 0, "value_2": 4}) in (
        [32, False],
        [18, False],
    )
    order = {path: f"value_{place}" for place, path in enumerate(scope.paths)}
    values = {order["payload", "a"]: 3, order["payload", "b"]: 0, order["payload", "c"]: 4}
    assert eval(f"[2*{source}**2, not {source}]", values) == [32, False]


def test_source_holds_no_text_of_the_user_but_in_quotes():
    scope = LocalScope()
    source = compile_expression("payload['\\'] + __import__(\"os\") + [\\''] == '\"\\n\\\\'").source(scope)

    assert scope.paths == [("payload", "'] + __import__(\"os\") + ['")]
    assert eval(source, {"value_0": '"\n\\'}) is True


def test_long_text_and_functions_are_bound():
    scope = LocalScope()
    compile_expression("payload.a == '" + "x" * 500 + "' or lookup('t', topic) == 1", {"lookup": max}).source(scope)

    assert "x" * 500 in scope.bound.values()
    assert max in scope.bound.values()


def test_names_and_paths():
    compiled = compile_expression("payload.a + payload.a + payload[topic] + headers.x")

    assert compiled.names == {"payload", "topic", "headers"}
    assert compiled.paths == (("payload", "a"), ("payload",), ("topic",), ("headers", "x"))


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("payload.a > 3", True),
        ("not payload.a", True),
        ("quality == 'good' and payload.a > 1", True),
        ("payload.a is None or payload.b in (1, 2)", True),
        ("true", True),
        ("has(payload, 'a')", True),
        ("payload.a == 1 if payload.b else false", True),
        ("payload.a", False),
        ("payload.a and payload.b > 1", False),
        ("1", False),
        ("coalesce(payload.a, true)", False),
    ],
)
def test_always_bool(text, certain):
    assert compile_expression(text).always_bool is certain


@pytest.mark.parametrize(
    ("text", "constant"), [("'a' + 'b'", True), ("round(2.5)", True), ("payload", False), ("rnd()", False)]
)
def test_constant(text, constant):
    assert compile_expression(text, {"rnd": lambda: 4}).constant is constant


def test_extra_functions():
    codes = {"A1": "worn"}
    compiled = compile_expression("lookup('codes', payload.code)", {"lookup": lambda _table, code: codes[code]})

    assert compiled.evaluate({"code": "A1"}, META) == "worn"
    with pytest.raises(EvaluationError, match=r"lookup\(\): there is no 'B2' in lookup\('codes', payload.code\)"):
        compiled.evaluate({"code": "B2"}, META)


def test_words_of_a_plugins_error_reach_the_user():
    def lookup(_code):
        raise MessageError("code table reasons has no B2; add it")

    with pytest.raises(EvaluationError, match=r"^code table reasons has no B2; add it$"):
        compile_expression("lookup(payload)", {"lookup": lookup}).evaluate("B2", META)


def test_an_extra_function_replaces_a_built_in_one():
    assert compile_expression("upper(payload)", {"upper": lambda x: x * 2}).evaluate(4, META) == 8


def test_explain_turns_raw_errors_of_the_generated_code_into_words():
    compiled = compile_expression("payload.value * 2")

    error = compiled.explain(KeyError("value"), {"temp": 1, "unit": "Cel"}, META)

    assert str(error) == "payload.value is missing (the payload has: temp, unit)"
    assert error.detail == {"expression": "payload.value * 2", "column": 1}


def test_explain_keeps_an_error_it_cannot_reproduce():
    error = compile_expression("payload.value").explain(RuntimeError("gone"), {"value": 1}, META)

    assert str(error) == "payload.value: gone"


def test_explain_points_at_the_failing_part():
    with pytest.raises(EvaluationError) as caught:
        compile_expression("payload.a + 1 + payload.b").evaluate({"a": 1}, META)

    assert caught.value.detail["column"] == 17


def test_other_roots():
    compiled = compile_expression("row.a + 1", roots=("row",))

    assert compiled.names == {"row"}
    with pytest.raises(ExpressionError, match="payload is unknown"):
        compile_expression("payload", roots=("row",))


def test_it_never_changes():
    compiled = compile_expression("1")

    with pytest.raises(AttributeError, match="never changes"):
        compiled.text = "2"


def test_decimals_mix_with_whole_numbers():
    assert compile_expression("payload.price * 3").evaluate({"price": Decimal("0.10")}, META) == Decimal("0.30")


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_700_000_000_000_000_999, "2023-11-14T22:13:20.000000Z"),
        (-62_135_596_800_000_000_000, "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_iso_time(time_ns, text):
    assert iso_time(time_ns) == text


def test_a_time_beyond_the_calendar_is_an_evaluation_error():
    with pytest.raises(EvaluationError, match="years 1 to 9999"):
        compile_expression("time").evaluate(None, Meta(time_ns=10**21))
