"""The whitelist: Python's syntax tree to the language's own, or an ExpressionError that says what to write."""

from __future__ import annotations

import ast
import math
import unicodedata
from collections.abc import Callable, Collection, Mapping
from typing import Any

from flowhost.errors import ExpressionError
from flowhost.expr import tree
from flowhost.expr.calls import signature_problem, unit_problem
from flowhost.expr.functions import BUILTINS
from flowhost.expr.scope import PathKey
from flowhost.expr.surroundings import parts_of
from flowhost.expr.syntax import Parsed
from flowhost.expr.words import REFUSED, REFUSED_OPERATORS, nearest

MAX_DEPTH = 100
MAX_INT_BITS = 1024

_ARITHMETIC: Mapping[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
_NAMED_VALUES: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
_ROOT_KINDS: Mapping[str, tree.Kind] = {
    "topic": "text", "time": "text", "quality": "text", "unit": "text", "key": "text", "id": "text",
    "headers": "object", "start": "text", "end": "text",
}  # fmt: skip
_WITHOUT_FIELDS = frozenset({"number", "float", "bool", "null"})


class Checker:
    """Checks one expression.

    Args:
        parsed: the syntax tree.
        functions: what plugins add, by name.
        roots: names of data that may be used.
    """

    def __init__(self, parsed: Parsed, functions: Mapping[str, Callable[..., Any]], roots: Collection[str]) -> None:
        self._parsed = parsed
        self._functions = functions
        self._roots = roots
        self._depth = 0

    def check(self, node: ast.expr) -> tree.Node:
        """The checked tree of this part.

        Raises:
            ExpressionError: it is not in the language; names the column.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.error("the expression is nested too deeply", node)
        method = _CHECKS.get(type(node))
        if method is None:
            raise self.error(REFUSED.get(type(node).__name__, "this is not part of the language"), node)
        checked: tree.Node = getattr(self, method)(node)
        self._depth -= 1
        return checked

    def error(self, message: str, node: ast.AST) -> ExpressionError:
        return self._parsed.source.error(message, self._parsed.characters(node)[0])

    def span(self, node: ast.AST) -> tree.Span:
        return self._parsed.span(node)

    # -- values

    def constant(self, node: ast.Constant) -> tree.Node:
        value = node.value
        if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > MAX_INT_BITS:
            raise self.error("this number is too large", node)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error("this number is too large", node)
        kind = _kind_of(value)
        if kind is None:
            raise self.error(f"a {type(value).__name__} is not part of the language", node)
        return tree.Constant(self.span(node), value, kind)

    def name(self, node: ast.Name) -> tree.Node:
        if node.id in self._roots:
            return tree.Data(self.span(node), (node.id,), _ROOT_KINDS.get(node.id, "any"))
        if node.id in _NAMED_VALUES:
            value = _NAMED_VALUES[node.id]
            return tree.Constant(self.span(node), value, "null" if value is None else "bool")
        raise self.error(self._unknown_name(node.id), node)

    def _unknown_name(self, name: str) -> str:
        if name in BUILTINS or name in self._functions:
            return f"{name} is a function; write {name}(...)"
        known = [*self._roots, *_NAMED_VALUES]
        hint = nearest(name, known) or f"; there is: {', '.join(self._roots)}; text stands in quotes, '{name}'"
        return f"{name} is unknown{hint}"

    def sequence(self, node: ast.List | ast.Tuple) -> tree.Node:
        if isinstance(node, ast.Tuple) and not self.span(node).words.startswith("("):
            raise self.error("a list stands in brackets, [a, b]; a number has a decimal point, 1.5", node)
        return tree.Sequence(self.span(node), tuple(map(self.check, node.elts)), is_tuple=False)

    def object(self, node: ast.Dict) -> tree.Node:
        fields = []
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                raise self.error("the field names of an object are text in quotes", key or value)
            fields.append((key.value, self.check(value)))
        return tree.Object(self.span(node), tuple(fields))

    # -- look-ups

    def attribute(self, node: ast.Attribute) -> tree.Node:
        container = self.check(node.value)
        return self._look_up(node, container, tree.Constant(self.span(node), self._field_name(node), "text"))

    def _field_name(self, node: ast.Attribute) -> str:
        """As written: Python's parser turns some letters into others (the micro sign into a Greek mu)."""
        if node.attr.isascii():
            return node.attr
        written = self.span(node).words.rpartition(".")[2].strip()
        return written if unicodedata.normalize("NFKC", written) == node.attr else node.attr

    def subscript(self, node: ast.Subscript) -> tree.Node:
        container = self.check(node.value)
        if isinstance(node.slice, ast.Slice):
            return self._slice(node, container, node.slice)
        return self._look_up(node, container, self.check(node.slice))

    def _look_up(self, node: ast.expr, container: tree.Node, key: tree.Node) -> tree.Node:
        constant = _constant_key(key)
        positions_only = container.kind in {"text", "list"} and isinstance(constant, str)
        if positions_only or container.kind in _WITHOUT_FIELDS:
            raise self.error(f"{_shown(container)} has no fields", node)
        if constant is None and (isinstance(key, tree.Constant) or key.kind in {"float", "bool", "list", "object"}):
            raise self.error("a key in brackets is a field name in quotes or a whole number", node)
        if isinstance(container, tree.Data) and constant is not None:
            kind: tree.Kind = "text" if container.path == ("headers",) or container.kind == "text" else "any"
            return tree.Data(self.span(node), (*container.path, constant), kind)
        return tree.Item(self.span(node), container, key)

    def _slice(self, node: ast.Subscript, container: tree.Node, part: ast.Slice) -> tree.Node:
        if part.step is not None:
            raise self.error("write [from:to]; steps are not part of the language", part.step)
        start = self.check(part.lower) if part.lower else None
        stop = self.check(part.upper) if part.upper else None
        kind: tree.Kind = container.kind if container.kind in {"text", "list"} else "any"
        return tree.Slice(self.span(node), container, start, stop, kind)

    # -- operators

    def unary(self, node: ast.UnaryOp) -> tree.Node:
        if isinstance(node.op, ast.Invert):
            raise self.error("the operator ~ is not part of the language; write `not`", node)
        operand = self.check(node.operand)
        if isinstance(node.op, ast.Not):
            return tree.Not(self.span(node), operand)
        sign = "-" if isinstance(node.op, ast.USub) else "+"
        self._refuse_non_number(operand, node.operand)
        if isinstance(operand, tree.Constant) and sign == "-" and operand.kind in {"number", "float"}:
            return tree.Constant(self.span(node), -operand.value, operand.kind)
        return tree.Unary(self.span(node), sign, operand, "float" if operand.kind == "float" else "number")

    def binary(self, node: ast.BinOp) -> tree.Node:
        operator = _ARITHMETIC.get(type(node.op))
        if operator is None:
            sign = REFUSED_OPERATORS[type(node.op).__name__]
            hint = {"&": "; write `and`", "|": "; write `or`", "^": "; write ** for powers"}.get(sign, "")
            raise self.error(f"the operator {sign} is not part of the language{hint}", node)
        left, right = self.check(node.left), self._right_operand(node)
        if operator == "+":
            return tree.Binary(self.span(node), "+", left, right, _sum_kind(left.kind, right.kind))
        self._refuse_non_number(left, node.left)
        self._refuse_non_number(right, node.right)
        floats = "float" in (left.kind, right.kind) and operator != "**"
        return tree.Binary(self.span(node), operator, left, right, "float" if floats else "number")

    def _right_operand(self, node: ast.BinOp) -> tree.Node:
        """`payload.tag-name` reads as a subtraction of an unknown name."""
        try:
            return self.check(node.right)
        except ExpressionError as error:
            left, right = node.left, node.right
            if isinstance(node.op, ast.Sub) and isinstance(left, ast.Attribute) and isinstance(right, ast.Name):
                joined = f"{left.attr}-{right.id}"
                raise self.error(f"{error.reason}; a field name with a dash is written ['{joined}']", right) from None
            raise

    def _refuse_non_number(self, checked: tree.Node, node: ast.expr) -> None:
        if checked.kind in {"text", "list", "object", "null"}:
            what = {"text": "text", "list": "a list", "object": "an object", "null": "null"}[checked.kind]
            hint = "; write number(...) around it" if checked.kind == "text" else ""
            raise self.error(f"{_shown(checked)} is {what}, arithmetic needs numbers{hint}", node)

    def compare(self, node: ast.Compare) -> tree.Node:
        first = self.check(node.left)
        rest: list[tuple[str, tree.Node]] = []
        for operator, operand in zip(node.ops, node.comparators, strict=True):
            sign = _COMPARISONS[type(operator)]
            if sign.startswith("is") and (rest or not _reads_anything(first)):
                raise self.error("`is` compares one value with None, True or False; write == to compare", operand)
            rest.append(self._comparison(sign, operand))
        return tree.Compare(self.span(node), first, tuple(rest))

    def _comparison(self, sign: str, operand: ast.expr) -> tuple[str, tree.Node]:
        checked = self.check(operand)
        if sign in {"in", "not in"}:
            if isinstance(checked, tree.Sequence):
                checked = tree.Sequence(checked.span, checked.items, is_tuple=True)
            if checked.kind in {"number", "float", "bool", "null"}:
                raise self.error("`in` looks into a list, text or object", operand)
        if sign in {"is", "is not"} and not (isinstance(checked, tree.Constant) and checked.kind in {"null", "bool"}):
            raise self.error("`is` stands before None, True or False only; write == to compare", operand)
        return sign, checked

    def logic(self, node: ast.BoolOp) -> tree.Node:
        operands = tuple(map(self.check, node.values))
        kinds = {operand.kind for operand in operands}
        kind = kinds.pop() if len(kinds) == 1 else "any"
        return tree.Logic(self.span(node), "and" if isinstance(node.op, ast.And) else "or", operands, kind)

    def choice(self, node: ast.IfExp) -> tree.Node:
        condition, then, otherwise = self.check(node.test), self.check(node.body), self.check(node.orelse)
        kind = then.kind if then.kind == otherwise.kind else "any"
        return tree.Choice(self.span(node), condition, then, otherwise, kind)

    # -- calls

    def call(self, node: ast.Call) -> tree.Node:
        name = self._function_name(node)
        extra = self._functions.get(name)
        builtin = BUILTINS.get(name)
        if extra is None and builtin is None:
            hint = nearest(name, [*BUILTINS, *self._functions])
            raise self.error(f"there is no function {name}{hint}", node.func)
        arguments, named = self._arguments(node)
        function = extra if extra is not None else builtin.call if builtin is not None else None
        assert function is not None
        if problem := signature_problem(name, function, node):
            raise self.error(problem, node)
        if name == "convert" and extra is None and not named:
            return self._convert(node, arguments)
        kind = builtin.kind if builtin is not None and extra is None else "any"
        return tree.Call(self.span(node), name, function, arguments, named, kind, is_extra=extra is not None)

    def _function_name(self, node: ast.Call) -> str:
        function = node.func
        if isinstance(function, ast.Name):
            return function.id
        if isinstance(function, ast.Attribute):
            word = function.attr
            hint = f"; write {word}({self.span(function.value).words}, ...)" if word in BUILTINS else ""
            raise self.error(f"methods cannot be called{hint}", node)
        raise self.error("only functions can be called, by their name", node)

    def _arguments(self, node: ast.Call) -> tuple[tuple[tree.Node, ...], tuple[tuple[str, tree.Node], ...]]:
        named: dict[str, tree.Node] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.error(REFUSED["Starred"], keyword.value)
            if keyword.arg in named or keyword.arg.startswith("__"):
                raise self.error(f"the argument {keyword.arg} cannot stand here (again)", keyword)
            named[keyword.arg] = self.check(keyword.value)
        return tuple(map(self.check, node.args)), tuple(named.items())

    def _convert(self, node: ast.Call, arguments: tuple[tree.Node, ...]) -> tree.Node:
        from flowhost.expr.units import affine, load

        value, source, target = arguments
        self._refuse_non_number(value, node.args[0])
        if not (isinstance(source, tree.Constant) and isinstance(target, tree.Constant)):
            load()  # pint takes a second to import: here, not at the first message
            return tree.Call(self.span(node), "convert", BUILTINS["convert"].call, arguments, (), "float")
        for unit, part in ((source, node.args[1]), (target, node.args[2])):
            if problem := unit_problem(unit.value):
                raise self.error(problem, part)
        try:
            factor, offset = affine(source.value, target.value)
        except ValueError as error:
            raise self.error(str(error), node.args[2]) from None
        return tree.Affine(self.span(node), value, factor, offset)


_CHECKS: Mapping[type[ast.expr], str] = {
    ast.Constant: "constant",
    ast.Name: "name",
    ast.List: "sequence",
    ast.Tuple: "sequence",
    ast.Dict: "object",
    ast.Attribute: "attribute",
    ast.Subscript: "subscript",
    ast.UnaryOp: "unary",
    ast.BinOp: "binary",
    ast.Compare: "compare",
    ast.BoolOp: "logic",
    ast.IfExp: "choice",
    ast.Call: "call",
}


def _reads_anything(node: tree.Node) -> bool:
    """Whether the value is not known before the message: Python itself warns of `1 is None`."""
    return any(isinstance(part, tree.Data | tree.Call) for part in parts_of(node))


def _kind_of(value: Any) -> tree.Kind | None:
    if value is None:
        return "null"
    kinds: dict[type, tree.Kind] = {bool: "bool", int: "number", float: "float", str: "text"}
    return kinds.get(type(value))


def _constant_key(key: tree.Node) -> PathKey | None:
    if isinstance(key, tree.Constant) and type(key.value) in {str, int}:
        return key.value  # type: ignore[no-any-return]
    return None


def _sum_kind(left: tree.Kind, right: tree.Kind) -> tree.Kind:
    if left in tree.NUMBERS and right in tree.NUMBERS:
        return "float" if "float" in (left, right) else "number"
    return left if left == right and left in {"text", "list"} else "any"


def _shown(node: tree.Node) -> str:
    words = node.span.words
    return words if len(words) <= 40 else words[:37] + "..."
