"""Functions of numbers. Text is never taken for a number unless the user says so with number, int, float, decimal."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, TypeGuard

from flowhost.expr.values import NUMBER_TYPES, describe

_WHOLE = re.compile(r"[+-]?[0-9]{1,100}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:[0-9]{1,100}\.?[0-9]{0,100}|\.[0-9]{1,100})(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_MAX_DIGITS = 15
_MAX_EXPONENT = 1000


def is_number(value: Any) -> TypeGuard[int | float | Decimal]:
    return isinstance(value, NUMBER_TYPES) and not isinstance(value, bool)


def absolute(x: Any) -> Any:
    return abs(_checked("abs", x))


def floor(x: Any) -> int:
    whole: int = math.floor(_checked("floor", x))
    return whole


def ceil(x: Any) -> int:
    whole: int = math.ceil(_checked("ceil", x))
    return whole


def sqrt(x: Any) -> Any:
    _checked("sqrt", x)
    if x < 0:
        raise ValueError(f"sqrt(): {describe(x)} is negative")
    return x.sqrt() if isinstance(x, Decimal) else math.sqrt(x)


def rounded(x: Any, digits: Any = 0) -> Any:
    """Halves away from zero, judged by the digits a person sees: 2.675 to 2 decimals is 2.68."""
    _checked("round", x)
    if isinstance(digits, bool) or not isinstance(digits, int) or not -_MAX_DIGITS <= digits <= _MAX_DIGITS:
        raise ValueError(f"round(): decimals are a whole number from -{_MAX_DIGITS} to {_MAX_DIGITS}")
    if isinstance(x, int) and digits >= 0:
        return int(x)
    if isinstance(x, float):
        return _round_float(x, digits)
    exact = _half_up(Decimal(x), digits)
    return exact if isinstance(x, Decimal) and digits > 0 else int(exact)


def as_int(x: Any) -> int:
    """Decimals are cut off; text must hold a whole number."""
    if isinstance(x, str):
        found = number(x)
        if not isinstance(found, int):
            raise ValueError(f"int(): {describe(x)} is no whole number; write int(number(...)) to cut off decimals")
        return found
    return int(_checked("int", x))


def as_float(x: Any) -> float:
    return float(number(x) if isinstance(x, str) else _checked("float", x))


def advice(x: Any, words: str = "") -> str:
    """What to do where a number is needed and this is there; begins with a semicolon, empty where there is none.

    Args:
        x: the value.
        words: the expression it came from, as written, where that is known.
    """
    if not isinstance(x, str):
        return ""
    if _FLOAT.fullmatch(x.strip()):
        return f"; write number({words})" if words else "; write number(...) around it"
    return "; it holds no number: leave such messages out with a filter, or put a value of your own in its place"


def number(x: Any) -> Any:
    """Strict: a decimal point, an exponent, blanks around it; no group marks, no nan, no inf."""
    if is_number(x):
        return x
    if not isinstance(x, str):
        raise TypeError(f"number() takes text, got {describe(x)}")
    text = x.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _FLOAT.fullmatch(text):
        hint = "; write number(replace(x, ',', '.'))" if "," in text else ""
        raise ValueError(f"number(): {describe(x)} holds no number{hint}")
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"number(): {describe(x)} is too large")
    return value


def decimal(x: Any) -> Decimal:
    """Floats by the digits a person sees, so 0.1 becomes exactly 0.1."""
    if isinstance(x, str):
        text = x.strip()
        if not _FLOAT.fullmatch(text):
            raise ValueError(f"decimal(): {describe(x)} holds no number")
        return Decimal(text)
    _checked("decimal", x)
    return Decimal(repr(x)) if isinstance(x, float) else Decimal(x)


def largest(first: Any, *others: Any) -> Any:
    return max(_values("max", first, others))


def smallest(first: Any, *others: Any) -> Any:
    return min(_values("min", first, others))


def total(x: Any) -> Any:
    return sum(_numbers("sum", x))


def mean(x: Any) -> Any:
    found = _numbers("mean", x)
    if not found:
        raise ValueError("mean(): the list is empty")
    return sum(found) / len(found)


def _checked(name: str, x: Any) -> Any:
    """The number, if it is one of sane size: whole numbers of a Decimal such as 1E+999999 would fill the memory."""
    if not isinstance(x, NUMBER_TYPES):
        raise TypeError(f"{name}() takes a number, got {describe(x)}")
    if isinstance(x, float):
        if not math.isfinite(x) and name in {"floor", "ceil", "round", "int", "decimal"}:
            raise ValueError(f"{name}(): {describe(x)} has no such value")
    elif isinstance(x, Decimal) and (not x.is_finite() or x.adjusted() > _MAX_EXPONENT):
        raise ValueError(f"{name}(): {describe(x)} is too large")
    return x


def _round_float(x: float, digits: int) -> float | int:
    scaled = x * 10.0**digits
    if abs(abs(scaled - math.trunc(scaled)) - 0.5) > 1e-6 and abs(scaled) < 1e9:
        result = round(x, digits)
    else:
        result = float(_half_up(Decimal(repr(x)), digits))
    return result if digits > 0 else int(result)


def _half_up(x: Decimal, digits: int) -> Decimal:
    """At the edge of 28 digits there is nothing left to round."""
    try:
        return x.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        return x


def _values(name: str, first: Any, others: tuple[Any, ...]) -> Any:
    if others:
        return (first, *others)
    if not isinstance(first, list | tuple):
        raise TypeError(f"{name}() takes two or more values or one list, got {describe(first)}")
    if not first:
        raise ValueError(f"{name}(): the list is empty")
    return first


def _numbers(name: str, x: Any) -> Any:
    if not isinstance(x, list | tuple):
        raise TypeError(f"{name}() takes a list, got {describe(x)}")
    for place, value in enumerate(x):
        if not isinstance(value, NUMBER_TYPES):
            raise TypeError(f"{name}(): item {place} is {describe(value)}, not a number")
    return x
