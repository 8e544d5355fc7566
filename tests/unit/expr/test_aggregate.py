from copy import deepcopy
from decimal import Decimal

import msgspec
import pytest

from flowhost.errors import EvaluationError, ExpressionError
from flowhost.expr import compile_aggregate
from flowhost.sdk import Meta

META = Meta(topic="t")
MESSAGES = [{"p": 2, "e": 10.5, "s": "RUN"}, {"p": 6, "e": 11.0, "s": "STOP"}, {"p": 4, "e": 12.75, "s": "RUN"}]
MINUTE_NS = 60_000_000_000


def run(text, payloads=MESSAGES, functions=None):
    aggregate = compile_aggregate(text, functions)
    state = aggregate.start()
    for payload in payloads:
        before = deepcopy(state)
        added = aggregate.add(state, payload, META)
        assert state == before, "the old state must be left as it was"
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(msgspec.json.decode(msgspec.json.encode(added))))
    return aggregate.finish(state, "line1", 0, MINUTE_NS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("first(payload.p)", 2),
        ("last(payload.p)", 4),
        ("min(payload.p)", 2),
        ("max(payload.p)", 6),
        ("sum(payload.p)", 12),
        ("mean(payload.p)", 4.0),
        ("avg(payload.p * 2)", 8.0),
        ("count()", 3),
        ("count(payload.s == 'RUN')", 2),
        ("delta(payload.e)", 2.25),
        ("sum(payload.p) / count()", 4.0),
        ("max(payload.p) - min(payload.p)", 4),
        ("max(last(payload.p), 10)", 10),
        ("max(sum([payload.p, payload.e]))", 17.0),
        ("round(mean(payload.e), 1)", 11.4),
        ("key", "line1"),
        ("start + ' ' + end", "1970-01-01T00:00:00.000000Z 1970-01-01T00:01:00.000000Z"),
        ("{'n': count(), 'last': last(payload.s), 'of': key}", {"n": 3, "last": "RUN", "of": "line1"}),
        ("100 * count(payload.s == 'RUN') / count() if count() else 0", 200 / 3),
        ("last(topic)", "t"),
        ("min(payload.s)", "RUN"),
        ("twice(last(payload.p))", 8),
    ],
)
def test_value(text, expected):
    assert run(text, functions={"twice": lambda x: x * 2}) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"), [("count()", 0), ("sum(payload.p)", 0), ("mean(payload.p)", None), ("delta(payload.p)", None)]
)
def test_window_without_messages(text, expected):
    assert run(text, []) == expected


def test_exact_decimals_survive_the_stored_state():
    prices = [{"p": Decimal("0.10")}, {"p": Decimal("0.20")}]

    assert run("sum(payload.p)", prices) == Decimal("0.30")
    assert run("max(payload.p)", prices) == Decimal("0.20")


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("payload.p", 1, "stands inside an aggregate, such as last(payload.value)"),
        ("count() + topic", 11, "stands inside an aggregate"),
        ("min(payload.p, 3)", 5, "stands inside an aggregate"),
        ("sum()", 1, "write sum(payload.value)"),
        ("count(1, 2)", 1, "count takes one expression"),
        ("last(count())", 6, "there is no function count"),
        ("last(start)", 6, "start is unknown"),
        ("1 + 1", 1, "nothing is aggregated"),
        ("sum(payload.p", 4, "never closed"),
        ("last(payload.__class__())", 6, "methods"),
    ],
)
def test_refused_with_column(text, column, words):
    with pytest.raises(ExpressionError) as caught:
        compile_aggregate(text)

    assert words in caught.value.reason
    assert (caught.value.column, caught.value.text) == (column, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sum(payload.x)", "payload.x is missing (the payload has: p, e, s)"),
        ("1 + mean(payload.s)", "mean(payload.s): text 'RUN' is not a number; it holds no number: leave such"),
        ("1 + mean(text(payload.p))", "text '2' is not a number; write number(...) around it"),
        ("count(payload.p)", "the condition gives the number 2, not true or false"),
        (
            "last(payload.s) - 1",
            "last(payload.s) is text 'RUN', not a number; it holds no number: leave such messages out",
        ),
        ("1 / count(payload.p > 99)", "division by zero"),
    ],
)
def test_failure_in_words(text, words):
    with pytest.raises(EvaluationError) as caught:
        run(text)

    assert words in str(caught.value)
    assert caught.value.detail["expression"] == text


def test_kinds_that_have_no_common_order():
    with pytest.raises(EvaluationError, match=r"max\(payload.v\)"):
        run("max(payload.v)", [{"v": 1}, {"v": "a"}])


def test_a_payload_that_looks_like_our_decimal_mark_stays_itself():
    assert run("first(payload.p)", [{"p": {"$decimal": "abc"}}]) == {"$decimal": "abc"}


def test_names():
    assert compile_aggregate("sum(payload.p) + count(quality == 'good')").names == {"payload", "quality"}
