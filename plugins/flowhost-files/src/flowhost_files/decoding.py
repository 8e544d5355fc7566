"""One decoder per format: text of lines and rows, and files that are read as a whole."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from flowhost_files.cells import Cells
from flowhost_files.config_read import ReadConfig, ReadFormat
from flowhost_files.records import BrokenFile, Decoder, Record, check_size

LONGEST_CELL = 10_000_000


def csv_rows(config: ReadConfig, file: Path) -> Iterator[Record]:
    """Rows of a csv file (RFC 4180); a place is the line a row ends at."""
    csv.field_size_limit(LONGEST_CELL)
    with file.open(encoding=config.encoding, newline="") as stream:
        reader = csv.reader(stream, delimiter=config.delimiter, strict=True)
        at = 0
        try:
            rows = islice((row for row in reader if row), config.skip, None)
            cells = Cells(config, [name.strip() for name in next(rows, [])] if config.header else None)
            for row in rows:
                at = reader.line_num
                yield cells.record(at, row)
        except UnicodeDecodeError as error:
            raise BrokenFile(undecodable(config, error, at)) from error
        except csv.Error as error:
            raise BrokenFile(f"line {reader.line_num} is no csv: {error}") from error


def lines(config: ReadConfig, file: Path) -> Iterator[Record]:
    """Lines of text, without their ends."""
    with file.open(encoding=config.encoding) as stream:
        at = 0
        try:
            for at, line in enumerate(stream, 1):
                if at > config.skip:
                    yield Record(at, line.rstrip("\n"))
        except UnicodeDecodeError as error:
            raise BrokenFile(undecodable(config, error, at)) from error


def json_lines(config: ReadConfig, file: Path) -> Iterator[Record]:
    """A JSON document per line; empty lines are passed over."""
    decode = msgspec.json.Decoder().decode
    for record in lines(config, file):
        if record.payload.strip():
            try:
                yield Record(record.place, decode(record.payload))
            except (msgspec.DecodeError, RecursionError) as error:
                yield Record(record.place, record.payload, f"it is no JSON ({error})")


def whole_text(config: ReadConfig, file: Path) -> Iterator[Record]:
    """The file as one text."""
    check_size(config, file)
    try:
        yield Record(1, file.read_text(encoding=config.encoding))
    except UnicodeDecodeError as error:
        raise BrokenFile(undecodable(config, error, 0)) from error


def whole_bytes(config: ReadConfig, file: Path) -> Iterator[Record]:
    """The file as it is."""
    check_size(config, file)
    yield Record(1, file.read_bytes())


def json_document(config: ReadConfig, file: Path) -> Iterator[Record]:
    """A document, or the records in it."""
    check_size(config, file)
    try:
        document = msgspec.json.decode(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise BrokenFile(f"it is no JSON: {error}") from error
    if not config.records:
        yield Record(1, document)
        return
    found = document
    for name in config.records.split("/"):
        if not isinstance(found, dict) or name not in found:
            there = ", ".join(found) if isinstance(found, dict) else type(found).__name__
            raise BrokenFile(f"there is no {name!r} on the way {config.records} (`records`); there is {there:.200}")
        found = found[name]
    for place, payload in enumerate(found if isinstance(found, list) else [found], 1):
        yield Record(place, payload)


def excel_rows(config: ReadConfig, file: Path) -> Iterator[Record]:
    """Rows of a sheet."""
    from flowhost_files.sheets import rows_of  # openpyxl takes time to import

    yield from rows_of(config, file)


def xml_records(config: ReadConfig, file: Path) -> Iterator[Record]:
    """Elements of an XML document."""
    from flowhost_files.elements import records_of

    yield from records_of(config, file)


DECODERS: Mapping[ReadFormat, Decoder] = {
    "csv": csv_rows,
    "lines": lines,
    "jsonl": json_lines,
    "text": whole_text,
    "bytes": whole_bytes,
    "json": json_document,
    "excel": excel_rows,
    "xml": xml_records,
}


def undecodable(config: ReadConfig, error: UnicodeDecodeError, line: int) -> str:
    """What to say where bytes are no text."""
    byte = error.object[error.start]
    name = config.encoding.removesuffix("-sig")
    return (
        f"behind line {line} a byte {byte:#04x} is not {name}: set `encoding` to the code page it was written in, "
        "often cp1252"
    )


def batches(config: ReadConfig, file: Path, skip: int, size: int) -> Iterator[tuple[Sequence[Record], bool]]:
    """The file's records in batches, those before skipped, and whether a batch is the last one; one at least.

    Raises:
        BrokenFile: it cannot be read any further; all before it was given out.
    """
    records: Iterator[Any] = islice(DECODERS[config.format](config, file), skip, None)
    batch: list[Record] = []
    try:
        for record in records:
            if len(batch) == size:
                yield batch, False
                batch = []
            batch.append(record)
    except BrokenFile:
        if batch:
            yield batch, False
        raise
    yield batch, True
