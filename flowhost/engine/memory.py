"""What nodes remember, by key, and which of it has changed since it was last asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from typing_extensions import override

from flowhost.engine.failure import Failure
from flowhost.engine.segment import Ported
from flowhost.sdk import State, Step


class Remembered(NamedTuple):
    """What a node remembers of a key.

    Attributes:
        key: text.
        state: of the key.
        held: messages that came and are neither passed on, used nor dropped yet.
        forgotten: the key has no state any more.
    """

    key: str
    state: State
    held: int = 0
    forgotten: bool = False


class Memory(Protocol):
    """What one node remembers.

    Attributes:
        node_id: id of the node.
    """

    node_id: str

    def take_changed(self) -> list[Remembered]:
        """Keys whose state was assigned or forgotten since the last call, as they are now."""
        ...

    def restore(self, remembered: Remembered) -> None:
        """Put back what was saved; that is no change."""
        ...

    def adopt(self, remembered: Remembered, step: Step, failures: list[Failure]) -> Ported:
        """Go on with what the node made of a state saved in another form; what it gives out because of that."""
        ...


class InlineMemory(dict[str, Any]):
    """State by key of a node that gives code: a dict that knows which keys were assigned or deleted (`Memory`)."""

    def __init__(self, node_id: str) -> None:
        super().__init__()
        self.node_id = node_id
        self._changed: dict[str, None] = {}

    def take_changed(self) -> list[Remembered]:
        """Keys assigned or deleted since the last call."""
        changed, self._changed = self._changed, {}
        return [Remembered(key, self.get(key), 0, key not in self) for key in changed]

    def restore(self, remembered: Remembered) -> None:
        """Put back what was saved."""
        super().__setitem__(remembered.key, remembered.state)

    def adopt(self, remembered: Remembered, step: Step, failures: list[Failure]) -> Ported:  # noqa: ARG002 - as Memory
        """Go on with the state; a node that gives code gives out nothing by itself."""
        if step.state is None:
            self._changed[remembered.key] = None
        else:
            self[remembered.key] = step.state
        return []

    @override
    def __setitem__(self, key: str, value: Any) -> None:
        self._changed[key] = None
        super().__setitem__(key, value)

    @override
    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed[key] = None

    @override
    def pop(self, key: str, *default: Any) -> Any:
        """As a dict does."""
        self._changed[key] = None
        return super().pop(key, *default)

    @override
    def popitem(self) -> tuple[str, Any]:
        """As a dict does."""
        key, value = super().popitem()
        self._changed[key] = None
        return key, value

    @override
    def setdefault(self, key: str, default: Any = None) -> Any:
        """As a dict does."""
        if key not in self:
            self[key] = default
        return self[key]

    @override
    def update(self, *args: Any, **kwargs: Any) -> None:
        """As a dict does."""
        self._set_all(dict(*args, **kwargs).items())

    @override
    def __ior__(self, other: Any) -> InlineMemory:  # type: ignore[override]
        self._set_all(dict(other).items())
        return self

    @override
    def clear(self) -> None:
        """As a dict does."""
        self._changed.update(dict.fromkeys(self))
        super().clear()

    def _set_all(self, items: Iterable[tuple[str, Any]]) -> None:
        for key, value in items:
            self[key] = value
