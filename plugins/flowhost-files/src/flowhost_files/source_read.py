"""`file.read`: files that others put into a folder become messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any, ClassVar, NamedTuple, TypeVar

from typing_extensions import override

from flowhost.sdk import (
    Emit,
    Message,
    Meta,
    NodeContext,
    NodeSpec,
    PermanentError,
    Rejected,
    Settlement,
    Source,
    TemporaryError,
)
from flowhost_files.cells import time_ns_of
from flowhost_files.config_read import ReadConfig
from flowhost_files.decoding import batches
from flowhost_files.finishing import finish, what_to_do
from flowhost_files.looking import Folder, Seen
from flowhost_files.progress import MOST_KEPT, Progress
from flowhost_files.records import BrokenFile, Record

T = TypeVar("T")

BATCH = 500
"""Records handed over at a time."""


class Part(NamedTuple):
    """A batch of a file's records.

    Attributes:
        messages: those that can be read.
        rejected: the others.
        records: how many there are of both.
        is_last: the file ends here.
        fault: why it ends here, where it should not.
    """

    messages: list[Message]
    rejected: list[Rejected]
    records: int
    is_last: bool
    fault: str = ""


class FileRead(Source[ReadConfig]):
    """Reads files in the order of their times, each once, and takes them away when all of it was delivered.

    How far a file was delivered is kept, so after a crash its rest is read, with the same ids; a file that takes the
    name of one that was read is a new one. What cannot be read leaves by the error port: a row alone, or the rest of a
    file whose form is broken, which is put aside with its reason.
    """

    spec: ClassVar[NodeSpec] = NodeSpec(
        id="file.read",
        title="File read",
        summary="Reads files that another system puts into a folder.",
        category="files",
        icon="folder_open",
        keywords=("file", "folder", "watch", "csv", "excel", "xlsx", "xml", "json", "jsonl", "import", "hot folder"),
    )
    Config: ClassVar[type[ReadConfig]] = ReadConfig
    replayable: ClassVar[bool] = True
    stable_ids: ClassVar[bool] = True

    def __init__(self, config: ReadConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._folder = Folder(config, context.base_dir)
        self._thread: ThreadPoolExecutor | None = None
        self._progress: Progress | None = None
        # a run that was interrupted goes on behind what it handed over: that is on its way
        self._handed: dict[Seen, int] = {}
        self._ended: set[Seen] = set()
        self._tidying = asyncio.Lock()
        self._told: set[str] = set()

    @override
    async def open(self) -> None:
        """Get ready. The folder is made where there is none. Raises `TemporaryError` where that is impossible."""
        await self.close()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"file-{self.context.node}")
        await self._do(self._folder.make)

    @override
    async def close(self) -> None:
        """Wait for the batch that is being read."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.shutdown)

    @override
    async def run(self, emit: Emit) -> None:
        """Look for files until cancelled. Raises `TemporaryError` when folder or file cannot be got at."""
        progress = await self._known()
        while True:
            await self._tidy()
            found = await self._do(self._folder.look)
            if not progress.has_room(found):
                raise PermanentError(
                    f"more than {MOST_KEPT} files lie at {self.config.path} and have to be remembered: set `done` to "
                    "move or delete"
                )
            for seen in self._folder.settled(found, time.monotonic()):
                if not progress.knows(seen) and seen not in self._ended:
                    await self._read(seen, emit)
            await self.context.clock.sleep(self.config.period_ms / 1000)

    @override
    async def on_outcome(self, position: Any, settlement: Settlement) -> None:
        """Keep how far a file was delivered, and take it away when that is its end."""
        if settlement is not Settlement.CONFIRMED:
            return
        progress = await self._known()
        progress.confirmed(position)
        await self._keep()
        if position["end"] and self._thread is not None:
            await self._tidy()

    async def _read(self, seen: Seen, emit: Emit) -> None:
        progress = await self._known()
        rows = self._handed.setdefault(seen, progress.rows_of(seen))
        is_whole = False
        with closing(self._parts(seen, rows)) as parts:
            while (part := await self._do(partial(next, parts, None))) is not None:
                rows += part.records
                is_changed = part.is_last and await self._do(partial(self._folder.now, seen.name)) != seen
                if is_changed:
                    text = f"{seen.name} changed while it was read: what it is now is read as a new file"
                    self.context.board.notice("warning", text)
                await emit(part.messages, place_of(seen, part, rows, is_changed=is_changed), rejected=part.rejected)
                self._handed[seen] = rows
                is_whole = part.is_last
        self._handed.pop(seen, None)
        if is_whole:
            self._ended.add(seen)
        else:
            self.context.board.notice("warning", f"{seen.name} was taken away by somebody before it was read")

    def _parts(self, seen: Seen, skip: int) -> Generator[Part, None, None]:
        """The file's parts; runs in the node's thread."""
        at = skip
        try:
            for records, is_last in batches(self.config, self._folder.place(seen.name), skip, BATCH):
                at += len(records)
                yield self._part(seen, records, is_last)
        except FileNotFoundError:
            return
        except BrokenFile as error:
            reason = f"{seen.name}: {error}; {what_to_do(self.config, self._folder, seen)}"
            meta = Meta(topic=self._topic(seen), time_ns=seen.mtime_ns, id=self._id(seen, "end"))
            broken = Rejected(Message({"file": seen.name, "records": at}, meta), reason, is_report=True)
            yield Part([], [broken], 0, is_last=True, fault=str(error))

    def _part(self, seen: Seen, records: Sequence[Record], is_last: bool) -> Part:
        messages: list[Message] = []
        rejected: list[Rejected] = []
        for record in records:
            try:
                message = self._message(seen, record)
                fault = record.fault
            except (ValueError, OverflowError, ArithmeticError) as error:
                message = self._message(seen, record._replace(fault="no time"))
                fault = f"field {self.config.time!r} holds no time: {error}"
            if fault:
                rejected.append(Rejected(message, f"{seen.name}, {self._unit} {record.place}: {fault}"))
            else:
                messages.append(message)
        return Part(messages, rejected, len(records), is_last)

    def _message(self, seen: Seen, record: Record) -> Message:
        """Raises `ValueError` if the field that should hold its time does not."""
        config, payload = self.config, record.payload
        fields = payload if isinstance(payload, dict) else {}
        key = fields.get(config.key) if config.key else None
        meta = Meta(
            topic=self._topic(seen),
            time_ns=seen.mtime_ns if not config.time or record.fault else time_ns_of(fields.get(config.time)),
            key="" if key is None else str(key),
            id=self._id(seen, record.place),
            headers={"file": seen.name},
        )
        return Message(payload, meta)

    @property
    def _unit(self) -> str:
        return {"excel": "row", "xml": "record", "json": "record"}.get(self.config.format, "line")

    def _topic(self, seen: Seen) -> str:
        return self.config.topic or seen.name

    def _id(self, seen: Seen, place: int | str) -> str:
        return f"{self.context.flow}/{self.context.node}/{seen.name}@{seen.mtime_ns}.{seen.size}/{place}"

    async def _known(self) -> Progress:
        if self._progress is None:
            self._progress = Progress(await self.context.checkpoint.load())
        return self._progress

    async def _keep(self) -> None:
        if self._progress is not None:
            await self.context.checkpoint.save(self._progress.saved())

    async def _tidy(self) -> None:
        """Take away what was delivered; what cannot be taken away is tried again with the next look."""
        progress = await self._known()
        async with self._tidying:
            waiting = dict(progress.ends)
            for name, (size, mtime_ns, fault) in waiting.items():
                seen = Seen(name, size, mtime_ns)
                try:
                    await self._do(partial(finish, self.config, self._folder, seen, fault))
                except TemporaryError as error:
                    self._tell(name, f"{name} was delivered and cannot be taken away: {error}; it is tried again")
                    continue
                progress.tidied(seen, stays=self.config.done == "keep")
                self._ended.discard(seen)
                self._told.discard(name)
            if waiting.keys() - progress.ends.keys():
                await self._keep()

    def _tell(self, name: str, text: str) -> None:
        if name not in self._told:
            self._told.add(name)
            self.context.board.notice("warning", text)

    async def _do(self, work: Callable[[], T]) -> T:
        """Run in the node's thread. Raises `TemporaryError` for what the system says."""
        if self._thread is None:
            msg = "file.read reads only after it was opened"
            raise PermanentError(msg)
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # a file that is at work cannot be closed; what comes of abandoned work interests nobody
            await asyncio.wait([running])
            running.exception()
            raise
        except OSError as error:
            where = error.filename or self.config.path
            reason = f"{where} cannot be read: {error.strerror or error}; see to its rights and its mount"
            raise TemporaryError(reason) from error


def place_of(seen: Seen, part: Part, rows: int, *, is_changed: bool) -> dict[str, Any]:
    """The position behind a part, as `Progress` takes it."""
    return {
        "file": seen.name,
        "stamp": seen.stamp,
        "rows": rows,
        "end": part.is_last,
        "fault": part.fault,
        "changed": is_changed,
    }
