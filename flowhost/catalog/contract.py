"""The contract a plugin's types must keep, checked when it is loaded: a breach is found at start, not at night."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from flowhost.errors import PluginError
from flowhost.expr import BUILTINS
from flowhost.sdk import (
    AsyncTransform,
    Config,
    Connection,
    ConnectionSpec,
    ConnectionTest,
    Function,
    InlineTransform,
    MessageTransform,
    Node,
    NodeSpec,
    Sink,
    Source,
    StatefulTransform,
    Transform,
)

KINDS: tuple[type[Node[Any]], ...] = (Source, Transform, AsyncTransform, StatefulTransform, InlineTransform, Sink)

_OWN_PART: dict[type[Any], str] = {
    Source: "run",
    MessageTransform: "process_one",
    Transform: "process",
    AsyncTransform: "process",
    StatefulTransform: "process",
    InlineTransform: "write_code",
    Sink: "write",
}
"""What a type of this kind must write itself; the narrowest kind counts."""

_PORT = re.compile(r"[a-z][a-z0-9_]*")


def check_node_type(node_type: Any) -> None:
    """Refuse a class that is no node type.

    Raises:
        PluginError: names the class, what is missing and what to write.
    """
    name = _class_name(node_type, Node, "flowhost_node_types")
    kinds = [kind for kind in KINDS if issubclass(node_type, kind)]
    if len(kinds) != 1:
        bases = ", ".join(kind.__name__ for kind in KINDS)
        raise PluginError(f"{name} must be derived from one of {bases}, not from {len(kinds)} of them")
    _check_spec(node_type, name, NodeSpec)
    _check_config(node_type, name)
    _check_ports(node_type, name, kinds[0])
    _check_own_part(node_type, name)
    _check_remedies(node_type, name, kinds[0])
    _check_methods(node_type, name, kinds[0])


def check_connection_type(connection_type: Any) -> None:
    """Refuse a class that is no connection type.

    Raises:
        PluginError: names the class, what is missing and what to write.
    """
    name = _class_name(connection_type, Connection, "flowhost_connection_types")
    _check_spec(connection_type, name, ConnectionSpec)
    _check_config(connection_type, name)
    _check_methods(connection_type, name, Connection)
    if hasattr(connection_type, "test"):
        _check_methods(connection_type, name, ConnectionTest)


def check_function(function: Any) -> None:
    """Refuse what cannot be called in expressions.

    Raises:
        PluginError: names the function and what is wrong.
    """
    if not isinstance(function, Function):
        raise PluginError(f"flowhost_functions gave {function!r}; it gives flowhost.sdk.Function values")
    if not function.name.isidentifier() or not callable(function.call):
        raise PluginError(f"function {function.name!r} needs a plain name and something to call")
    if inspect.iscoroutinefunction(function.call):
        raise PluginError(f"function {function.name!r} is async; functions of expressions are plain functions")
    if function.name in BUILTINS:
        raise PluginError(f"function {function.name!r} is built in; choose another name")


def _class_name(found: Any, base: type[Any], hook: str) -> str:
    if not isinstance(found, type) or not issubclass(found, base):
        raise PluginError(f"{hook} gave {found!r}; it gives classes derived from flowhost.sdk.{base.__name__}")
    return found.__qualname__


def _check_spec(found: Any, name: str, spec_class: type[Any]) -> None:
    if not isinstance(getattr(found, "spec", None), spec_class):
        raise PluginError(f"{name} has no spec; write 'spec = {spec_class.__name__}(id=..., title=..., ...)' in it")


def _check_config(found: Any, name: str) -> None:
    config = getattr(found, "Config", None)
    if not isinstance(config, type) or not issubclass(config, Config):
        raise PluginError(f"{name} has no Config; write 'Config = ...' with a class derived from flowhost.sdk.Config")
    settings = config.model_config
    if settings.get("extra") != "forbid" or not settings.get("frozen"):
        raise PluginError(f"{name}.Config must stay frozen and refuse unknown keys; remove its own model_config")


def _check_ports(node_type: type[Node[Any]], name: str, kind: type[Any]) -> None:
    seen = set()
    for port in node_type.spec.ports:
        if not _PORT.fullmatch(port.name) or port.name == "error" or port.name in seen:
            raise PluginError(
                f"{name} has a port {port.name!r}; names are a-z, 0-9, '_', stand once and are not 'error'"
            )
        if kind is Sink and port.required:
            raise PluginError(
                f"{name} is a sink whose port {port.name!r} must be wired; write 'ports=()', "
                "or 'Port(name=..., required=False)' where it answers"
            )
        seen.add(port.name)


def _check_remedies(node_type: type[Node[Any]], name: str, kind: type[Any]) -> None:
    questions = [method for method, own in _methods(kind).items() if isinstance(own, classmethod)]
    for question in node_type.remedies:
        if question not in questions:
            raise PluginError(f"{name}.remedies names {question!r}; a {kind.__name__} is asked {', '.join(questions)}")


def _check_own_part(node_type: type[Any], name: str) -> None:
    kind = next(base for base in node_type.__mro__ if base in _OWN_PART)
    method = _OWN_PART[kind]
    if getattr(node_type, method) is getattr(kind, method):
        raise PluginError(f"{name} is a {kind.__name__} without '{method}'; write it")


def _check_methods(found: type[Any], name: str, base: type[Any]) -> None:
    """Every method of the contract is async where the contract is, and plain where it is not."""
    for method, declared in _methods(base).items():
        own = inspect.getattr_static(found, method)
        if isinstance(declared, classmethod) != isinstance(own, classmethod):
            must = "must" if isinstance(declared, classmethod) else "must not"
            raise PluginError(f"{name}.{method} {must} be a classmethod")
        own = inspect.unwrap(getattr(found, method))
        if not callable(own):
            raise PluginError(f"{name}.{method} must be a method")
        expected = inspect.iscoroutinefunction(getattr(base, method))
        if inspect.isasyncgenfunction(own) or inspect.isgeneratorfunction(own):
            raise PluginError(f"{name}.{method} must not 'yield'; it returns its result")
        if inspect.iscoroutinefunction(own) != expected:
            right, wrong = ("async def", "def") if expected else ("def", "async def")
            raise PluginError(f"{name}.{method} is '{wrong} {method}'; the contract says '{right} {method}'")


def _methods(base: type[Any]) -> dict[str, Callable[..., Any] | classmethod[Any, Any, Any]]:
    found: dict[str, Any] = {}
    for owner in reversed(base.__mro__):
        if owner.__module__.startswith("flowhost.sdk"):
            public = {key: value for key, value in vars(owner).items() if not key.startswith("_")}
            found |= {key: value for key, value in public.items() if isinstance(value, classmethod) or callable(value)}
    return {key: value for key, value in found.items() if not isinstance(value, type)}
