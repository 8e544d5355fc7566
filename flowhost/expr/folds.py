"""What a window keeps of its messages: a short list per aggregate, replaced with every message, never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, TypeAlias

from flowhost.expr.numbers import advice
from flowhost.expr.values import describe

State: TypeAlias = "list[Any]"
"""Number of messages, then the values kept."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One aggregate.

    Attributes:
        name: as called.
        summary: for the help page.
        kept: the values kept before the first message.
        step: values kept and the new one, to the values kept from then on; the first message has no values before it.
        result: count and values kept, to the aggregate.
    """

    name: str
    summary: str
    kept: tuple[Any, ...]
    step: Callable[[list[Any], Any, bool], list[Any]]
    result: Callable[[int, list[Any]], Any]

    @property
    def start(self) -> State:
        return [0, *self.kept]

    def add(self, state: State, value: Any) -> State:
        """The state with one more value in it.

        Raises:
            TypeError: the value cannot be aggregated.
        """
        kept = [_unpacked(each) for each in state[1:]]
        count = state[0] + (value is True if self.name == "count" else 1)
        return [count, *map(_packed, self.step(kept, value, not state[0]))]

    def finish(self, state: State) -> Any:
        return self.result(state[0], [_unpacked(each) for each in state[1:]])


_DECIMAL = "$decimal"


def _packed(value: Any) -> Any:
    """JSON and msgpack know no exact decimals; as an object they come back as what they were."""
    return {_DECIMAL: str(value)} if isinstance(value, Decimal) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_DECIMAL), str):
        try:
            return Decimal(value[_DECIMAL])
        except InvalidOperation:  # a payload that looks like ours
            return value
    return value


def _number(value: Any) -> Any:
    if not isinstance(value, int | float | Decimal):
        hint = advice(value)
        raise TypeError(f"{describe(value)} is not a number{hint}")
    return value


def _add_up(kept: list[Any], value: Any, is_first: bool) -> list[Any]:
    if {type(value), type(kept[0])} == {float, Decimal}:
        raise TypeError("exact decimals and floats do not mix; write float(...) or decimal(...)")
    return [_number(value) if is_first else kept[0] + _number(value)]


def _keep_ordered(kept: list[Any], value: Any, is_first: bool, *, larger: bool) -> list[Any]:
    if value is None:
        raise TypeError("null has no order")
    if is_first or (value > kept[0] if larger else value < kept[0]):
        return [value]
    return kept


def _smaller(kept: list[Any], value: Any, is_first: bool) -> list[Any]:
    return _keep_ordered(kept, value, is_first, larger=False)


def _larger(kept: list[Any], value: Any, is_first: bool) -> list[Any]:
    return _keep_ordered(kept, value, is_first, larger=True)


def _ends(kept: list[Any], value: Any, is_first: bool) -> list[Any]:
    return [_number(value) if is_first else kept[0], _number(value)]


def _condition(kept: list[Any], value: Any, is_first: bool) -> list[Any]:  # noqa: ARG001 - all steps are called alike
    if not isinstance(value, bool):
        raise TypeError(f"the condition gives {describe(value)}, not true or false")
    return kept


def _only(count: int, kept: list[Any]) -> Any:
    return kept[0] if count else None


_TABLE = (
    Fold("first", "Of the first message.", (None,), lambda kept, value, first: [value] if first else kept, _only),
    Fold("last", "Of the last message.", (None,), lambda _kept, value, _first: [value], _only),
    Fold("min", "The smallest.", (None,), _smaller, _only),
    Fold("max", "The largest.", (None,), _larger, _only),
    Fold("sum", "All added up.", (0,), _add_up, lambda _count, kept: kept[0]),
    Fold("mean", "The arithmetic mean.", (0,), _add_up, lambda count, kept: kept[0] / count if count else None),
    Fold("delta", "Last minus first: consumption from a meter.", (None, None), _ends,
         lambda count, kept: kept[1] - kept[0] if count else None),
    Fold("count", "How many messages, or how many for which the condition is true.", (), _condition,
         lambda count, _kept: count),
)  # fmt: skip

FOLDS: Mapping[str, Fold] = MappingProxyType({**{fold.name: fold for fold in _TABLE}, "avg": _TABLE[5]})
"""Every aggregate by name."""
