"""The checked tree as Python source that can stand anywhere in a generated function.

Every text in the source is either ours, or `repr` of a constant, or a name the scope gave. Multiplication and `%` put a
unary plus before what might be text or a list: it costs a few nanoseconds and refuses repetition and text formatting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flowhost.expr import guards, tree
from flowhost.expr.scope import Scope

_LONG_TEXT = 200


def write(node: tree.Node, scope: Scope) -> str:
    """Source of this part; always an atom or in parentheses."""
    return _WRITERS[type(node)](node, scope)


def _constant(node: tree.Constant, scope: Scope) -> str:
    if isinstance(node.value, str) and len(node.value) > _LONG_TEXT:
        return scope.bind(node.value, "text")
    if node.kind in {"number", "float"} and str(node.value).startswith("-"):
        return f"({node.value!r})"
    return repr(node.value)


def _data(node: tree.Data, scope: Scope) -> str:
    return scope.path(node.path)


def _item(node: tree.Item, scope: Scope) -> str:
    return f"{scope.bind(guards.item, 'item')}({write(node.container, scope)}, {write(node.key, scope)})"


def _slice(node: tree.Slice, scope: Scope) -> str:
    start = write(node.start, scope) if node.start else "None"
    stop = write(node.stop, scope) if node.stop else "None"
    return f"{scope.bind(guards.part, 'part')}({write(node.container, scope)}, {start}, {stop})"


def _unary(node: tree.Unary, scope: Scope) -> str:
    return f"({node.operator}{write(node.operand, scope)})"


def _binary(node: tree.Binary, scope: Scope) -> str:
    left, right = write(node.left, scope), write(node.right, scope)
    if node.operator == "**":
        return f"{scope.bind(guards.power, 'power')}({left}, {right})"
    if node.operator == "*" and "float" not in (node.left.kind, node.right.kind):
        left, right = _number(node.left, left), _number(node.right, right)
    elif node.operator == "%":
        left = _number(node.left, left)
    return f"({left} {node.operator} {right})"


def _number(node: tree.Node, source: str) -> str:
    """Refuses text and lists when it runs, where their absence is not certain now."""
    return source if node.kind in tree.NUMBERS else f"+{source}"


def _compare(node: tree.Compare, scope: Scope) -> str:
    parts = [write(node.first, scope)]
    for operator, operand in node.rest:
        parts += (operator, write(operand, scope))
    return f"({' '.join(parts)})"


def _logic(node: tree.Logic, scope: Scope) -> str:
    return "(" + f" {node.operator} ".join(write(operand, scope) for operand in node.operands) + ")"


def _not(node: tree.Not, scope: Scope) -> str:
    return f"(not {write(node.operand, scope)})"


def _choice(node: tree.Choice, scope: Scope) -> str:
    then, otherwise = write(node.then, scope), write(node.otherwise, scope)
    return f"({then} if {write(node.condition, scope)} else {otherwise})"


def _sequence(node: tree.Sequence, scope: Scope) -> str:
    items = ", ".join(write(item, scope) for item in node.items)
    if node.is_tuple:
        return f"({items},)" if items else "()"
    return f"[{items}]"


def _object(node: tree.Object, scope: Scope) -> str:
    return "{" + ", ".join(f"{name!r}: {write(value, scope)}" for name, value in node.fields) + "}"


def _call(node: tree.Call, scope: Scope) -> str:
    arguments = [write(argument, scope) for argument in node.arguments]
    arguments += (f"{name}={write(value, scope)}" for name, value in node.named)
    return f"{scope.bind(node.function, node.name)}({', '.join(arguments)})"


def _affine(node: tree.Affine, scope: Scope) -> str:
    scaled = f"{write(node.operand, scope)} * {node.factor!r}"
    return f"({scaled} + {node.offset!r})" if node.offset else f"({scaled})"


_WRITERS: Mapping[type[Any], Callable[[Any, Scope], str]] = {
    tree.Constant: _constant,
    tree.Data: _data,
    tree.Item: _item,
    tree.Slice: _slice,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Compare: _compare,
    tree.Logic: _logic,
    tree.Not: _not,
    tree.Choice: _choice,
    tree.Sequence: _sequence,
    tree.Object: _object,
    tree.Call: _call,
    tree.Affine: _affine,
}
