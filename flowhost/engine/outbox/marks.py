"""How far an outbox had got, written down a second time outside of the file, so that a loss inside it is seen.

A wrong bit in SQLite's log makes it drop everything behind, without a word. The marks tell what had been there.
"""

from __future__ import annotations

import errno
import os
from zlib import crc32

import msgspec

_SLOTS = (4096, 4096 + 64 * 1024)
"""Two places, written in turn: a power cut spoils the one under way at most."""
_SLOT_BYTES = 64 * 1024
_HEAD_BYTES = 8


class EdgeMark(msgspec.Struct, array_like=True):
    """How far one edge had got; see `flowhost.engine.outbox.outbox.EdgeRecord`."""

    flow: str
    node: str
    position: int = 0
    appended: int = 0


class Marks(msgspec.Struct, array_like=True):
    """What is written down.

    Attributes:
        file: name of the outbox file, made up when it was made.
        turn: grows with every writing.
        edges: by number.
        letters: dead letters ever made.
    """

    file: str = ""
    turn: int = 0
    edges: dict[int, EdgeMark] = {}
    letters: int = 0


class MarksFile:
    """Keeps marks in a file that is open already: the one that is locked beside the outbox.

    Not flushed: what a power cut takes from it were marks of commits that are safe. They are never ahead of the outbox.

    Args:
        file: descriptor.
    """

    def __init__(self, file: int) -> None:
        self._file = file

    def read(self) -> Marks | None:
        """The newest marks; None if there are none that can be read. Raises `OSError`."""
        found = [marks for slot in _SLOTS if (marks := self._read(slot)) is not None]
        return max(found, key=lambda marks: marks.turn, default=None)

    def write(self, marks: Marks) -> None:
        """Keep these instead of the older ones; a full disk keeps those. Raises `OSError`."""
        marks.turn += 1
        body = _encode(marks)
        if len(body) > _SLOT_BYTES - _HEAD_BYTES:
            return
        head = len(body).to_bytes(4, "little") + crc32(body).to_bytes(4, "little")
        os.lseek(self._file, _SLOTS[marks.turn % 2], os.SEEK_SET)
        try:
            os.write(self._file, head + body)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def _read(self, slot: int) -> Marks | None:
        os.lseek(self._file, slot, os.SEEK_SET)
        data = os.read(self._file, _SLOT_BYTES)
        length = int.from_bytes(data[:4], "little")
        body = data[_HEAD_BYTES : _HEAD_BYTES + length]
        if not body or len(body) != length or int.from_bytes(data[4:8], "little") != crc32(body):
            return None
        try:
            return _decode(body)
        except msgspec.MsgspecError:
            return None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Marks).decode
