"""The careful evaluation: slow, run only after the generated code has failed, to say why in plain words."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from flowhost.errors import MessageError
from flowhost.expr import guards, tree
from flowhost.expr.numbers import advice
from flowhost.expr.scope import PathKey
from flowhost.expr.values import describe, names_of

Roots = Mapping[str, Any]
"""Values of the root names for one message."""


class Explained(Exception):  # noqa: N818 - it carries a finding, it is never an error of its own
    """The place that failed, and why."""

    def __init__(self, message: str, span: tree.Span) -> None:
        super().__init__(message)
        self.message = message
        self.span = span


def walk(node: tree.Node, roots: Roots) -> Any:
    """The value of this part.

    Raises:
        Explained: what is wrong with the message, and where.
    """
    return _WALKERS[type(node)](node, roots)


def _constant(node: tree.Constant, roots: Roots) -> Any:  # noqa: ARG001 - all walkers are called alike
    return node.value


def _data(node: tree.Data, roots: Roots) -> Any:
    value = roots[str(node.path[0])]
    for depth, key in enumerate(node.path[1:], start=1):
        value = _field(value, key, node.path[:depth], node.span)
    return value


def _field(value: Any, key: PathKey, path: tuple[PathKey, ...], span: tree.Span) -> Any:
    try:
        return guards.item(value, key)
    except (LookupError, TypeError):
        raise Explained(_missing(value, key, path_text(path)), span) from None


def _missing(value: Any, key: Any, name: str) -> str:
    """Why there is nothing under this key."""
    place = path_text((name, key)) if isinstance(key, str | int) else f"{name}[...]"
    owner = "the payload" if name == "payload" else name
    if isinstance(value, dict):
        return (
            f"{place} is missing ({owner} has: {names_of(value)})"
            if value
            else f"{place} is missing ({owner} is empty)"
        )
    if isinstance(value, list | tuple | str | bytes):
        if isinstance(key, int):
            return f"{place} is missing ({owner} has {len(value)} of them, counted from 0)"
        return f"{place} is missing ({owner} is {describe(value)}, not an object)"
    return f"{place} is missing ({owner} is {describe(value)}, not an object)"


def path_text(path: tuple[PathKey, ...]) -> str:
    """A path as a user would write it: `payload.tags[0]['a b']`."""
    text = str(path[0])
    for key in path[1:]:
        text += f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
    return text


def _item(node: tree.Item, roots: Roots) -> Any:
    container, key = walk(node.container, roots), walk(node.key, roots)
    try:
        return guards.item(container, key)
    except (LookupError, TypeError):
        if isinstance(key, bool) or not isinstance(key, str | int):
            message = f"{node.key.span.words} is {describe(key)}, not a field name or position"
            raise Explained(message, node.key.span) from None
        raise Explained(_missing(container, key, node.container.span.words), node.span) from None


def _slice(node: tree.Slice, roots: Roots) -> Any:
    container = walk(node.container, roots)
    start = walk(node.start, roots) if node.start else None
    stop = walk(node.stop, roots) if node.stop else None
    try:
        return guards.part(container, start, stop)
    except TypeError as error:
        raise Explained(f"{node.container.span.words} is {describe(container)}: {error}", node.span) from None


def _unary(node: tree.Unary, roots: Roots) -> Any:
    value = walk(node.operand, roots)
    _need_numbers((node.operand, value))
    return -value if node.operator == "-" else +value


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": guards.power,
}  # fmt: skip


def _binary(node: tree.Binary, roots: Roots) -> Any:
    left, right = walk(node.left, roots), walk(node.right, roots)
    if node.operator == "+":
        _need_addable(node, left, right)
    else:
        _need_numbers((node.left, left), (node.right, right))
    _refuse_mixed_decimal(node.left, left, node.right, right, node.span)
    try:
        return _ARITHMETIC[node.operator](left, right)
    except ZeroDivisionError:
        raise Explained(f"division by zero: {_named(node.right, right)} in {node.span.words}", node.span) from None
    except (ArithmeticError, ValueError, TypeError) as error:
        raise Explained(f"{node.span.words} has no result: {_reason(error)}", node.span) from None


def _need_addable(node: tree.Binary, left: Any, right: Any) -> None:
    """Numbers add up, texts and lists join; nothing else, and nothing mixed."""
    for kinds in ((int, float, Decimal), (str,), (list, tuple), (bytes,)):
        if isinstance(left, kinds) and isinstance(right, kinds):
            return
    if isinstance(left, str) or isinstance(right, str):
        text, other = (node.left, node.right) if isinstance(left, str) else (node.right, node.left)
        values = (left, right) if isinstance(left, str) else (right, left)
        message = f"{_named(text, values[0])} and {_named(other, values[1])} cannot be added"
        hint = f"; write text({other.span.words}) to join, or number({text.span.words}) to add"
        raise Explained(message + hint, other.span)
    _need_numbers((node.left, left), (node.right, right))


def _need_numbers(*operands: tuple[tree.Node, Any]) -> None:
    for node, value in operands:
        if not isinstance(value, int | float | Decimal):
            raise Explained(f"{_named(node, value)}, not a number{advice(value, node.span.words)}", node.span)


def _refuse_mixed_decimal(left: tree.Node, a: Any, right: tree.Node, b: Any, span: tree.Span) -> None:
    if (isinstance(a, Decimal) and isinstance(b, float)) or (isinstance(a, float) and isinstance(b, Decimal)):
        exact, rough = (left, right) if isinstance(a, Decimal) else (right, left)
        message = (
            f"{exact.span.words} is an exact decimal and {rough.span.words} a float, they do not mix; "
            f"write decimal({rough.span.words}) or float({exact.span.words})"
        )
        raise Explained(message, span)


_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
    "is": operator.is_, "is not": operator.is_not,
}  # fmt: skip


def _compare(node: tree.Compare, roots: Roots) -> Any:
    left_node, left = node.first, walk(node.first, roots)
    result: Any = True
    for sign, right_node in node.rest:
        right = walk(right_node, roots)
        try:
            result = _COMPARISONS[sign](left, right)
        except (TypeError, ArithmeticError) as error:
            raise Explained(_incomparable(sign, left_node, left, right_node, right, error), node.span) from None
        if not result:
            return result
        left_node, left = right_node, right
    return result


def _incomparable(
    sign: str, left_node: tree.Node, left: Any, right_node: tree.Node, right: Any, error: Exception
) -> str:
    if sign in {"in", "not in"}:
        if isinstance(right, str):
            return f"{_named(left_node, left)}, only text can be looked for in text; write text({left_node.span.words})"
        return f"{_named(right_node, right)}; `in` looks into a list, text or object"
    pairs = ((left_node, left, right), (right_node, right, left))
    for node, value, other in pairs:
        if isinstance(value, str) and isinstance(other, int | float | Decimal):
            return f"{_named(node, value)}, not a number{advice(value, node.span.words)}"
    for node, value, _other in pairs:
        if value is None:
            return f"{node.span.words} is null and has no order; write {node.span.words} is not None and ..."
    return f"{_named(left_node, left)} and {_named(right_node, right)} have no order ({_reason(error)})"


def _logic(node: tree.Logic, roots: Roots) -> Any:
    value: Any = None
    for operand in node.operands:
        value = walk(operand, roots)
        if bool(value) is (node.operator == "or"):
            break
    return value


def _not(node: tree.Not, roots: Roots) -> Any:
    return not walk(node.operand, roots)


def _choice(node: tree.Choice, roots: Roots) -> Any:
    return walk(node.then if walk(node.condition, roots) else node.otherwise, roots)


def _sequence(node: tree.Sequence, roots: Roots) -> Any:
    items = [walk(item, roots) for item in node.items]
    return tuple(items) if node.is_tuple else items


def _object(node: tree.Object, roots: Roots) -> Any:
    return {name: walk(value, roots) for name, value in node.fields}


def _call(node: tree.Call, roots: Roots) -> Any:
    arguments = [walk(argument, roots) for argument in node.arguments]
    named = {name: walk(value, roots) for name, value in node.named}
    try:
        return node.function(*arguments, **named)
    except MessageError as error:
        raise Explained(str(error), node.span) from None
    except Exception as error:  # noqa: BLE001 - functions come from plugins; whatever they raise concerns this message
        reason = _reason(error)
        message = reason if reason.startswith(f"{node.name}()") else f"{node.name}(): {reason}"
        raise Explained(f"{message} in {node.span.words}", node.span) from None


def _affine(node: tree.Affine, roots: Roots) -> Any:
    value = walk(node.operand, roots)
    _need_numbers((node.operand, value))
    if isinstance(value, Decimal):
        message = f"{node.operand.span.words} is an exact decimal; write convert(float({node.operand.span.words}), ...)"
        raise Explained(message, node.operand.span)
    return value * node.factor + node.offset


def _named(node: tree.Node, value: Any) -> str:
    if isinstance(node, tree.Constant):
        return describe(value)
    return f"{node.span.words} is {describe(value)}"


def _reason(error: Exception) -> str:
    """The error's own words, or at least its name."""
    if isinstance(error, KeyError) and error.args:
        return f"there is no {error.args[0]!r}"
    if isinstance(error, ArithmeticError) and not isinstance(error, OverflowError):
        return "the result is no number"
    if isinstance(error, OverflowError):
        return "the result is too large"
    return str(error) or type(error).__name__


_WALKERS: Mapping[type[Any], Callable[[Any, Roots], Any]] = {
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
