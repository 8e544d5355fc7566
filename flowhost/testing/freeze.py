"""Payloads that refuse to be changed, to find transforms that change what they were given."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NoReturn

from flowhost.errors import MessageError
from flowhost.sdk import Message


def _refuse(*_args: object, **_kwargs: object) -> NoReturn:
    raise MessageError("this node tried to change the payload it was given; other branches share it: build a new one")


class FrozenDict(dict[Any, Any]):
    """A dict that refuses changes; a copy of it is a plain one, for a transform that builds its own."""

    def __copy__(self) -> dict[Any, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[Any, Any]:
        return {deepcopy(key, memo): deepcopy(item, memo) for key, item in self.items()}

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse


class FrozenList(list[Any]):
    """A list that refuses changes; a copy of it is a plain one."""

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [deepcopy(item, memo) for item in self]

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
