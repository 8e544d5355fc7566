"""Writes the source of one generated function out of a chain of inline transforms.

The function takes an iterator of messages and one `append` per output port, runs every message through all nodes and
returns how many messages each node dropped. Between nodes a message is local variables; a Message is made at the end,
and only if something changed. Lines remember their node, so that a failure names its node without any bookkeeping on
the fast path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flowhost.errors import MessageError
from flowhost.expr import DataPath
from flowhost.expr.times import iso_time
from flowhost.sdk import Expression, Message, Meta, Template

META_FIELDS = ("topic", "time_ns", "quality", "status", "unit", "key", "id", "headers", "letter")
_INDENT = " "
TOP_DEPTH = 2


class SegmentWriter:
    """Implements `flowhost.sdk.CodeWriter` for a chain of nodes.

    Args:
        ports: output ports of the chain's last node that are wired; anything sent elsewhere counts as filtered.
        traced: also keep the last message leaving each node, for screens.
    """

    def __init__(self, ports: Sequence[str], *, traced: bool = False) -> None:
        self.bindings: dict[str, Any] = {"_M": Message, "_Meta": Meta}
        self.places: list[NodePlace] = []
        self._ports = {port: f"_o{index}" for index, port in enumerate(ports)}
        self._traced = traced
        self._lines: list[str] = []
        self._depth = TOP_DEPTH
        self._names = 0
        self._view = View(self)

    # -- driven by the segment

    def begin_node(self, node_id: str, state: dict[str, Any]) -> None:
        """From here on lines belong to this node."""
        self.places.append(NodePlace(node_id, len(self._lines), self._view.freeze(), state))

    def end_node(self) -> None:
        """The node's code is complete; its message goes on."""
        if self._traced:
            self.line(f"_x{len(self.places) - 1} = {self._view.message()}")

    def source(self, name: str) -> str:
        """The whole function."""
        count = len(self.places)
        self.places[-1].last_line = len(self._lines)
        parameters = ["_it", *self._ports.values(), *(f"{n}={n}" for n in self.bindings)]
        dropped = "".join(f"_f{index}," for index in range(count))
        head = [f"def {name}({', '.join(parameters)}):", " " + " = ".join(f"_f{i}" for i in range(count)) + " = 0"]
        tail = f" return ({dropped})"
        if self._traced:
            head.append(" " + " = ".join(f"_x{i}" for i in range(count)) + " = None")
            tail = f" return ({dropped}), ({''.join(f'_x{i},' for i in range(count))})"
        self.offset = len(head) + 2 + len(self._prelude())
        return "\n".join([*head, " for _m in _it:", *self._prelude(), *self._lines, tail, ""])

    def at_top(self) -> bool:
        """Whether a line written now runs for every message that comes this far."""
        return self._depth == TOP_DEPTH

    def finish(self, port: str | None) -> None:
        """End of the chain: hand the message to the port a plain chain ends with."""
        if port is not None:
            self.send(port)

    def _prelude(self) -> list[str]:
        return ["  _p = _m.payload", "  _e = _m.meta"]

    # -- the CodeWriter that nodes see

    def evaluate(self, expression: Expression) -> str:
        """Source of the expression's value."""
        self.places[-1].expressions.append(expression)
        return expression.compiled.source(self._view)

    def render(self, template: Template) -> str:
        """Source of the template's text."""
        self.places[-1].expressions.append(template)
        return template.compiled.source(self._view)

    def payload(self) -> str:
        """Source of the current payload."""
        return self._view.payload()

    def field(self, name: str) -> str:
        """Source of one field of an object payload."""
        self.places[-1].fields.append(name)
        return self._view.path(("payload", name))

    def meta(self, name: str) -> str:
        """Source of one meta field."""
        return self._view.meta(name)

    def bind(self, value: Any, hint: str = "value") -> str:
        """Make an object visible to the function."""
        name = f"_b{len(self.bindings)}_{hint if hint.isidentifier() else 'value'}"
        self.bindings[name] = value
        return name

    def local(self, hint: str = "v") -> str:
        """A fresh local variable name."""
        self._names += 1
        return f"{hint if hint.isidentifier() else 'v'}_{self._names}"

    def state(self) -> str:
        """Name of this node's state by key."""
        self.places[-1].remembers = True
        return self.bind(self.places[-1].state, "state")

    def line(self, text: str) -> None:
        """Add a line."""
        self._lines.append(_INDENT * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add a head and indent what follows."""
        self.line(f"{head}:")
        self._depth += 1
        before = len(self._lines)
        yield
        if len(self._lines) == before:
            self.line("pass")
        self._depth -= 1

    def drop(self) -> None:
        """The message ends here on purpose."""
        self.line(f"_f{len(self.places) - 1} += 1")
        self.line("continue")

    def set_payload(self, source: str) -> None:
        """Another payload from here on."""
        self._view.set_payload(self._held(source, "p"))

    def set_fields(self, fields: Mapping[str, str]) -> None:
        """An object payload whose fields are local variables from here on."""
        self._view.set_fields({field: self._held(source, "v") for field, source in fields.items()})

    def update_fields(self, fields: Mapping[str, str]) -> None:
        """Some fields of an object payload are local variables from here on."""
        names = {field: self._held(source, "v") for field, source in fields.items()}
        base = self._view.base()
        if base is not None:
            self.line(f"if {base}.__class__ is not dict: {self.bind(require_object, 'require_object')}({base})")
        self._view.update_fields(names)

    def set_meta(self, **sources: str) -> None:
        """Other meta fields from here on."""
        for field, source in sources.items():
            self._view.set_meta(field, self._held(source, field))

    def _held(self, source: str, hint: str) -> str:
        """A variable with the value; the source itself if it is one already."""
        if source.isidentifier():
            return source
        name = self.local(hint)
        self.line(f"{name} = {source}")
        return name

    def send(self, port: str) -> None:
        """Hand the current message to a port."""
        appender = self._ports.get(port)
        if appender is None:
            self.line(f"_f{len(self.places) - 1} += 1")
        else:
            self.line(f"{appender}({self._view.message()})")


class NodePlace:
    """Which lines belong to a node, and how its input can be rebuilt from the function's variables."""

    def __init__(self, node_id: str, first_line: int, inputs: tuple[str, str], state: dict[str, Any]) -> None:
        self.node_id = node_id
        self.first_line = first_line
        self.last_line = -1
        self.input_message, self.input_pair = inputs
        self.state = state
        self.remembers = False
        self.expressions: list[Expression | Template] = []
        self.fields: list[str] = []


class View:
    """Where the current message's data lies; implements `flowhost.expr.Scope`."""

    def __init__(self, writer: SegmentWriter) -> None:
        self._writer = writer
        self._payload = "_p"
        self._fields: dict[str, str] | None = None
        self._overlaid = False
        self._meta: dict[str, str] = {}
        self._read: dict[str, str] = {}
        self._changed = False
        self._iso: str | None = None

    def bind(self, value: Any, hint: str = "value") -> str:
        """Make an object visible to the function."""
        return self._writer.bind(value, hint)

    def path(self, path: DataPath) -> str:
        """Source of the data at this path."""
        root, *keys = path
        if root == "payload":
            base, rest = self._payload_at(keys)
        elif root == "time":
            base, rest = self._time(), keys
        else:
            base, rest = self.meta(str(root)), keys
        return base + "".join(f"[{key!r}]" for key in rest)

    def payload(self) -> str:
        """Source of the payload."""
        if self._fields is None:
            return self._payload
        base = [f"**{self._payload}"] if self._overlaid else []
        return "{" + ", ".join([*base, *(f"{field!r}: {name}" for field, name in self._fields.items())]) + "}"

    def base(self) -> str | None:
        """Variable of an object not made here, to which fields are added; None if all fields are known."""
        return self._payload if self._fields is None or self._overlaid else None

    def meta(self, name: str) -> str:
        """Source of a meta field; read once into a variable where that is certain to come first."""
        known = self._meta.get(name) or self._read.get(name)
        if known is None and self._writer.at_top():
            known = self._read[name] = self._writer.local(name)
            self._writer.line(f"{known} = _e.{name}")
        return known or f"_e.{name}"

    def message(self) -> str:
        """Source of the whole message; the very one that came in if nothing changed."""
        if not self._changed and not self._meta:
            return "_m"
        return f"_M({self.payload()}, {self._meta_source()})"

    def freeze(self) -> tuple[str, str]:
        """Sources of the message, and of the payload and meta, as they are here."""
        return self.message(), f"({self.payload()}, {self._meta_source()})"

    def set_payload(self, name: str) -> None:
        """The payload is this variable now."""
        self._payload, self._fields, self._overlaid, self._changed = name, None, False, True

    def set_fields(self, names: dict[str, str]) -> None:
        """The payload is an object of these variables now."""
        self._fields, self._overlaid, self._changed = names, False, True

    def update_fields(self, names: dict[str, str]) -> None:
        """These fields of the payload are variables now."""
        if self._fields is None:
            self._fields, self._overlaid = dict(names), True
        else:
            self._fields = {**self._fields, **names}
        self._changed = True

    def set_meta(self, field: str, name: str) -> None:
        """A meta field is this variable now."""
        self._meta[field] = name

    def _meta_source(self) -> str:
        if not self._meta:
            return "_e"
        read = {**self._read, **self._meta}
        return f"_Meta({', '.join(read.get(field, f'_e.{field}') for field in META_FIELDS)})"

    def _payload_at(self, keys: Sequence[str | int]) -> tuple[str, Sequence[str | int]]:
        if self._fields is None or not keys:
            return self.payload(), keys
        name = self._fields.get(keys[0]) if isinstance(keys[0], str) else None
        if name is not None:
            return name, keys[1:]
        if self._overlaid:
            return self._payload, keys
        # not among the fields: let the look-up fail as it would on the object itself
        return self.payload(), keys

    def _time(self) -> str:
        if self._iso is None:
            self._iso = self.bind(iso_time, "iso")
        return f"{self._iso}({self.meta('time_ns')})"


def require_object(payload: Any) -> None:
    """Fields can only be added to an object. Raises `MessageError`, unless it is a dict of another class."""
    if not isinstance(payload, dict):
        kind = "empty" if payload is None else f"a {type(payload).__name__}"
        raise MessageError(f"the payload is {kind}, not an object with fields; set all fields with `keep: false`")
