"""From cells to values, as the columns say: nothing is guessed, and what does not fit is refused by its name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flowhost_files.config_read import Column, ReadConfig
from flowhost_files.records import BrokenFile, Record

WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHORT = 60


class Cells:
    """Makes payloads of rows.

    Args:
        config: columns and how numbers and times are written.
        header: what the file's columns are called; None if it does not say.

    Raises:
        BrokenFile: a column is missing.
    """

    def __init__(self, config: ReadConfig, header: Sequence[str] | None) -> None:
        self._config = config
        self._zone = ZoneInfo(config.zone) if config.zone else None
        columns = config.columns or [Column(name=name) for name in self._named(header or ())]
        names = [column.name for column in columns] if header is None else list(header)
        self.width = len(names)
        self._columns = [(column, self._index(column, names), self._form(column)) for column in columns]

    def record(self, place: int, cells: Sequence[Any]) -> Record:
        """A row as a payload, or as what it is with the reason why it is none."""
        if len(cells) != self.width:
            return Record(place, list(cells), f"it has {len(cells)} values, and there are {self.width} columns")
        payload: dict[str, Any] = {}
        for column, index, form in self._columns:
            value = cells[index]
            try:
                payload[column.target] = form(value) if isinstance(value, str) else self._typed(column, value)
            except (ValueError, OverflowError, ArithmeticError) as error:
                raw = {column.target: plain(cells[index]) for column, index, _ in self._columns}
                return Record(place, raw, f"column {column.name!r}: {error}")
        return Record(place, payload)

    def _named(self, header: Sequence[str]) -> Sequence[str]:
        for index, name in enumerate(header):
            if not name:
                raise BrokenFile(f"column {index + 1} has no name in the header: list the columns to read in `columns`")
            if name in header[:index]:
                raise BrokenFile(
                    f"two columns are called {name!r} in the header: list the columns to read in `columns`"
                )
        return header

    def _index(self, column: Column, names: Sequence[str]) -> int:
        if column.name not in names:
            there = ", ".join(repr(name) for name in names)
            raise BrokenFile(f"it has no column {column.name!r}; there are {there:.300}")
        return names.index(column.name)

    def _form(self, column: Column) -> Callable[[str], Any]:
        if column.type == "time":
            return lambda text: self._time(column, text)
        forms: Mapping[str, Callable[[str], Any]] = {
            "text": str,
            "integer": self._integer,
            "number": self._float,
            "decimal": self._decimal,
            "boolean": _truth,
        }
        return forms[column.type]

    def _digits(self, text: str) -> str:
        config = self._config
        if config.thousands:
            whole, *rest = text.split(config.decimal)
            groups = whole.split(config.thousands)
            if len(groups) > 1 and (any(len(group) != 3 for group in groups[1:]) or len(groups[0].lstrip("+-")) > 3):
                raise ValueError(f"{text!r:.{SHORT}} has digits in groups that are not of three")
            text = config.decimal.join(["".join(groups), *rest])
        if config.decimal == ",":
            if "." in text:
                raise ValueError(f"{text!r:.{SHORT}} has a point, and decimals stand behind a comma here")
            text = text.replace(",", ".")
        return text

    def _integer(self, text: str) -> int | None:
        stripped = text.strip()
        if not stripped:
            return None
        digits = self._digits(stripped)
        if not INTEGER.fullmatch(digits):
            raise ValueError(f"{text!r:.{SHORT}} is no whole number")
        return int(digits)

    def _float(self, text: str) -> float | None:
        digits = self._number_text(text)
        if digits is None:
            return None
        value = float(digits)
        if math.isinf(value):
            raise ValueError(f"{text!r:.{SHORT}} is too large")
        return value

    def _decimal(self, text: str) -> Decimal | None:
        digits = self._number_text(text)
        return None if digits is None else Decimal(digits)

    def _number_text(self, text: str) -> str | None:
        """As Python reads numbers; None of an empty cell."""
        stripped = text.strip()
        if not stripped:
            return None
        digits = self._digits(stripped)
        if not NUMBER.fullmatch(digits):
            raise ValueError(f"{text!r:.{SHORT}} is no number (decimals behind {self._config.decimal!r})")
        return digits

    def _time(self, column: Column, text: str) -> str | None:
        stripped = text.strip()
        if not stripped:
            return None
        try:
            # a time that names no zone gets one below
            moment = datetime.strptime(stripped, column.format) if column.format else datetime.fromisoformat(stripped)  # noqa: DTZ007
        except ValueError:
            form = f"of the form {column.format}" if column.format else "as ISO 8601 writes it"
            raise ValueError(f"{text!r:.{SHORT}} is no time {form}") from None
        return self._moment(moment)

    def _moment(self, moment: datetime) -> str:
        """As `time` reads in expressions: UTC, to the microsecond."""
        if moment.tzinfo is None:
            if self._zone is None:
                raise ValueError(f"{moment.isoformat(' ')} names no time zone: set `zone`")
            local = moment.replace(tzinfo=self._zone)
            if local.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != moment:
                raise ValueError(f"{moment.isoformat(' ')} is left out in {self._config.zone}: the clocks go forward")
            moment = local
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def _typed(self, column: Column, value: Any) -> Any:
        """A cell that has a type of its own, of a sheet."""
        if value is None:
            return "" if column.type == "text" and self._config.columns else None
        if not self._config.columns:
            return self._moment(value) if isinstance(value, datetime) and self._zone else plain(value)
        if column.type == "time":
            if isinstance(value, datetime):
                return self._moment(value)
        elif column.type == "boolean":
            if isinstance(value, bool):
                return value
        elif column.type == "text":
            return str(plain(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(column, value)
        raise ValueError(f"{plain(value)!r:.{SHORT}} is no {column.type}")

    def _number(self, column: Column, value: float) -> Any:
        if column.type == "decimal":
            return Decimal(str(value))
        if column.type == "number":
            return float(value)
        if value != int(value):
            raise ValueError(f"{value!r} is no whole number")
        return int(value)


def plain(value: Any) -> Any:
    """A value as a payload holds it."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def time_ns_of(value: Any) -> int:
    """Nanoseconds since 1970 of a time that names its zone, or of seconds since 1970. Raises `ValueError`."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return int(Decimal(str(value)) * 1_000_000_000)
    if not isinstance(value, str) or not value:
        raise ValueError("it is empty" if value in (None, "") else f"{value!r:.{SHORT}} is no time")
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{value!r:.{SHORT}} names no time zone: read it as a column of type time, with `zone`")
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def _truth(text: str) -> bool | None:
    stripped = text.strip().lower()
    if not stripped:
        return None
    if stripped not in WORDS:
        raise ValueError(f"{text!r:.{SHORT}} is neither true nor false (true, yes, 1, false, no, 0)")
    return WORDS[stripped]
