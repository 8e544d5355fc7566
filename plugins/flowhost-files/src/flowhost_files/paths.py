"""From what a template gives to a place below the data folder, under names every system can keep."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from flowhost.sdk import MessageError

LONGEST_NAME = 220
"""Bytes of a name; file systems commonly take 255, and `.torn` must fit behind it."""
READABLE = 80
"""Characters of an id that go into a file's name."""

_UNSAFE = re.compile(r'[<>:"|?*\\%\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)", re.IGNORECASE)
"""Names of devices on Windows, whatever extension follows."""


def parts_of(text: str) -> list[str]:
    """Folders and file of a path, each a safe name; a slash at the end is left off.

    Characters Windows does not keep are percent-encoded, so different names stay different.

    Raises:
        MessageError: absolute, leaving its folder, or with an empty part.
    """
    if text.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[/\\]", text):
        raise MessageError(f"the path {text!r:.120} is absolute; write one below the data folder")
    parts = text.removesuffix("/").split("/")
    if ".." in parts or "." in parts:
        raise MessageError(f"the path {text!r:.120} would leave the data folder by its dots")
    if "" in parts:
        raise MessageError(f"the path {text!r:.120} has an empty part: a value in it is empty")
    return [safe_name(part) for part in parts]


def safe_name(name: str) -> str:
    """The name as Linux, macOS and Windows all keep it. Raises `MessageError` if it is too long."""
    safe = _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)
    if safe[0] == "." or _RESERVED.match(safe):
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    if safe[-1] in ". ":
        safe = f"{safe[:-1]}%{ord(safe[-1]):02X}"
    try:
        length = len(safe.encode())
    except UnicodeEncodeError:
        raise MessageError(f"the name {name!r:.120} is no valid Unicode") from None
    if length > LONGEST_NAME:
        raise MessageError(f"the name {name!r:.120} is longer than {LONGEST_NAME} bytes")
    return safe


def name_from(identity: str, extension: str) -> str:
    """A file's name from a message's id: readable, and different for ids that differ in whatever."""
    digest = hashlib.sha256(identity.encode(errors="surrogatepass")).hexdigest()[:16]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", identity)[:READABLE].strip("._-")
    return f"{readable}-{digest}{extension}" if readable else f"{digest}{extension}"


def below(base: Path, parts: Sequence[str]) -> Path:
    """The place of these parts below the base, links followed.

    Raises:
        MessageError: a link leads out of the base.
    """
    place = base.joinpath(*parts)
    if not place.resolve().is_relative_to(base.resolve()):
        raise MessageError(
            f"{'/'.join(parts)} leads out of the data folder through a link; mount a share there instead"
        )
    return place
