"""Expressions over a window of messages: `sum(payload.power) / count()`, `delta(payload.energy_kwh)`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from flowhost.errors import EvaluationError
from flowhost.expr import tree
from flowhost.expr.checker import Checker
from flowhost.expr.folds import FOLDS, Fold, State
from flowhost.expr.language import CompiledExpression, explain
from flowhost.expr.scope import ROOTS, MetaLike
from flowhost.expr.surroundings import PlainScope, make_function, parts_of
from flowhost.expr.syntax import Parsed, SourceText, parse
from flowhost.expr.times import iso_time
from flowhost.expr.writer import write

WINDOW_ROOTS = ("key", "start", "end")
"""Names of the window itself: its key, and its begin and end as time text."""

_RESULTS = "results"


@dataclass(frozen=True, slots=True)
class _Part:
    """One aggregate call: what it keeps, of which value of each message."""

    fold: Fold
    value: CompiledExpression | None
    span: tree.Span
    text: str

    def add(self, state: State, payload: Any, meta: MetaLike) -> State:
        value = self.value.evaluate(payload, meta) if self.value is not None else True
        try:
            return self.fold.add(state, value)
        except (TypeError, ValueError, ArithmeticError) as error:
            detail = {"expression": self.text, "column": self.span.column}
            raise EvaluationError(f"{self.span.words}: {error}", detail) from error


class CompiledAggregate:
    """One aggregate; never changes, may be shared between windows and threads.

    The state is a plain list, to be kept with the window: JSON and msgpack carry it.

    Attributes:
        text: as the user wrote it.
        names: root names of messages it reads.
    """

    __slots__ = ("_finish", "_folds", "_node", "names", "text")

    text: str
    names: frozenset[str]
    _folds: tuple[_Part, ...]
    _node: tree.Node
    _finish: Callable[[list[Any], str, str, str], Any]

    def __init__(self, text: str, node: tree.Node, folds: list[_Part]) -> None:
        put = super().__setattr__
        put("text", text)
        put("names", frozenset(name for part in folds if part.value is not None for name in part.value.names))
        put("_folds", tuple(folds))
        put("_node", node)
        scope = PlainScope({_RESULTS: _RESULTS, "key": "key", "start": "start", "end": "end"})
        put("_finish", make_function("results, key, start, end", write(node, scope), scope, self._explain))

    def start(self) -> list[State]:
        """The state of a window without messages."""
        return [part.fold.start for part in self._folds]

    def add(self, state: list[State], payload: Any, meta: MetaLike) -> list[State]:
        """A new state with this message in it; the old one is left as it was.

        Raises:
            EvaluationError: a field is missing or cannot be aggregated.
        """
        return [part.add(each, payload, meta) for part, each in zip(self._folds, state, strict=True)]

    def finish(self, state: list[State], key: str, start_ns: int, end_ns: int) -> Any:
        """The window's value. Without messages `count` and `sum` give 0, all others null.

        Raises:
            EvaluationError: the arithmetic around the aggregates failed.
        """
        results = [part.fold.finish(each) for part, each in zip(self._folds, state, strict=True)]
        return self._finish(results, key, iso_time(start_ns), iso_time(end_ns))

    def _explain(self, error: BaseException, results: list[Any], key: str, start: str, end: str) -> EvaluationError:
        roots = {_RESULTS: results, "key": key, "start": start, "end": end}
        return explain(self.text, [self._node], error, roots)

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a compiled aggregate never changes ({name})")

    @override
    def __repr__(self) -> str:
        return f"CompiledAggregate({self.text!r})"


def compile_aggregate(text: str, functions: Mapping[str, Callable[..., Any]] | None = None) -> CompiledAggregate:
    """Check and compile one aggregate.

    Args:
        text: arithmetic and functions around first, last, min, max, sum, mean (avg), delta and count.
        functions: what plugins add to the built-in functions, by name.

    Raises:
        ExpressionError: not in the language, or data of a message outside an aggregate; names the column.
    """
    parsed = parse(SourceText(text, text))
    checker = _WindowChecker(parsed, functions or {})
    node = checker.check(parsed.body)
    aggregate = CompiledAggregate(text, node, checker.folds)
    if not checker.folds and not any(isinstance(part, tree.Data) for part in parts_of(node)):
        raise checker.error("nothing is aggregated; write last(payload.value), count() or the like", parsed.body)
    return aggregate


class _WindowChecker(Checker):
    """Outside aggregates only the window's names exist; inside, an expression over one message."""

    def __init__(self, parsed: Parsed, functions: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(parsed, functions, WINDOW_ROOTS)
        self.folds: list[_Part] = []

    @override
    def name(self, node: ast.Name) -> tree.Node:
        if node.id in ROOTS and node.id not in WINDOW_ROOTS:
            shown = f"{node.id}.value" if node.id == "payload" else node.id
            raise self.error(f"{node.id} stands inside an aggregate, such as last({shown}) or mean({shown})", node)
        return super().name(node)

    @override
    def call(self, node: ast.Call) -> tree.Node:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        fold = FOLDS.get(name)
        if fold is None or (name in {"min", "max"} and len(node.args) > 1):
            return super().call(node)
        limits = (0, 1) if name == "count" else (1, 1)
        if node.keywords or not limits[0] <= len(node.args) <= limits[1]:
            raise self.error(f"{name} takes one expression: write {name}(payload.value)", node)
        value = self._inner(node.args[0]) if node.args else None
        self.folds.append(_Part(fold, value, self.span(node), self._parsed.source.text))
        return tree.Data(self.span(node), (_RESULTS, len(self.folds) - 1), "number" if name == "count" else "any")

    def _inner(self, node: ast.expr) -> CompiledExpression:
        checker = Checker(self._parsed, self._functions, ROOTS)
        return CompiledExpression(self._parsed.source.text, checker.check(node))
