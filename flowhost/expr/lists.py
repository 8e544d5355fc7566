"""Functions of lists, objects and missing values."""

from __future__ import annotations

import re
from typing import Any

from flowhost.expr.values import describe

_STEP = re.compile(r"\.|\[(\d+)\]")
_MISSING = object()
_LISTS = (list, tuple)


def get(x: Any, path: Any, default: Any = None) -> Any:
    """Dots go into objects, `[0]` or `.0` into lists; a field whose own name holds the dots wins."""
    found = _find(x, path, "get")
    return default if found is _MISSING else found


def has(x: Any, path: Any) -> bool:
    return _find(x, path, "has") is not _MISSING


def coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def contains(x: Any, part: Any) -> bool:
    if isinstance(x, str) and not isinstance(part, str):
        raise TypeError(f"contains(): {describe(part)} cannot be part of text; write text(...) around it")
    if isinstance(x, str | list | tuple):
        return part in x
    if isinstance(x, dict):
        return isinstance(part, str | int) and part in x
    raise TypeError(f"contains() takes text, a list or an object, got {describe(x)}")


def keys(x: Any) -> list[Any]:
    if not isinstance(x, dict):
        raise TypeError(f"keys() takes an object, got {describe(x)}")
    return list(x)


def length(x: Any) -> int:
    if not isinstance(x, str | list | tuple | dict | bytes):
        raise TypeError(f"len() takes text, a list or an object, got {describe(x)}")
    return len(x)


def is_list(x: Any) -> bool:
    return isinstance(x, _LISTS)


def is_object(x: Any) -> bool:
    return isinstance(x, dict)


def is_null(x: Any) -> bool:
    return x is None


def _find(x: Any, path: Any, name: str) -> Any:
    if isinstance(path, int) and not isinstance(path, bool):
        return _step(x, path)
    if not isinstance(path, str):
        raise TypeError(f"{name}(): a path is text such as 'a.b', got {describe(path)}")
    if isinstance(x, dict) and path in x:
        return x[path]
    steps = (path,) if path.isidentifier() else _steps(path)
    for step in steps:
        x = _step(x, step)
        if x is _MISSING:
            return _MISSING
    return x


def _step(x: Any, step: str | int) -> Any:
    if isinstance(x, dict):
        return x.get(step, _MISSING)
    if isinstance(x, _LISTS) and (isinstance(step, int) or step.isdecimal()):
        place = int(step)
        return x[place] if -len(x) <= place < len(x) else _MISSING
    return _MISSING


def _steps(path: str) -> list[str]:
    return [step for step in _STEP.split(path) if step]
