"""What becomes of a file that was read: moved aside whole, deleted, or left."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from flowhost_files.atomic import make_folder, sync_folder, write_whole
from flowhost_files.config_read import ReadConfig
from flowhost_files.looking import Folder, Seen

REASON = ".reason.txt"


def finish(config: ReadConfig, folder: Folder, seen: Seen, fault: str) -> None:
    """Take a file out of the way, unless it is another one by now. Safe to call again after a kill.

    Args:
        config: what is to become of it.
        folder: where it is.
        seen: as it was read.
        fault: why it could not be read to its end; empty if it could.

    Raises:
        OSError: it stays where it is.
    """
    if config.done == "keep" or folder.now(seen.name) != seen:
        return
    file = folder.place(seen.name)
    if fault:
        target = _place(file.parent / config.error_folder, seen)
        write_whole(target.with_name(target.name + REASON), f"{seen.name}: {fault}\n".encode())
        _move(file, target)
    elif config.done == "move":
        _move(file, _place(file.parent / config.done_folder, seen))
    else:
        file.unlink(missing_ok=True)
        sync_folder(file.parent)


def what_to_do(config: ReadConfig, folder: Folder, seen: Seen) -> str:
    """Where a broken file goes, and how it is read after all, for whoever sees its dead letter."""
    if config.done == "keep":
        return "mend it where it lies, and it is read again"
    file = folder.place(seen.name)
    home = PurePosixPath(seen.name).parent
    target = home / config.error_folder / _free(file.parent / config.error_folder, seen).name
    return f"it goes to {target}: mend it there, then move it back to {home}/"


def _place(folder: Path, seen: Seen) -> Path:
    make_folder(folder)
    return _free(folder, seen)


def _free(folder: Path, seen: Seen) -> Path:
    """A place in the folder; one that is taken already is told apart by the file's time, then by a number."""
    name = Path(seen.name)
    target = folder / name.name
    moment = datetime.fromtimestamp(seen.mtime_ns / 1e9, UTC).strftime("%Y%m%dT%H%M%SZ")
    number = 1
    while target.exists():
        behind = f"-{moment}" if number == 1 else f"-{moment}-{number}"
        target = folder / f"{name.stem}{behind}{name.suffix}"
        number += 1
    return target


def _move(file: Path, target: Path) -> None:
    file.replace(target)
    sync_folder(target.parent)
    sync_folder(file.parent)
