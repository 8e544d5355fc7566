"""Transforms that give the compiler code instead of a callable.

Neighbouring inline transforms become one generated function in which the messages between them are local variables.
Meant for small, pure, synchronous logic; everything else is a `Transform`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from flowhost.sdk.config import Expression, Template
from flowhost.sdk.node import C
from flowhost.sdk.state import Remembering


class CodeWriter(Protocol):
    """Writes one node's part of a generated function.

    Everything returned as text is Python source that is valid at this point of the function. Source text must never be
    built from config values: bind them. A variable is assigned once: its name may stand for its value from then on.
    """

    def evaluate(self, expression: Expression) -> str:
        """Source of the expression's value for the current message."""
        ...

    def render(self, template: Template) -> str:
        """Source of the template's text for the current message."""
        ...

    def payload(self) -> str:
        """Source of the current payload."""
        ...

    def field(self, name: str) -> str:
        """Source of one field of an object payload."""
        ...

    def meta(self, name: str) -> str:
        """Source of one meta field: topic, time_ns, quality, status, unit, key, id or headers."""
        ...

    def bind(self, value: Any, hint: str = "value") -> str:
        """Name under which the object is visible to the generated function."""
        ...

    def local(self, hint: str = "v") -> str:
        """A fresh local variable name."""
        ...

    def state(self) -> str:
        """Name of this node's state: a dict of state per key (text), kept and saved by the engine.

        A key's state (`flowhost.sdk.State`) is saved when it is assigned or deleted: never change it in place.
        """
        ...

    def line(self, text: str) -> None:
        """Add a line at the current depth."""
        ...

    def block(self, head: str) -> AbstractContextManager[None]:
        """Add `head:` and indent what follows."""
        ...

    def drop(self) -> None:
        """The current message ends here, filtered on purpose."""
        ...

    def set_payload(self, source: str) -> None:
        """From here on the payload is this value (evaluated once)."""
        ...

    def set_fields(self, fields: Mapping[str, str]) -> None:
        """From here on the payload is an object of these fields (each source is evaluated once, here)."""
        ...

    def update_fields(self, fields: Mapping[str, str]) -> None:
        """From here on these fields of the object payload have these values; its other fields stay.

        A payload that is no object fails here, as this node's error.
        """
        ...

    def set_meta(self, **sources: str) -> None:
        """From here on these meta fields have these values."""
        ...

    def send(self, port: str) -> None:
        """Send the current message on by this port. Only in nodes with ports other than `out`."""
        ...


class InlineTransform(Remembering[C]):
    """A transform whose logic is generated code.

    A message that reaches the end of the written code goes on by port `out`; `drop` ends it. Nodes with other ports
    end every path with `send` or `drop`.
    """

    def write_code(self, writer: CodeWriter) -> None:
        """Write this node's part of the function. Raising inside generated code concerns one message only."""
        raise NotImplementedError
