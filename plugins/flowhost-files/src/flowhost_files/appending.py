"""A file that grows by lines: one write and one fsync per batch, and a line torn by a crash put aside."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flowhost_files.atomic import BINARY, MODE, sync_folder, write_all

CHUNK = 1_048_576
LONGEST_LINE = 64 * CHUNK
REMEMBERED = 1000
"""Files whose end is known; one that is not is looked through again."""
TORN = ".torn"

Notice = Callable[[str], None]


@dataclass
class Known:
    """How we left a file.

    Attributes:
        size: bytes; another size means that it was changed meanwhile.
        first: the first line, which names the columns of csv.
    """

    size: int
    first: bytes


class Appender:
    """Appends to files and knows how it left them.

    Args:
        is_csv: a line feed within quotes does not end a line.
        notice: told what was repaired.
    """

    def __init__(self, *, is_csv: bool, notice: Notice) -> None:
        self._is_csv = is_csv
        self._notice = notice
        self._known: dict[Path, Known] = {}

    def look(self, file: Path) -> bytes:
        """Make the file ready to be appended to.

        Returns:
            Its first line; empty if there is no file or nothing in it.
        """
        try:
            size = file.stat().st_size
        except FileNotFoundError:
            self._known.pop(file, None)
            return b""
        known = self._known.get(file)
        if known is None or known.size != size:
            known = self._repaired(file)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[file] = known
        return known.first

    def append(self, file: Path, data: bytes, first: bytes) -> None:
        """Append whole lines; they are on disk when this returns.

        Args:
            file: one `look` was called for.
            data: the lines.
            first: the first line of the file as it is then.

        Raises:
            OSError: the file is as it was before.
        """
        known = self._known.pop(file, None)
        size = known.size if known else 0
        handle = os.open(file, os.O_RDWR | os.O_CREAT | BINARY, MODE)
        try:
            os.lseek(handle, size, os.SEEK_SET)
            write_all(handle, data)
            os.fsync(handle)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, size)
                os.fsync(handle)
            if known is None:
                file.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
        if known is None:
            sync_folder(file.parent)
        self._known[file] = Known(size + len(data), first)

    def _repaired(self, file: Path) -> Known:
        end = end_of_csv(file) if self._is_csv else end_of_lines(file)
        size = file.stat().st_size
        if end < size:
            end = self._mend(file, end)
        with file.open("rb") as stream:
            first = stream.read(CHUNK)[:end]
        return Known(end, first[: first_record(first)] if self._is_csv else b"")

    def _mend(self, file: Path, end: int) -> int:
        """Complete a last line that only lacks its end, or put a torn one aside. Returns the new size."""
        with file.open("r+b") as stream:
            length = stream.seek(0, os.SEEK_END) - end
            stream.seek(end)
            if not self._is_csv and length <= LONGEST_LINE and is_document(stream.read()):
                stream.write(b"\n")
                stream.flush()
                os.fsync(stream.fileno())
                return end + length + 1
            stream.seek(end)
            with file.with_name(file.name + TORN).open("ab") as aside:
                shutil.copyfileobj(stream, aside)
                aside.write(b"\n")
                aside.flush()
                os.fsync(aside.fileno())
            sync_folder(file.parent)
            stream.truncate(end)
            os.fsync(stream.fileno())
        self._notice(f"{file.name}: a line torn by a crash ({length:,} bytes) was moved to {file.name}{TORN}")
        return end


def is_document(tail: bytes) -> bool:
    """An object, list or text that is complete; of a number nobody can tell."""
    if tail[:1] not in (b"{", b"[", b'"'):
        return False
    try:
        msgspec.json.decode(tail)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return True


def end_of_lines(file: Path) -> int:
    """Behind the last line feed; 0 if there is none."""
    with file.open("rb") as stream:
        place = stream.seek(0, os.SEEK_END)
        while place > 0:
            start = max(0, place - CHUNK)
            stream.seek(start)
            found = stream.read(place - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            place = start
    return 0


def end_of_csv(file: Path) -> int:
    """Behind the last line feed that stands outside quotes; the whole file is looked through."""
    end = place = quotes = 0
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                quotes += line.count(b'"')
                place += len(line) + 1
                if quotes % 2 == 0:
                    end = place
            quotes += rest.count(b'"')
            place += len(rest)
    return end


def first_record(data: bytes) -> int:
    """Length of the first line of csv."""
    quotes = place = 0
    for line in data.split(b"\n"):
        quotes += line.count(b'"')
        place += len(line) + 1
        if quotes % 2 == 0:
            break
    return min(place, len(data))
