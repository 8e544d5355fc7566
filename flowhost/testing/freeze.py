"""Payloads that refuse to be changed, to find transforms that change what they were given."""

from __future__ import annotations

from typing import Any, NoReturn

from flowhost.errors import MessageError
from flowhost.sdk import Message


def _refuse(*_args: object, **_kwargs: object) -> NoReturn:
    raise MessageError("this node tried to change the payload it was given; other branches share it: build a new one")


class FrozenDict(dict[Any, Any]):
    """A dict that refuses changes."""

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse


class FrozenList(list[Any]):
    """A list that refuses changes."""

    __setitem__ = __delitem__ = append = clear = extend = insert = pop = remove = reverse = sort = _refuse
    __iadd__ = __imul__ = _refuse


def freeze(value: Any) -> Any:
    """The value with all objects and lists inside frozen; equal to the original."""
    if isinstance(value, dict):
        return FrozenDict({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list):
        return FrozenList(freeze(item) for item in value)
    return value


def freeze_message(message: Message) -> Message:
    """The message with a frozen payload."""
    return message.with_payload(freeze(message.payload))
