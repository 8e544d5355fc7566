"""Bombs: each ends within a second of CPU time and a few megabytes, refused or failed, never run."""

import time
import tracemalloc

import pytest

from flowhost.errors import EvaluationError, ExpressionError
from flowhost.expr import compile_expression, compile_template
from flowhost.sdk import Meta

META = Meta(topic="t")
PAYLOAD = {"text": "a" * 1000, "list": [0] * 1000, "n": 10**9, "big": 10**18, "format": "%9999999999d"}
LIMIT_S = 1.0  # CPU seconds: the machine may be busy with other tests
LIMIT_BYTES = 64_000_000

BOMBS = {
    "power": "9**9**9",
    "power of powers": "((9**99)**99)**99",
    "power of a field": "payload.n ** payload.n",
    "power with negative exponent": "9 ** -(9**9)",
    "power of one is fine but its exponent is not": "2 ** (2 ** 4000)",
    "text repetition": "'a'*10**9",
    "text repetition of a field": "payload.text * payload.n",
    "text repetition the other way": "payload.n * payload.text",
    "text repetition behind a sum": "('a' + payload.text) * payload.n",
    "text repetition behind a choice": "(payload.text if payload.n else 1) * 1000000000",
    "text repetition of a call": "get(payload, 'text') * payload.n",
    "list repetition": "[0]*10**9",
    "list repetition of a field": "payload.list * payload.n",
    "nested repetition": "((payload.list * 1000) * 1000) * 1000",
    "repetition of a slice": "payload.list[0:9] * payload.n",
    "shift": "1 << 10**9",
    "shift of a field": "payload.n << payload.n",
    "format": "'%9999999999d' % 1",
    "format of a field": "payload.format % 1",
    "format of a list": "payload.format % [1]",
    "format call": "'{:9999999999d}'.format(1)",
    "f-string": "f'{1:9999999999d}'",
    "deep brackets": "(" * 1900 + "1" + ")" * 1900,
    "deep lists": "[" * 1900 + "1" + "]" * 1900,
    "deep look-ups": "payload" + "[0]" * 1300,
    "deep fields": "payload" + ".a" * 1900,
    "deep signs": "-" * 3900 + "1",
    "deep not": "not " * 990 + "1",
    "deep sum": "1" + "+1" * 1900,
    "deep power": "1" + "**1" * 1300,
    "deep choice": "1 if 1 else " * 300 + "1",
    "deep calls": "abs(" * 190 + "1" + ")" * 190,
    "long text": "1 + " * 5000 + "1",
    "very long text": "a" * 10_000_000,
    "huge number": "9" * 3900,
    "huge hex number": "0x" + "f" * 3900,
    "huge float": "1e99999999",
    "replace doubling": "replace(" * 30 + "payload.text" + ", 'a', 'aaaaaaaaaa')" * 30,
    "join growth": "join(payload.list, join(payload.list, payload.text))",
    "pad": "pad('a', 1000000000, 'b')",
    "rounding": "round(payload.n, -1000000000)",
    "fixed": "fixed(1, 1000000000)",
    "decimal to int": "int(decimal('1e9999'))",
    "decimal rounding": "round(decimal('1e9999'))",
    "decimal floor": "floor(decimal('1e9999'))",
    "decimal power": "decimal('9.9e9999') ** decimal('9e9999')",
    "decimal text": "decimal('1e999999999')",
    "number text": "number('" + "9" * 3000 + "')",
    "json nesting": "json_parse(" + repr("[" * 3000) + ")",
    "time": "iso(payload.big * payload.big * payload.big)",
    "sum of lists": "sum([payload.list, payload.list])",
    "JSON in JSON": "json_text(" * 90 + r"'\\\\'" + ")" * 90,
    "text of lists in lists": "text([" * 45 + r"'\\\\'" + "])" * 45,
    "template in text": "'{payload.text}'.format_map(payload)",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_bomb_is_harmless(text):
    tracemalloc.start()
    began = time.thread_time()
    try:
        with pytest.raises((ExpressionError, EvaluationError)):
            compile_expression(text).evaluate(PAYLOAD, META)
        spent, peak = time.thread_time() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert spent < LIMIT_S
    assert peak < LIMIT_BYTES


HARMLESS = {
    "a product of many numbers stays small": "*".join(["payload.big"] * 80),
    "upper case of upper case": "upper(" * 50 + "'ß'" + ")" * 50,
    "a sum of many texts": "+".join(["payload.text"] * 90),
    "text of text": "json_text(" * 8 + "payload.text" + ")" * 8,
    "backslashes double at most per call": "json_text(" * 10 + r"'\\'" + ")" * 10,
    "one to a large power": "1 ** 999999999999",
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_grows_slowly_is_allowed(text):
    tracemalloc.start()
    began = time.thread_time()
    try:
        compile_expression(text).evaluate(PAYLOAD, META)
        spent, peak = time.thread_time() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert spent < LIMIT_S
    assert peak < LIMIT_BYTES


@pytest.mark.parametrize(
    "text", ["{" * 99_999, "{payload.text}" * 2000, "x" * 200_000, "{" + "(" * 3000, "{'" + "a" * 90_000 + "'}"]
)
def test_template_bomb_is_refused(text):
    began = time.thread_time()
    with pytest.raises(ExpressionError):
        compile_template(text)
    assert time.thread_time() - began < LIMIT_S


@pytest.mark.parametrize(("begin", "end"), [("(", "+1)"), ("[", "]"), ("abs(", ")"), ("{'a': ", "}"), ("-(not ", ")")])
def test_deep_expressions_compile_and_deeper_ones_are_refused(begin, end):
    compile_expression(begin * 45 + "1" + end * 45)

    with pytest.raises(ExpressionError, match="nested too deeply"):
        compile_expression(begin * 110 + "1" + end * 110)
