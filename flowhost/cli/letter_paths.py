"""`lines[0].qty=5`: changes of single fields of a JSON text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from flowhost.errors import ConfigError

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def set_at(text: str, changes: Sequence[str]) -> str:
    """The text with fields changed. Raises `ConfigError` that names the change.

    A field that is missing is added to its object; a value that is no JSON is taken as text.
    """
    root: Any = {"payload": json.loads(text) if text else {}}
    for change in changes:
        path, equals, value = change.partition("=")
        if not equals or not path:
            raise ConfigError("write a path and a value, for example qty=5 or lines[0].qty=5", change)
        _set(root, ["payload", *_steps(path)], _value(value), change)
    return json.dumps(root["payload"], indent=2, ensure_ascii=False)


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise ConfigError(f"{path[at:]!r} is no part of a path such as lines[0].qty", path)
        steps.append(found[1] if found[1] is not None else int(found[2]))
        at = found.end()
    return steps


def _set(root: Any, steps: Sequence[str | int], value: Any, change: str) -> None:
    target = root
    for step in steps[:-1]:
        target = _inner(target, step, change)
    last = steps[-1]
    if isinstance(last, int):
        _inner(target, last, change)
    elif not isinstance(target, dict):
        raise ConfigError(f"what {last!r} would be a field of is no object", change)
    target[last] = value


def _inner(target: Any, step: str | int, change: str) -> Any:
    try:
        if isinstance(step, int) == isinstance(target, list):
            return target[step]
    except (KeyError, IndexError):
        pass
    raise ConfigError(f"there is no {step!r} in the payload on the way to it", change)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
