"""Excel: rows of a sheet, read without holding all of it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from flowhost_files.cells import Cells
from flowhost_files.config_read import ReadConfig
from flowhost_files.records import BrokenFile, Record, check_size

GREATEST = 50
"""How many times larger a sheet may be than its file: beyond, it is a bomb and not a report."""


def rows_of(config: ReadConfig, file: Path) -> Iterator[Record]:
    """Rows that hold anything; formulas as the program that wrote the file last computed them. Raises `BrokenFile`."""
    check_size(config, file)
    with file.open("rb") as stream:
        try:
            _check_bomb(config, file)
            # a stream, because of a path it would look at the extension alone
            book = load_workbook(stream, read_only=True, data_only=True)
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise BrokenFile(f"it is no Excel file of the kind xlsx ({error}); save older ones as xlsx") from error
        try:
            yield from _rows(config, book)
        finally:
            book.close()


def _rows(config: ReadConfig, book: Workbook) -> Iterator[Record]:
    if config.sheet and config.sheet not in book.sheetnames:
        there = ", ".join(repr(name) for name in book.sheetnames)
        raise BrokenFile(f"it has no sheet {config.sheet!r}; there are {there:.300}")
    sheet = book[config.sheet or book.sheetnames[0]]
    filled = ((place, row) for place, row in enumerate(sheet.iter_rows(values_only=True), 1) if any_of(row))
    cells = None if config.header else Cells(config, None)
    for place, row in islice(filled, config.skip, None):
        if cells is None:
            cells = Cells(config, _trimmed([("" if name is None else str(name)).strip() for name in row]))
        else:
            yield cells.record(place, _fitted(row, cells.width))
    if cells is None:
        # an empty sheet has none of the columns that are asked for
        Cells(config, [])


def any_of(row: tuple[Any, ...]) -> bool:
    """Whether a row holds anything."""
    return any(value is not None for value in row)


def _trimmed(names: list[str]) -> list[str]:
    """Without the empty columns that a sheet drags behind it."""
    while names and not names[-1]:
        names.pop()
    return names


def _fitted(row: tuple[Any, ...], width: int) -> tuple[Any, ...]:
    """The row as wide as the header: empty cells behind it are none, and missing ones are empty."""
    if len(row) > width and not any_of(row[width:]):
        return row[:width]
    return row + (None,) * (width - len(row))


def _check_bomb(config: ReadConfig, file: Path) -> None:
    with zipfile.ZipFile(file) as parts:
        size = sum(part.file_size for part in parts.infolist())
    limit = max(GREATEST * file.stat().st_size, config.max_mb * 1_000_000)
    if size > limit:
        raise BrokenFile(f"unpacked it has {size // 1_000_000} MB, {size // file.stat().st_size} times its size")
