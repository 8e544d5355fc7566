"""Files that appear whole or not at all, and folders that remember them over a power cut."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from pathlib import Path

from flowhost.sdk import MessageError, TemporaryError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NAME_AT_FAULT = {errno.ENAMETOOLONG, errno.EISDIR, errno.EEXIST, errno.ENOTDIR, errno.EILSEQ, errno.EINVAL}
NO_SUCH_CALL = {errno.EINVAL, errno.ENOTSUP}
"""What network shares say that cannot sync a folder."""
BINARY = getattr(os, "O_BINARY", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
MODE = 0o666
"""What the process's umask leaves of this."""


def write_whole(target: Path, data: bytes) -> None:
    """Put the file in place: written beside it under a hidden name, on disk, then renamed.

    A kill leaves the old file or none. What was left beside it is overwritten when the message comes again.

    Raises:
        OSError: nothing is left behind.
    """
    digest = hashlib.sha256(target.name.encode()).hexdigest()[:24]
    temporary = target.with_name(f".flowhost-{digest}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY | NO_LINK, MODE)
        try:
            write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_all(handle: int, data: bytes) -> None:
    """Write all of it; the system may take less at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def make_folder(folder: Path) -> None:
    """Make the folder and those above it, each kept in the one above it on disk."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync_folder(new.parent)


def sync_folder(folder: Path) -> None:
    """Have the folder's names on disk. Windows does that by itself and has no call for it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_SUCH_CALL:
            raise
    finally:
        os.close(handle)


def fault(error: OSError, target: Path) -> TemporaryError | MessageError:
    """What this means: the disk, the rights, or the name of this one file; in words, with what to do."""
    if error.errno in FULL:
        return TemporaryError(f"{target.parent} is full{_free(target.parent)}: make room, or raise the quota")
    if error.errno in NAME_AT_FAULT:
        return MessageError(f"{target} cannot be a file here: {error.strerror}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return TemporaryError(f"{target} may not be written: give FlowHost the right to write the file and its folder")
    if error.errno == errno.EROFS:
        return TemporaryError(f"{target} is on a disk that is read-only: look at its mount")
    if error.errno == errno.ENOENT:
        return TemporaryError(f"{target.parent} was taken away meanwhile; it is made again")
    return TemporaryError(f"{target} cannot be written ({error.strerror or error}): look at the disk and its mount")


def _free(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return f" ({shutil.disk_usage(folder).free // 1_000_000} MB free)"
    return ""
