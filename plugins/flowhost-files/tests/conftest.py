"""A file.write node on a folder of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from flowhost_files.config import WriteConfig
from flowhost_files.sink_write import FileWrite

from flowhost.sdk import Message, Meta, NodeContext


class SystemClock:
    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Board:
    def __init__(self) -> None:
        self.notices: list[tuple[str, str]] = []

    def notice(self, kind: str, text: str) -> None:
        self.notices.append((kind, text))


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
async def sink(data: Path, board: Board, clock: SystemClock) -> AsyncIterator[Callable[..., Any]]:
    made: list[FileWrite] = []

    async def build(**config: Any) -> FileWrite:
        context = NodeContext(
            flow="line", node="files", host_id="test", base_dir=data, log=logging.getLogger("test.node"),
            clock=clock, board=board,
        )  # fmt: skip
        made.append(FileWrite(WriteConfig(**config), context))
        await made[-1].open()
        return made[-1]

    yield build
    for node in made:
        await node.close()


@pytest.fixture
def msg() -> Callable[..., Message]:
    def build(payload: Any = None, **meta: Any) -> Message:
        return Message(payload, Meta(**({"topic": "t", "time_ns": 1_700_000_000_000_000_000} | meta)))

    return build


@pytest.fixture
def tree(data: Path) -> Callable[[], dict[str, bytes]]:
    """All files below the data folder, hidden ones too, with their content."""
    return lambda: {str(f.relative_to(data)): f.read_bytes() for f in sorted(data.rglob("*")) if f.is_file()}
