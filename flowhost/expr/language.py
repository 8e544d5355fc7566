"""An expression, compiled: text in, a fast function and Python source out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from typing_extensions import override

from flowhost.errors import EvaluationError
from flowhost.expr import tree
from flowhost.expr.checker import Checker
from flowhost.expr.explainer import Explained, Roots, walk
from flowhost.expr.scope import ROOTS, DataPath, MetaLike, Scope
from flowhost.expr.surroundings import MessageRoots, PlainScope, make_function, parts_of
from flowhost.expr.syntax import SourceText, parse
from flowhost.expr.writer import write


class CompiledExpression:
    """One expression; never changes, may be shared between threads.

    Attributes:
        text: as the user wrote it.
        names: root names it uses.
        paths: data it reads, each path once, in the order of the text.
        always_bool: certain to give true or false, whatever the message holds.
        constant: gives the same for every message.
        evaluate: `(payload, meta) -> value`; raises `EvaluationError` that names the missing or wrong field.
    """

    __slots__ = ("_node", "always_bool", "constant", "evaluate", "names", "paths", "text")

    _node: tree.Node
    text: str
    names: frozenset[str]
    paths: tuple[DataPath, ...]
    always_bool: bool
    constant: bool
    evaluate: Callable[[Any, MetaLike], Any]

    def __init__(self, text: str, node: tree.Node) -> None:
        parts = list(parts_of(node))
        data = [part for part in parts if isinstance(part, tree.Data)]
        put = super().__setattr__
        put("_node", node)
        put("text", text)
        put("paths", tuple(dict.fromkeys(part.path for part in data)))
        put("names", frozenset(str(part.path[0]) for part in data))
        put("always_bool", node.kind == "bool")
        put("constant", not data and not any(isinstance(part, tree.Call) and part.is_extra for part in parts))
        scope = PlainScope()
        put("evaluate", make_function("payload, meta", write(node, scope), scope, self.explain))

    def source(self, scope: Scope) -> str:
        """Python source of the value, an atom or in parentheses, with its data and objects named by the scope."""
        return write(self._node, scope)

    def explain(self, error: BaseException, payload: Any, meta: MetaLike) -> EvaluationError:
        """What the user should read when `source` raised this for the message."""
        return explain(self.text, [self._node], error, MessageRoots(payload, meta))

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a compiled expression never changes ({name})")

    @override
    def __repr__(self) -> str:
        return f"CompiledExpression({self.text!r})"


def compile_expression(
    text: str, functions: Mapping[str, Callable[..., Any]] | None = None, *, roots: Collection[str] = ROOTS
) -> CompiledExpression:
    """Check and compile one expression.

    Args:
        text: at most 4000 characters.
        functions: what plugins add to the built-in functions, by name.
        roots: names of data that may be used.

    Raises:
        ExpressionError: not in the language; names the column and what to write instead.
    """
    return CompiledExpression(text, check(SourceText(text, text), functions, roots))


def check(source: SourceText, functions: Mapping[str, Callable[..., Any]] | None, roots: Collection[str]) -> tree.Node:
    """The checked tree of an expression that may be part of a longer text.

    Raises:
        ExpressionError: not in the language.
    """
    parsed = parse(source)
    return Checker(parsed, functions or {}, roots).check(parsed.body)


def explain(text: str, nodes: Collection[tree.Node], error: BaseException, roots: Roots) -> EvaluationError:
    """Evaluate again, carefully; the first part that fails says why."""
    if isinstance(error, EvaluationError):
        return error
    try:
        for node in nodes:
            walk(node, roots)
    except Explained as found:
        return EvaluationError(found.message, {"expression": text, "column": found.span.column})
    except Exception as second:  # noqa: BLE001 - the explanation must not fail where the evaluation did
        error = second
    return EvaluationError(f"{text}: {str(error) or type(error).__name__}", {"expression": text, "column": 1})
