"""How compiled expressions meet their surroundings: names of data, and where generated code finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

PathKey: TypeAlias = str | int
DataPath: TypeAlias = tuple[PathKey, ...]
"""Root name, then constant keys: `payload.tags[0]` is `("payload", "tags", 0)`."""

ROOTS = ("payload", "topic", "time", "quality", "unit", "key", "id", "headers")
"""Names an expression may use."""


class MetaLike(Protocol):
    """The part of a message's meta that expressions see."""

    @property
    def topic(self) -> str: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def quality(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def headers(self) -> dict[str, str]: ...


class Scope(Protocol):
    """Where generated code finds data."""

    def path(self, path: DataPath) -> str:
        """Python source for the value at this path.

        The source may raise KeyError, IndexError or TypeError when the data lacks it; it must be an atom or in
        parentheses, so that it can stand anywhere.
        """
        ...

    def bind(self, value: Any, hint: str = "value") -> str:
        """Name under which the object is visible to the generated code."""
        ...


Functions: TypeAlias = "dict[str, Callable[..., Any]]"
