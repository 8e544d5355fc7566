"""How a plugin announces what it brings. Hooks only register types; no message ever passes through one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

from flowhost.sdk.connection import Connection
from flowhost.sdk.node import Node

PROJECT = "flowhost"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's hook implementations."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function for expressions.

    Attributes:
        name: as called in expressions.
        call: takes and returns JSON-like values; pure, fast, bounded.
        summary: one sentence for the help page.
    """

    name: str
    call: Callable[..., Any]
    summary: str = ""


class HookSpecs:
    """The hooks; all are synchronous and optional."""

    @hookspec
    def flowhost_node_types(self) -> Sequence[type[Node[Any]]]:
        """Node types this plugin brings."""
        raise NotImplementedError

    @hookspec
    def flowhost_connection_types(self) -> Sequence[type[Connection[Any]]]:
        """Connection types this plugin brings."""
        raise NotImplementedError

    @hookspec
    def flowhost_functions(self) -> Sequence[Function]:
        """Functions this plugin adds to expressions."""
        raise NotImplementedError
