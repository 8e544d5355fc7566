"""What generated code calls where plain Python would do too much: power, look-ups with unknown keys, parts."""

from __future__ import annotations

import operator
from typing import Any

from flowhost.expr.values import NUMBER_TYPES

INT_BITS = 4096
"""Whole numbers an expression may make by raising to a power."""

TEXT_LIMIT = 1_000_000
"""Characters or items a function may make of smaller ones."""

_CONTAINERS = (dict, list, str, bytes, tuple)
_SEQUENCES = (list, str, bytes, tuple)
_KEYS = (str, int)


def power(base: Any, exponent: Any) -> Any:
    """`base ** exponent` with a bounded result.

    Raises:
        TypeError: not numbers, or Decimal with float.
        ValueError: the result would be too large, or no real number.
    """
    if not isinstance(base, NUMBER_TYPES) or not isinstance(exponent, NUMBER_TYPES):
        raise TypeError("** takes two numbers")
    if isinstance(base, int) and isinstance(exponent, int) and _power_bits(base, exponent) > INT_BITS:
        raise ValueError(f"the power is too large: more than {INT_BITS} bits")
    result = operator.pow(base, exponent)
    if isinstance(result, complex):
        raise ValueError("a negative number has no real root")
    return result


def _power_bits(base: int, exponent: int) -> int:
    """An upper bound; 0, 1 and -1 never grow."""
    return base.bit_length() * abs(exponent) if abs(base) > 1 else 0


def item(container: Any, key: Any) -> Any:
    """`container[key]` on plain data alone: objects, lists, text and bytes.

    Raises:
        KeyError, IndexError: not there.
        TypeError: nothing to look into, or no usable key.
    """
    if not isinstance(container, _CONTAINERS):
        raise TypeError("fields and positions exist in objects, lists and text only")
    if isinstance(key, bool) or not isinstance(key, _KEYS):
        raise TypeError("a key is a field name or a position")
    return container[key]  # type: ignore[index]  # the wrong pair raises TypeError, which is explained


def part(container: Any, start: Any, stop: Any) -> Any:
    """`container[start:stop]` on text, lists and bytes.

    Raises:
        TypeError: nothing to cut, or positions that are no whole numbers.
    """
    if not isinstance(container, _SEQUENCES):
        raise TypeError("only text and lists can be cut with [from:to]")
    for position in (start, stop):
        if position is not None and (isinstance(position, bool) or not isinstance(position, int)):
            raise TypeError("positions in [from:to] are whole numbers")
    return container[start:stop]
