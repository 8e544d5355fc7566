"""What this plugin brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowhost.sdk import Connection, Function, Node, hookimpl
from flowhost_http.connection import HttpClient
from flowhost_http.sink_request import HttpRequest
from flowhost_http.sink_send import HttpSend
from flowhost_http.values import url_part


@hookimpl
def flowhost_node_types() -> Sequence[type[Node[Any]]]:
    """Node types of this plugin."""
    return (HttpRequest, HttpSend)


@hookimpl
def flowhost_connection_types() -> Sequence[type[Connection[Any]]]:
    """Connection types of this plugin."""
    return (HttpClient,)


@hookimpl
def flowhost_functions() -> Sequence[Function]:
    """Functions for expressions."""
    return (Function(name="url_part", call=url_part, summary="A value as one part of an address: `/` becomes `%2F`."),)
