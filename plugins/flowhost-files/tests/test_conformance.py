"""The kit that vendors use, against a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flowhost_files.sink_write import FileWrite
from flowhost_files.source_read import FileRead

from flowhost.sdk import Message
from flowhost.testing.conformance import SinkConformance, SourceConformance


class Folder:
    """Numbers in the files of a folder, in the order they were written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def received(self) -> list[int]:
        # within one tick of the file system's clock the names, which begin with the number, decide
        files = sorted(
            self.folder.rglob("*.json*"), key=lambda file: (file.stat().st_mtime_ns, len(file.name), file.name)
        )
        return [json.loads(line)["n"] for file in files for line in file.read_text().splitlines()]


class FileConformance(SinkConformance):
    node_type = FileWrite

    @pytest.fixture
    def target(self, tmp_path: Path) -> Folder:
        return Folder(tmp_path)

    @pytest.fixture
    def poison(self) -> Message:
        return Message(b"no JSON", self.message(99).meta)


class TestFilePerMessage(FileConformance):
    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"path": "out/"}


class TestAppend(FileConformance):
    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"path": "out/{key}.jsonl", "mode": "append", "format": "jsonl"}


class Inbox:
    """Numbers in files that others put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = 0

    async def produce(self, numbers: Sequence[int]) -> None:
        self._files += 1
        self.folder.mkdir(exist_ok=True)
        beside = self.folder / ".part"
        beside.write_text("".join(f'{{"n": {number}}}\n' for number in numbers))
        os.utime(beside, (self._files, self._files))
        beside.replace(self.folder / f"{self._files:06}.jsonl")


class TestFileRead(SourceConformance):
    node_type = FileRead

    @pytest.fixture
    def target(self, tmp_path: Path) -> Inbox:
        return Inbox(tmp_path / "inbox")

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"path": "inbox/*.jsonl", "format": "jsonl", "period_ms": 10, "settle_ms": 0}
