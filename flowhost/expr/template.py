"""Text with expressions in it: `uns/{topic}`, `{{` and `}}` for braces."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from flowhost.errors import EvaluationError, ExpressionError
from flowhost.expr import tree
from flowhost.expr.language import check, explain
from flowhost.expr.scope import ROOTS, DataPath, MetaLike, Scope
from flowhost.expr.surroundings import MessageRoots, PlainScope, make_function, parts_of
from flowhost.expr.syntax import SourceText
from flowhost.expr.values import as_text
from flowhost.expr.writer import write

MAX_TEMPLATE = 100_000
"""Characters of one template."""

MAX_PARTS = 1000


class CompiledTemplate:
    """One template; never changes, may be shared between threads.

    Attributes:
        text: as the user wrote it.
        names: root names it uses.
        paths: data it reads, each path once.
        constant: the same text for every message.
        render: `(payload, meta) -> str`; raises `EvaluationError` that names the missing field.
    """

    __slots__ = ("_parts", "constant", "names", "paths", "render", "text")

    _parts: tuple[tree.Node, ...]
    text: str
    names: frozenset[str]
    paths: tuple[DataPath, ...]
    constant: bool
    render: Callable[[Any, MetaLike], str]

    def __init__(self, text: str, parts: list[str | tree.Node]) -> None:
        inner = [each for part in parts if not isinstance(part, str) for each in parts_of(part)]
        data = [part for part in inner if isinstance(part, tree.Data)]
        put = super().__setattr__
        put("_parts", tuple(_shown(part) for part in parts))
        put("text", text)
        put("paths", tuple(dict.fromkeys(part.path for part in data)))
        put("names", frozenset(str(part.path[0]) for part in data))
        put("constant", not data and not any(isinstance(part, tree.Call) and part.is_extra for part in inner))
        scope = PlainScope()
        put("render", make_function("payload, meta", self.source(scope), scope, self.explain))

    def source(self, scope: Scope) -> str:
        """Python source of the text, an atom or in parentheses."""
        parts = [write(part, scope) for part in self._parts]
        if not parts:
            return "''"
        return parts[0] if len(parts) == 1 else f"''.join(({', '.join(parts)}))"

    def explain(self, error: BaseException, payload: Any, meta: MetaLike) -> EvaluationError:
        """What the user should read when `source` raised this for the message."""
        return explain(self.text, self._parts, error, MessageRoots(payload, meta))

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a compiled template never changes ({name})")

    @override
    def __repr__(self) -> str:
        return f"CompiledTemplate({self.text!r})"


def compile_template(text: str, functions: Mapping[str, Callable[..., Any]] | None = None) -> CompiledTemplate:
    """Check and compile one template.

    Args:
        text: literal text with `{expression}` in it; `{{` and `}}` stand for braces.
        functions: what plugins add to the built-in functions, by name.

    Raises:
        ExpressionError: a brace without its partner, or an expression that is not in the language; names the column.
    """
    whole = SourceText(text, text)
    if len(text) > MAX_TEMPLATE:
        raise whole.error(f"the template is longer than {MAX_TEMPLATE:,} characters")
    parts: list[str | tree.Node] = []
    literal, place = "", 0
    while place < len(text):
        brace = _next_brace(text, place)
        literal, place = literal + text[place:brace], brace
        if text[place : place + 2] in {"{{", "}}"}:
            literal, place = literal + text[place], place + 2
        elif text[place : place + 1] == "}":
            raise whole.error("this } has no {; write }} for a brace", place)
        elif place < len(text):
            end = _closing(whole, place)
            parts += [literal] if literal else []
            parts.append(_part(text, place, end, functions))
            literal, place = "", end + 1
        if len(parts) > MAX_PARTS:
            raise whole.error(f"the template has more than {MAX_PARTS} expressions", place)
    return CompiledTemplate(text, [*parts, literal] if literal else parts)


def _part(text: str, start: int, end: int, functions: Mapping[str, Callable[..., Any]] | None) -> tree.Node:
    inner = SourceText(text[start + 1 : end], text, start + 1)
    if not inner.text.strip():
        raise SourceText(text, text).error("{} holds no expression; write {{ and }} for braces", start)
    try:
        return check(inner, functions, ROOTS)
    except ExpressionError as error:
        if not any(part in error.reason for part in ("unknown", "function", "field")):
            _refuse_format(inner)
        raise


_FORMAT = re.compile(r"(?:![rsa])?(?::[^:'\"()\[\]]*)?\s*$")


def _refuse_format(inner: SourceText) -> None:
    """Who knows Python's f-strings writes `{x:.2f}`."""
    found = _FORMAT.search(inner.text)
    if found and found[0].strip():
        raise inner.error(
            "formats are not part of the language; write fixed(x, 2), round(x, 2) or text(x)", found.start()
        )


def _next_brace(text: str, place: int) -> int:
    found = [index for index in (text.find("{", place), text.find("}", place)) if index >= 0]
    return min(found, default=len(text))


def _closing(whole: SourceText, start: int) -> int:
    """The brace that ends the expression: not one inside quotes, nor that of an object."""
    text, depth, quote, place = whole.text, 0, "", start
    while place < len(text):
        char = text[place]
        if quote:
            place += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if not depth:
                return place
        place += 1
    raise whole.error("this { is never closed; write {{ for a brace", start)


def _shown(part: str | tree.Node) -> tree.Node:
    """Text as it is, every other value through `as_text`."""
    if isinstance(part, str):
        return tree.Constant(tree.Span(1, part), part, "text")
    if part.kind == "text":
        return part
    return tree.Call(part.span, "text", as_text, (part,), (), "text")
