"""The key secrets are encrypted with: a file of its own, so that a copy of the database alone opens nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from flowhost.errors import HostError, NotFoundError

# a host without secrets starts faster without it
if TYPE_CHECKING:
    from cryptography.fernet import Fernet

KEY_FILE = "secrets.key"


class OtherKeyError(HostError):
    """It was encrypted with another key, or is damaged."""


class SecretKey:
    """A Fernet key in a file that only this user may read. Every method blocks.

    Args:
        path: of the file; made at the first `encrypt` that may make it, never written over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @override
    def __repr__(self) -> str:
        return f"SecretKey({str(self.path)!r})"

    def make(self) -> None:
        """Make the key, unless there is one: whole or not at all, and on disk before anything depends on it.

        Raises:
            HostError: the file cannot be written.
        """
        from cryptography.fernet import Fernet

        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(Fernet.generate_key() + b"\n")
                out.flush()
                os.fsync(out.fileno())
            _place(part, self.path)
            _flush_folder(self.path.parent)
        except FileExistsError:
            return
        except OSError as error:
            raise HostError(f"the key of the secrets cannot be written to {self.path}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    def encrypt(self, value: str) -> str:
        """The value for the database. Raises as `decrypt` does."""
        return self._fernet().encrypt(value.encode()).decode("ascii")

    def decrypt(self, encrypted: str) -> str:
        """The value again.

        Raises:
            NotFoundError: there is no key file.
            OtherKeyError: it was encrypted with another key.
            HostError: the file cannot be read, or holds no key.
        """
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet().decrypt(encrypted.encode("ascii")).decode()
        except (InvalidToken, UnicodeError):
            raise OtherKeyError(f"{self.path} holds another key than the one it was stored with") from None

    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet

        try:
            key = self.path.read_bytes().strip()
        except FileNotFoundError:
            raise NotFoundError(f"the key file {self.path} is missing") from None
        except OSError as error:
            raise HostError(f"the key file {self.path} cannot be read: {error.strerror}") from error
        try:
            return Fernet(key)
        except ValueError:
            # what it holds may be a damaged key: it is not quoted
            raise HostError(f"the key file {self.path} does not hold a key") from None


def _place(part: Path, path: Path) -> None:
    """Give the file its name unless that is taken. Raises `FileExistsError`."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links; on Windows a rename does not write over
        if path.exists():
            raise FileExistsError(path) from None
        part.rename(path)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
