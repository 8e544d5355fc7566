"""The kit that vendors use, against a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flowhost_files.sink_write import FileWrite

from flowhost.sdk import Message
from flowhost.testing.conformance import SinkConformance


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
