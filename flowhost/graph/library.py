"""What lint and engine need to know of the installed node and connection types; the catalog provides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from flowhost.sdk import Connection, Node


class NodeLibrary(Protocol):
    """Installed types by id."""

    @property
    def nodes(self) -> Mapping[str, type[Node[Any]]]:
        """Node types by type id."""
        ...

    @property
    def connections(self) -> Mapping[str, type[Connection[Any]]]:
        """Connection types by type id."""
        ...

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """Functions plugins add to expressions, by name."""
        ...
