"""A small file system of its own, for what a whole disk goes through: it fills up, fails, loses its power."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN: from now on every write fails, and what was not flushed is gone."""
_NO_LOG_FLUSH = 2
_MOUNT = "flowhost-volume-of-"


class Volume:
    """An ext4 file system in a file, mounted through a loop device.

    Attributes:
        path: where it is mounted.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.path = folder / f"{_MOUNT}{os.getpid()}"
        self._image = folder / "volume.img"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(megabytes << 20)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self.mount()

    def mount(self) -> None:
        """Make its content reachable."""
        _run("mount", "-o", "loop", str(self._image), str(self.path))

    def unmount(self) -> None:
        """Take it away; whoever uses it must have ended."""
        deadline = time.monotonic() + 20
        while os.path.ismount(self.path):
            try:
                _run("umount", str(self.path))
            except OSError:
                # a killed process lets go of its files a moment later
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def discard(self) -> None:
        """Take it away even if somebody still uses it."""
        if os.path.ismount(self.path):
            _run("umount", "-l", str(self.path))
        self._image.unlink()

    def cut_power(self) -> None:
        """What was not flushed to disk is lost, and nothing can be written or read any more; `restore` follows."""
        import fcntl

        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(folder)

    def restore(self) -> None:
        """The power is back."""
        self.unmount()
        self.mount()

    def free(self) -> int:
        """Bytes that can be written."""
        figures = os.statvfs(self.path)
        return figures.f_bavail * figures.f_frsize

    def fill(self, keep: int = 0) -> Path:
        """Another program takes the room, but for so many bytes; the file it lies in."""
        filler = self.path / "filler"
        step = self.free()
        with filler.open("ab") as out:
            while (room := self.free() - keep) > 0:
                step = min(step, room)
                try:
                    os.posix_fallocate(out.fileno(), out.tell(), step)
                    out.seek(0, os.SEEK_END)
                except OSError:
                    # less than the figures say: by smaller and smaller steps to the last block
                    if step <= 1024:
                        break
                    step = max(1024, step // 2)
        return filler


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def _discard_left() -> None:
    """Take away what tests mounted that were killed."""
    for line in Path("/proc/mounts").read_text().splitlines():
        path = line.split()[1]
        owner = path.rpartition(_MOUNT)[2]
        if _MOUNT in path and owner.isdigit() and not Path(f"/proc/{owner}").exists():
            _run("umount", "-l", path)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Callable[[int], Volume]]:
    """Makes file systems of so many megabytes. Skips where the machine does not let us mount one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a file system takes Linux and root")
    _discard_left()
    made: list[Volume] = []

    def make(megabytes: int) -> Volume:
        folder = tmp_path / f"disk{len(made)}"
        folder.mkdir()
        try:
            volume = Volume(folder, megabytes)
        except OSError as error:
            pytest.skip(f"this machine does not let us mount a file system: {error}")
        made.append(volume)
        return volume

    yield make
    for volume in made:
        volume.discard()
