"""The language by example: results, refusals with their column, failures in words, and no way out."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flowhost.errors import EvaluationError, ExpressionError
from flowhost.expr import compile_expression
from flowhost.sdk import Meta

CORPUS = YAML(typ="safe").load(Path(__file__).with_name("corpus.yaml").read_text(encoding="utf-8"))
MESSAGE = dict(CORPUS["message"])
PAYLOAD = MESSAGE.pop("payload")
META = Meta(**MESSAGE)


def test_the_corpus_is_large_enough():
    assert sum(len(CORPUS[part]) for part in ("values", "refused", "fails", "escapes", "look_ups")) >= 150


@pytest.mark.parametrize(("text", "expected"), CORPUS["values"], ids=[str(case[0]) for case in CORPUS["values"]])
def test_value(text, expected):
    value = compile_expression(text).evaluate(PAYLOAD, META)

    assert value == (pytest.approx(expected, rel=1e-12) if isinstance(expected, float) else expected)
    assert type(value) is type(expected)


@pytest.mark.parametrize(("text", "column", "words"), CORPUS["refused"], ids=[c[0] for c in CORPUS["refused"]])
def test_refused_with_column(text, column, words):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)

    assert words in caught.value.reason
    assert (caught.value.column, caught.value.text) == (column, text)


@pytest.mark.parametrize(("text", "words"), CORPUS["fails"], ids=[case[0] for case in CORPUS["fails"]])
def test_failure_in_words(text, words):
    with pytest.raises(EvaluationError) as caught:
        compile_expression(text).evaluate(PAYLOAD, META)

    assert words in str(caught.value)
    assert caught.value.detail["expression"] == text
    assert 1 <= caught.value.detail["column"] <= len(text)


@pytest.mark.parametrize("text", CORPUS["escapes"])
def test_no_escape(text):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)

    assert 1 <= caught.value.column <= len(text) + 1


@pytest.mark.parametrize("text", CORPUS["look_ups"])
def test_dunder_names_are_field_names(text):
    with pytest.raises(EvaluationError, match="is missing"):
        compile_expression(text).evaluate(PAYLOAD, META)


def test_a_field_may_have_any_name():
    assert compile_expression("payload.__class__").evaluate({"__class__": 1}, META) == 1
