"""`file.write`: messages become files, or lines of a growing file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from typing_extensions import override

from flowhost.sdk import (
    Message,
    NodeContext,
    NodeSpec,
    PermanentError,
    Sink,
    WriteOutcome,
)
from flowhost_files.batches import AppendingWriter, BatchWriter, WholeWriter
from flowhost_files.config import WriteConfig


class FileWrite(Sink[WriteConfig]):
    """Writes files below the data folder. Confirmed means on disk: it survives a power cut.

    Guarantees: `file_per_message`: a file is seen whole or not at all; a message that comes again replaces its own
    file, so each counts once. `append`: at least once, in order; after a crash lines may stand twice, but never half.
    One thread does the work; cancelling waits for the file it is at.
    """

    spec: ClassVar[NodeSpec] = NodeSpec(
        id="file.write",
        title="File write",
        summary="Writes each message as a file, or as a line of a file.",
        category="files",
        icon="upload_file",
        ports=(),
        keywords=("file", "csv", "json", "export", "folder", "append", "text"),
    )
    Config: ClassVar[type[WriteConfig]] = WriteConfig
    remedies: ClassVar[Mapping[str, str]] = {"is_idempotent": "write a file per message (`mode: file_per_message`)"}

    @classmethod
    @override
    def is_idempotent(cls, config: WriteConfig) -> bool:
        """A file is written over by itself; a line is not."""
        return config.mode == "file_per_message"

    @classmethod
    @override
    def goes_by_id(cls, config: WriteConfig) -> bool:
        """Where the file is named after the message's id."""
        return config.path.text.endswith("/") or "id" in config.path.compiled.names

    def __init__(self, config: WriteConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._thread: ThreadPoolExecutor | None = None
        self._writer: BatchWriter | None = None

    @override
    async def open(self) -> None:
        """Get ready. The files are looked at by the first batch."""
        await self.close()
        kind = AppendingWriter if self.config.mode == "append" else WholeWriter
        self._writer = kind(self.config, self.context)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"file-{self.context.node}")

    @override
    async def close(self) -> None:
        """Wait for the file that is being written."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.shutdown)

    @override
    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """Write a batch.

        Raises `TemporaryError` when nothing was written: no room, no right, the disk is ill.
        """
        writer, thread = self._writer, self._thread
        if writer is None or thread is None:
            msg = "file.write writes only after it was opened"
            raise PermanentError(msg)
        stop = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(thread, writer.write, messages, stop)
        try:
            outcomes = await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([work])
            work.exception()  # the outcome of abandoned work interests nobody
            raise
        finally:
            for text in writer.take_notices():
                self.context.board.notice("warning", text)
        return outcomes
