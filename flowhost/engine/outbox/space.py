"""How much room the disk under the outbox files has: watched, kept in reserve, given back."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

log = logging.getLogger(__name__)

BALLAST_FILE = "ballast"
OPEN, WARN, URGE, STOP, FULL = 0, 70, 85, 95, 100
"""Marks. From `STOP` on nothing is taken in; `FULL`: the system has refused to write."""
BACK = 1.25
"""A mark is left once there is so much more room than it asks for: no flutter at the edge."""
REFUSED_S = 2.0
"""So long after the system refused to write nothing is taken in, whatever it says about room."""
WRITTEN_TIMES = 3
"""A message is written to the log and to the file, and neither is packed full."""
_TIMES_FLOOR = ((STOP, 1.0), (URGE, 3.0), (WARN, 6.0))
_CHUNK = 1 << 20


class SpaceRules(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a disk outbox files may take.

    Attributes:
        floor_bytes: so much of the disk stays free of messages, or `floor_share` of it if that is less.
        floor_share: see there.
        ballast_bytes: size of the reserve that is given up when the disk is full all the same, so that what is here can
            still leave; no more than a sixteenth of the disk.
        limit_bytes: how large one outbox file may become; None: as large as the disk allows.
    """

    floor_bytes: int = 512 * 1024 * 1024
    floor_share: float = 0.05
    ballast_bytes: int = 16 * 1024 * 1024
    limit_bytes: int | None = None

    def floor(self, total: int) -> int:
        """Bytes that stay free on a disk of this size."""
        return int(min(self.floor_bytes, self.floor_share * total))

    def ballast(self, total: int) -> int:
        """Bytes of the reserve on a disk of this size."""
        return min(self.ballast_bytes, total // 16)


class Ballast:
    """A file that is nothing but room: removed when the disk is full, made again when it is not.

    Args:
        path: where it lies; several processes may look after the same one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def size(self) -> int:
        """Bytes held in reserve now."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def release(self) -> bool:
        """Give the room up. True if there was any."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True

    def fill(self, size: int) -> None:
        """Take the room again. Raises `OSError`, having taken none."""
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        try:
            file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
            try:
                _allocate(file, size)
            finally:
                os.close(file)
            part.replace(self._path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            raise


class Tenant(Protocol):
    """A file in the folder.

    Attributes:
        in_flight: bytes of messages on their way to the disk.
        log_bytes: what lies in its log and still has to be copied into the file.
    """

    @property
    def in_flight(self) -> int: ...

    log_bytes: int

    def hear(self) -> None:
        """`mark` or `open` has changed. On any thread."""
        ...


class FolderSpace:
    """The room outbox files of one folder have, watched about once a second by a thread of the pool.

    Between two looks it counts what is about to be written, so that intake ends before the disk is full.

    Args:
        folder: where the files lie.
        rules: how much they may take.
        look_now: has `look` called soon.

    Attributes:
        folder: where the files lie.
        free: bytes the disk had free at the last look.
        total: bytes it holds.
        ballast: bytes held in reserve.
        mark: the highest mark reached: `OPEN`, `WARN`, `URGE`, `STOP` or `FULL`.
        open: messages may be taken in.
    """

    def __init__(self, folder: Path, rules: SpaceRules, look_now: Callable[[], None]) -> None:
        self.rules = rules
        self.free = self.total = self.ballast = 0
        self.mark = OPEN
        self.open = True
        self.folder = folder
        self._ballast = Ballast(folder / BALLAST_FILE)
        self._lock = threading.Lock()
        self._tenants: list[Tenant] = []
        self._look_now = look_now
        # what messages could take at the last look, and what is taken since then
        self._room = self._spent = 0
        self._refused_at = 0.0

    @property
    def floor(self) -> int:
        """Bytes that stay free."""
        return self.rules.floor(self.total)

    def join(self, tenant: Tenant) -> None:
        """One more file."""
        self._tenants.append(tenant)

    def leave(self, tenant: Tenant) -> None:
        """One file less."""
        self._tenants.remove(tenant)

    def spend(self, size: int) -> None:
        """So many bytes are about to be written."""
        self._spent += size * WRITTEN_TIMES
        if self.open and self._spent > self._room:
            self.open = False
            self._look_now()

    def look(self) -> None:
        """Measure, and act on it. On one thread at a time; slow where the disk is."""
        with self._lock:
            before = (self.mark, self.open)
            self._measure()
            if self._wants_ballast():
                self._fill_ballast()
                self._measure()
            changed = before != (self.mark, self.open)
        if changed:
            self._tell()

    def exhausted(self) -> None:
        """The system has refused to write: give up the reserve. Called by whoever was refused."""
        with self._lock:
            released, self.ballast = self._ballast.release(), 0
            changed = self.mark != FULL
            self.mark, self.open = FULL, False
            self._refused_at = time.monotonic()
        if released:
            log.warning("the disk under %s is full; the reserve was given up", self.folder)
        if changed:
            self._tell()

    def _measure(self) -> None:
        try:
            usage = shutil.disk_usage(self.folder)
        except OSError as error:
            log.warning("the room under %s cannot be measured: %s", self.folder, error)
            return
        self.free, self.total, self.ballast = usage.free, usage.total, self._ballast.size()
        tenants = list(self._tenants)
        # what lies in a log will take room in its file too; and the reserve comes before new messages
        spoken_for = max(0, self.rules.ballast(self.total) - self.ballast)
        spoken_for += sum(tenant.log_bytes for tenant in tenants)
        free = self.free - spoken_for
        self._room = free - self.floor
        self._spent = sum(tenant.in_flight for tenant in tenants) * WRITTEN_TIMES
        mark = self._mark_at(free)
        if self.mark != FULL or (mark < STOP and time.monotonic() - self._refused_at > REFUSED_S):
            self.mark = mark
        self.open = self.mark < STOP and self._spent <= self._room

    def _mark_at(self, free: int) -> int:
        floor = self.floor
        for mark, times in _TIMES_FLOOR:
            if free < floor * times * (BACK if self.mark >= mark else 1.0):
                return mark
        return OPEN

    def _wants_ballast(self) -> bool:
        wanted = self.rules.ballast(self.total)
        return self.ballast < wanted and self.free - wanted > self.floor * BACK

    def _fill_ballast(self) -> None:
        try:
            self._ballast.fill(self.rules.ballast(self.total))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                log.warning("no reserve can be kept under %s: %s", self.folder, error)

    def _tell(self) -> None:
        for tenant in list(self._tenants):
            tenant.hear()


def _allocate(file: int, size: int) -> None:
    """Real room, not a hole. Raises `OSError`."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
        else:
            return
    for start in range(0, size, _CHUNK):
        # noise, because some file systems do not store what compresses to nothing
        os.write(file, secrets.token_bytes(min(_CHUNK, size - start)))
    os.fsync(file)
