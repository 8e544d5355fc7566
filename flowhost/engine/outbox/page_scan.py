"""Finds rows of edges in the bytes of an outbox file, where SQLite no longer finds the way to them.

The ways lead over inner pages; one wrong bit there hides thousands of rows that lie whole in their leaves. Each row
carries a seal that names its edge and number, so that none can be taken for what it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

PAGE = 4096
LOG_BYTES = 64 * 1024 * 1024
_LEAF = 0x0D
_LOG_HEAD = 32
_FRAME_HEAD = 24
_LOCAL_MOST = PAGE - 35
_LOCAL_LEAST = (PAGE - 12) * 32 // 255 - 23
_INTEGER_BYTES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}


class RawRow(NamedTuple):
    """What looks like a row of an edge; whether it is one says its seal."""

    number: int
    at_ms: int
    data: bytes
    seal: int


def read_log(path: Path) -> bytes:
    """The log of a file, empty if it has none or one too long to keep in mind. Raises `OSError`."""
    log = path.with_name(path.name + "-wal")
    return log.read_bytes() if log.exists() and log.stat().st_size <= LOG_BYTES else b""


def raw_rows(file: bytes, log: bytes, wanted: Callable[[int], bool]) -> Iterator[RawRow]:
    """Rows in all pages of a file, then in those of its log, older ones first.

    Args:
        file: its bytes.
        log: bytes of its log.
        wanted: whether a row of this number is looked for.
    """
    pages = _File(file, wanted)
    for number in range(1, pages.count + 1):
        yield from _rows_of(pages.page(number), pages, 100 if number == 1 else 0)
    salts = log[16:24]
    for start in range(_LOG_HEAD, len(log) - _FRAME_HEAD - PAGE + 1, _FRAME_HEAD + PAGE):
        if log[start + 8 : start + 16] == salts:
            number = int.from_bytes(log[start : start + 4], "big")
            page = log[start + _FRAME_HEAD : start + _FRAME_HEAD + PAGE]
            pages.newer[number] = page
            yield from _rows_of(page, pages, 100 if number == 1 else 0)


class _File:
    def __init__(self, data: bytes, wanted: Callable[[int], bool]) -> None:
        self.wanted = wanted
        self._data = data
        self.count = len(data) // PAGE
        self.newer: dict[int, bytes] = {}

    def page(self, number: int) -> bytes:
        return self.newer.get(number) or self._data[(number - 1) * PAGE : number * PAGE]


def _rows_of(page: bytes, pages: _File, head: int) -> Iterator[RawRow]:
    if len(page) < PAGE or page[head] != _LEAF:
        return
    cells = int.from_bytes(page[head + 3 : head + 5], "big")
    for place in range(head + 8, min(head + 8 + 2 * cells, PAGE - 1), 2):
        start = int.from_bytes(page[place : place + 2], "big")
        try:
            row = _row_at(page, start, pages)
        except (IndexError, ValueError):
            continue
        if row is not None:
            yield row


def _row_at(page: bytes, start: int, pages: _File) -> RawRow | None:
    size, start = _varint(page, start)
    number, start = _varint(page, start)
    if not pages.wanted(number):
        return None
    body = _payload(page, start, size, pages)
    head, at = _varint(body, 0)
    kinds = []
    while at < head:
        kind, at = _varint(body, at)
        kinds.append(kind)
    # number, time, message, seal; of an older file the time follows the message
    if len(kinds) != 4 or kinds[0] != 0:
        return None
    values: list[int | bytes] = []
    for kind in kinds[1:]:
        width = _INTEGER_BYTES[kind] if kind in _INTEGER_BYTES else (kind - 12) // 2
        data = body[at : at + width]
        if len(data) != width or width < 0:
            return None
        values.append(data if kind >= 12 else int.from_bytes(data, "big", signed=True) if width else int(kind == 9))
        at += width
    numbers = [value for value in values if isinstance(value, int)]
    blobs = [value for value in values if isinstance(value, bytes)]
    return RawRow(number, numbers[0], blobs[0], numbers[1]) if len(blobs) == 1 else None


def _payload(page: bytes, start: int, size: int, pages: _File) -> bytes:
    if size <= _LOCAL_MOST:
        return page[start : start + size]
    local = _LOCAL_LEAST + (size - _LOCAL_LEAST) % (PAGE - 4)
    if local > _LOCAL_MOST:
        local = _LOCAL_LEAST
    parts = [page[start : start + local]]
    following = int.from_bytes(page[start + local : start + local + 4], "big")
    left = size - local
    while left > 0:
        if not 1 <= following <= max(pages.count, max(pages.newer, default=0)):
            raise ValueError("the row goes on nowhere")
        more = pages.page(following)
        parts.append(more[4 : 4 + min(left, PAGE - 4)])
        left -= PAGE - 4
        following = int.from_bytes(more[:4], "big")
    return b"".join(parts)


def _varint(data: bytes, start: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = data[start + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, start + index + 1
    return value << 8 | data[start + 8], start + 9
