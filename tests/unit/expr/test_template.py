from decimal import Decimal

import pytest

from flowhost.errors import EvaluationError, ExpressionError
from flowhost.expr import compile_template
from flowhost.sdk import Meta

META = Meta(topic="plant/line1", unit="Cel")
PAYLOAD = {
    "v": 1.5, "n": 3, "whole": 21.0, "none": None, "yes": True, "text": 'say "hi"', "list": [1, None, "a"],
    "object": {"a": 1.0}, "price": Decimal("1.50"), "bytes": b"ok", "raw": b"\xff",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("uns/{topic}", "uns/plant/line1"),
        ("{topic}", "plant/line1"),
        ("{payload.v} {unit}", "1.5 Cel"),
        ("{payload.n}{payload.whole}", "321.0"),
        ("{payload.none}, {payload.yes}", "null, true"),
        ("{payload.text}", 'say "hi"'),
        ("{payload.list}", '[1,null,"a"]'),
        ("{payload.object}", '{"a":1.0}'),
        ("{payload.price} {payload.bytes}", "1.50 ok"),
        ("{{{payload.n}}}", "{3}"),
        ('{{"v": {payload.v}}}', '{"v": 1.5}'),
        ("{{ }}", "{ }"),
        ("{'}' + \"{\"}", "}{"),
        ("{ {'a': 1}['a'] }", "1"),
        ("{'it\\'s}'}", "it's}"),
        ("{payload.n * 2 if payload.yes else 0} ä", "6 ä"),
        ("line\n{payload.n}\n", "line\n3\n"),
    ],
)
def test_render(text, expected):
    assert compile_template(text).render(PAYLOAD, META) == expected


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("a {payload.v", 3, "never closed"),
        ("a } b", 3, "write }}"),
        ("a {} b", 3, "holds no expression"),
        ("a { } b", 3, "holds no expression"),
        ("uns/{topik}", 6, "did you mean topic?"),
        ("uns/{payload.v:.2f}", 15, "write fixed(x, 2)"),
        ("ä/{topic}/{1 +}", 15, "ends too early"),
        ("{payload.v!r}", 11, "write fixed"),
        ("{lambda: 1}", 2, "lambda"),
        ("{topic}{payload.__class__()}", 9, "methods"),
    ],
)
def test_refused_with_the_column_in_the_template(text, column, words):
    with pytest.raises(ExpressionError) as caught:
        compile_template(text)

    assert words in caught.value.reason
    assert (caught.value.column, caught.value.text) == (column, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a/{payload.missing}", "payload.missing is missing (the payload has: v, n"),
        ("{payload.raw}", "these 1 bytes are not UTF-8 text"),
        ("a/{payload.text * 2}", "not a number"),
    ],
)
def test_failure_in_words(text, words):
    with pytest.raises(EvaluationError) as caught:
        compile_template(text).render(PAYLOAD, META)

    assert words in str(caught.value)
    assert caught.value.detail["expression"] == text


def test_what_it_tells_about_itself():
    template = compile_template("{topic}/{payload.v}/{upper(unit)}")

    assert template.names == {"topic", "payload", "unit"}
    assert template.paths == (("topic",), ("payload", "v"), ("unit",))
    assert not template.constant
    assert compile_template("a{1}").constant


def test_source_is_an_atom_of_bound_and_quoted_text():
    class Scope:
        def path(self, path):
            return "data"

        def bind(self, value, hint="value"):
            return "show"

    source = compile_template("a'\\{topic}/{payload.x}").source(Scope())

    assert eval(f"{source}[0:3]", {"data": "T", "show": str}) == "a'\\"
    assert eval(source, {"data": "T", "show": str}) == "a'\\T/T"
