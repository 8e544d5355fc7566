"""What can be known of a call before it runs: whether the arguments fit, whether a unit is one."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

from flowhost.expr.functions import BUILTINS


def signature_problem(name: str, function: Callable[..., Any], node: ast.Call) -> str:
    """What is wrong with number and names of the arguments; empty where they fit or nothing can be known."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(*node.args, **{keyword.arg or "": None for keyword in node.keywords})
    except TypeError as error:
        builtin = BUILTINS.get(name)
        is_builtin = builtin is not None and builtin.call is function
        shown = builtin.signature if builtin and is_builtin else f"{name}({', '.join(signature.parameters)})"
        return f"{error}: write {shown}"
    return ""


def unit_problem(unit: Any) -> str:
    """Why this is no unit; empty where it is one."""
    from flowhost.expr.units import check

    if not isinstance(unit, str):
        return "a unit is text in quotes, such as 'Cel'"
    try:
        check(unit)
    except ValueError as error:
        return str(error)
    return ""
