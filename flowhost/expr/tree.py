"""The checked tree of an expression: what the parser makes, the writer writes and the explainer walks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from flowhost.expr.scope import DataPath

Kind = Literal["any", "number", "float", "text", "bool", "list", "object", "null"]
"""What is known of a value before any message has been seen; `float` is a number that is certainly no int."""

NUMBERS = frozenset({"number", "float", "bool"})


@dataclass(frozen=True, slots=True)
class Span:
    """Where in the text something stands, and the words themselves."""

    column: int
    """1-based, in characters."""
    words: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal: number, text, true, false or null."""

    span: Span
    value: Any
    kind: Kind

    def children(self) -> tuple[Node, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Data:
    """A root name and the constant keys behind it."""

    span: Span
    path: DataPath
    kind: Kind = "any"

    def children(self) -> tuple[Node, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Item:
    """A look-up whose key or container is only known when the message is there."""

    span: Span
    container: Node
    key: Node
    kind: Kind = "any"

    def children(self) -> tuple[Node, ...]:
        return (self.container, self.key)


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of a text or list: `payload.name[0:3]`."""

    span: Span
    container: Node
    start: Node | None
    stop: Node | None
    kind: Kind = "any"

    def children(self) -> tuple[Node, ...]:
        return tuple(part for part in (self.container, self.start, self.stop) if part is not None)


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `+x`."""

    span: Span
    operator: str
    operand: Node
    kind: Kind = "number"

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic on two values."""

    span: Span
    operator: str
    left: Node
    right: Node
    kind: Kind

    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Compare:
    """A chain of comparisons: `0 < payload.value <= 100`."""

    span: Span
    first: Node
    rest: tuple[tuple[str, Node], ...]
    kind: Kind = "bool"

    def children(self) -> tuple[Node, ...]:
        return (self.first, *(operand for _, operand in self.rest))


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` or `or` over two or more values."""

    span: Span
    operator: str
    operands: tuple[Node, ...]
    kind: Kind

    def children(self) -> tuple[Node, ...]:
        return self.operands


@dataclass(frozen=True, slots=True)
class Not:
    """`not x`."""

    span: Span
    operand: Node
    kind: Kind = "bool"

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Choice:
    """`a if condition else b`."""

    span: Span
    condition: Node
    then: Node
    otherwise: Node
    kind: Kind

    def children(self) -> tuple[Node, ...]:
        return (self.condition, self.then, self.otherwise)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list; a tuple where it stands behind `in`."""

    span: Span
    items: tuple[Node, ...]
    is_tuple: bool
    kind: Kind = "list"

    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class Object:
    """A JSON object with constant field names."""

    span: Span
    fields: tuple[tuple[str, Node], ...]
    kind: Kind = "object"

    def children(self) -> tuple[Node, ...]:
        return tuple(value for _, value in self.fields)


@dataclass(frozen=True, slots=True)
class Call:
    """A registered function and its arguments."""

    span: Span
    name: str
    function: Callable[..., Any]
    arguments: tuple[Node, ...]
    named: tuple[tuple[str, Node], ...]
    kind: Kind
    is_extra: bool = False

    def children(self) -> tuple[Node, ...]:
        return (*self.arguments, *(value for _, value in self.named))


@dataclass(frozen=True, slots=True)
class Affine:
    """`convert` between two units known beforehand: `operand * factor + offset`."""

    span: Span
    operand: Node
    factor: float
    offset: float
    kind: Kind = field(default="float")

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


Node: TypeAlias = (
    Constant | Data | Item | Slice | Unary | Binary | Compare | Logic | Not | Choice | Sequence | Object | Call | Affine
)
