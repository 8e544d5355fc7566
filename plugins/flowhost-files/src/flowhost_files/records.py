"""What a file consists of: records, those that cannot be read, and the fault that ends a file early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from flowhost_files.config_read import ReadConfig


class Record(NamedTuple):
    """One message's worth of a file.

    Attributes:
        place: where it stands, counted from one: line, row or record.
        payload: what it holds; where it cannot be read, as much as there is.
        fault: why it cannot be read; empty if it can.
    """

    place: int
    payload: Any
    fault: str = ""


class BrokenFile(Exception):  # noqa: N818 - what is broken is the file
    """The file cannot be read any further; the text says where and what to do."""


Decoder: TypeAlias = Callable[[ReadConfig, Path], Iterator[Record]]
"""Reads a file from its start, piece by piece. Raises `BrokenFile`, and `OSError` where the file cannot be got at."""


def check_size(config: ReadConfig, file: Path) -> None:
    """Refuse a file that has to be held in memory and is too large. Raises `BrokenFile`."""
    size = file.stat().st_size
    if size > config.max_mb * 1_000_000:
        raise BrokenFile(f"it has {size // 1_000_000} MB and is read as a whole: at most {config.max_mb} MB (`max_mb`)")
