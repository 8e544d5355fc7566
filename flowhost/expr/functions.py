"""The functions expressions may call. Each is pure, fast and bounded; the help pages are made from this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flowhost.expr import lists, numbers, texts, times, values
from flowhost.expr.tree import Kind


@dataclass(frozen=True, slots=True)
class Builtin:
    """One function of the language.

    Attributes:
        name: as called.
        call: the function; raises TypeError or ValueError in plain words.
        kind: what is known of its result.
        signature: as the help page shows it.
        summary: one sentence.
    """

    name: str
    call: Callable[..., Any]
    kind: Kind
    signature: str
    summary: str


def convert(value: Any, from_unit: Any, to_unit: Any) -> float:
    """Convert between units that are only known from the message.

    Raises:
        TypeError: not a number.
        ValueError: an unknown unit, or units of different quantities.
    """
    from flowhost.expr.units import affine

    if not isinstance(from_unit, str) or not isinstance(to_unit, str):
        raise TypeError("convert(): units are text, such as 'Cel'")
    factor, offset = affine(from_unit, to_unit)
    return float(value * factor + offset)


_TABLE: tuple[tuple[str, Callable[..., Any], Kind, str, str], ...] = (
    ("abs", numbers.absolute, "number", "abs(x)", "The number without its sign."),
    ("ceil", numbers.ceil, "number", "ceil(x)", "The next whole number upwards."),
    ("coalesce", lists.coalesce, "any", "coalesce(a, b, ...)", "The first value that is not null."),
    ("contains", lists.contains, "bool", "contains(x, part)", "Whether a text, list or object contains this."),
    ("convert", convert, "number", "convert(x, from, to)", "The number in another unit, by UCUM or UNECE code."),
    ("decimal", numbers.decimal, "number", "decimal(x)", "The number or text as an exact decimal, for money."),
    ("endswith", texts.endswith, "bool", "endswith(text, part)", "Whether the text ends so."),
    ("fixed", texts.fixed, "text", "fixed(x, digits)", "The number as text with this many decimals."),
    ("float", numbers.as_float, "float", "float(x)", "The number, or text that holds one, as a float."),
    ("floor", numbers.floor, "number", "floor(x)", "The next whole number downwards."),
    ("get", lists.get, "any", "get(x, 'a.b', default)", "The field at this path, or the default (null) where missing."),
    ("has", lists.has, "bool", "has(x, 'a.b')", "Whether there is a field at this path."),
    ("int", numbers.as_int, "number", "int(x)", "The number without its decimals, or whole-number text as number."),
    ("is_list", lists.is_list, "bool", "is_list(x)", "Whether it is a list."),
    ("is_null", lists.is_null, "bool", "is_null(x)", "Whether it is null."),
    ("is_number", numbers.is_number, "bool", "is_number(x)", "Whether it is a number; true and false are not."),
    ("is_object", lists.is_object, "bool", "is_object(x)", "Whether it is an object."),
    ("is_text", texts.is_text, "bool", "is_text(x)", "Whether it is text."),
    ("iso", times.iso, "text", "iso(x)", "Seconds, ms, us or ns since 1970 (told by their size) as time text."),
    ("join", texts.join, "text", "join(list, separator)", "The items as one text."),
    ("json_parse", texts.json_parse, "any", "json_parse(text)", "The value a JSON text (or bytes) stands for."),
    ("json_text", texts.json_text, "text", "json_text(x)", "The value as JSON text."),
    ("keys", lists.keys, "list", "keys(object)", "The field names of an object."),
    ("len", lists.length, "number", "len(x)", "How many characters, items or fields."),
    ("lower", texts.lower, "text", "lower(text)", "In small letters."),
    ("max", numbers.largest, "any", "max(a, b, ...)", "The largest of the values, or of one list."),
    ("mean", numbers.mean, "number", "mean(list)", "The arithmetic mean of the numbers in a list."),
    ("min", numbers.smallest, "any", "min(a, b, ...)", "The smallest of the values, or of one list."),
    ("number", numbers.number, "number", "number(text)", "The number a text holds: decimal point, no group marks."),
    ("pad", texts.pad, "text", "pad(text, width, fill)", "Filled on the left up to this width, with spaces or fill."),
    ("replace", texts.replace, "text", "replace(text, old, new)", "Every `old` in the text replaced."),
    ("round", numbers.rounded, "number", "round(x, digits)", "Rounded to so many decimals (0), halves away from zero."),
    ("split", texts.split, "list", "split(text, separator)", "The parts of the text between the separators."),
    ("sqrt", numbers.sqrt, "number", "sqrt(x)", "The square root."),
    ("startswith", texts.startswith, "bool", "startswith(text, part)", "Whether the text begins so."),
    ("strip", texts.strip, "text", "strip(text)", "Without blanks at both ends."),
    ("substring", texts.substring, "text", "substring(text, start, length)", "A part; the first character is 0."),
    ("sum", numbers.total, "number", "sum(list)", "The sum of the numbers in a list."),
    ("text", values.as_text, "text", "text(x)", "The value as text, as a template shows it."),
    ("unix", times.unix, "float", "unix(text)", "Seconds since 1970 of a time text that names its zone."),
    ("upper", texts.upper, "text", "upper(text)", "In capital letters."),
)

BUILTINS: Mapping[str, Builtin] = MappingProxyType({row[0]: Builtin(*row) for row in _TABLE})
"""Every function of the language by name."""
