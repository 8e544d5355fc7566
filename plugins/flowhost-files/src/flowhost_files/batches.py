"""Writes batches, in the node's thread: which message went where, and what became of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from flowhost.sdk import Message, MessageError, NodeContext, Ok, Reject, Retry, TemporaryError, WriteOutcome
from flowhost_files.appending import Appender
from flowhost_files.atomic import fault, make_folder, sync_folder, write_whole
from flowhost_files.config import EXTENSIONS, WriteConfig
from flowhost_files.formats import Formatter, fitted
from flowhost_files.paths import below, name_from, parts_of


class BatchWriter:
    """One call at a time, in one thread.

    What is written stays written when something fails later in the batch; if nothing was, the fault itself is raised.
    """

    def __init__(self, config: WriteConfig, context: NodeContext) -> None:
        self.config = config
        self.base = context.base_dir
        self.format = Formatter(config)
        self._notices: list[str] = []

    def write(self, messages: Sequence[Message], stop: threading.Event) -> list[WriteOutcome] | None:
        """Write the batch, or as much of it as there is time for until `stop` is set.

        Raises:
            TemporaryError: nothing was written.
        """
        outcomes: list[WriteOutcome | None] = [None] * len(messages)
        trouble: TemporaryError | None = None
        try:
            self.write_into(outcomes, messages, stop)
        except TemporaryError as error:
            trouble = error
        if trouble is not None and not any(isinstance(outcome, Ok | Reject) for outcome in outcomes):
            raise trouble
        if all(isinstance(outcome, Ok) for outcome in outcomes):
            return None
        later = Retry(None, str(trouble) if trouble else "stopped before its turn", down=trouble is not None)
        return [later if outcome is None else outcome for outcome in outcomes]

    def write_into(
        self, outcomes: list[WriteOutcome | None], messages: Sequence[Message], stop: threading.Event
    ) -> None:
        """Fill in the outcomes. Raises `TemporaryError` where it cannot go on."""
        raise NotImplementedError

    def tell(self, text: str) -> None:
        """Keep a notice for the run's history."""
        self._notices.append(text)

    def take_notices(self) -> list[str]:
        """What was kept since the last call."""
        taken, self._notices = self._notices, []
        return taken


class WholeWriter(BatchWriter):
    """A file per message."""

    @override
    def write_into(
        self, outcomes: list[WriteOutcome | None], messages: Sequence[Message], stop: threading.Event
    ) -> None:
        """Each file is renamed into its place; the folders are synced once, and only then anything is confirmed."""
        written: dict[Path, list[int]] = {}
        try:
            for index, message in enumerate(messages):
                if stop.is_set():
                    break
                try:
                    written.setdefault(self._write_one(message).parent, []).append(index)
                except MessageError as error:
                    outcomes[index] = Reject(str(error))
        finally:
            self._confirm(outcomes, written)

    def _write_one(self, message: Message) -> Path:
        data = self.format.whole(message)
        path = self.config.path.render(message)
        parts = parts_of(path)
        if path.endswith("/"):
            parts.append(name_from(identity_of(message, data), EXTENSIONS[self.config.format]))
        target = below(self.base, parts)
        try:
            make_folder(target.parent)
            write_whole(target, data)
        except OSError as error:
            raise fault(error, target) from error
        return target

    def _confirm(self, outcomes: list[WriteOutcome | None], written: dict[Path, list[int]]) -> None:
        for folder, indexes in written.items():
            try:
                sync_folder(folder)
            except OSError as error:
                raise TemporaryError(f"{folder} cannot be kept on disk ({error.strerror}): look at it") from error
            for index in indexes:
                outcomes[index] = Ok()


class AppendingWriter(BatchWriter):
    """Lines at the end of files."""

    def __init__(self, config: WriteConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._is_csv = config.format == "csv"
        self._appender = Appender(is_csv=self._is_csv, notice=self.tell)

    @override
    def write_into(
        self, outcomes: list[WriteOutcome | None], messages: Sequence[Message], stop: threading.Event
    ) -> None:
        """One write and one fsync per file."""
        for file, indexes in self._by_file(outcomes, messages).items():
            if stop.is_set():
                return
            try:
                self._append(file, indexes, outcomes, messages)
            except OSError as error:
                what = fault(error, file)
                if isinstance(what, TemporaryError):
                    raise what from error
                for index in indexes:
                    outcomes[index] = Reject(str(what))

    def _by_file(self, outcomes: list[WriteOutcome | None], messages: Sequence[Message]) -> dict[Path, list[int]]:
        files: dict[Path, list[int]] = {}
        for index, message in enumerate(messages):
            try:
                file = below(self.base, parts_of(self.config.path.render(message)))
            except MessageError as error:
                outcomes[index] = Reject(str(error))
            else:
                files.setdefault(file, []).append(index)
        return files

    def _append(
        self, file: Path, indexes: list[int], outcomes: list[WriteOutcome | None], messages: Sequence[Message]
    ) -> None:
        make_folder(file.parent)
        first = self._appender.look(file)
        lines, written = [], []
        for index in indexes:
            try:
                if self._is_csv:
                    first, line = self._csv_line(file, first, messages[index])
                else:
                    line = self.format.json_line(messages[index])
            except MessageError as error:
                outcomes[index] = Reject(str(error))
            else:
                lines.append(line)
                written.append(index)
        if lines:
            self._appender.append(file, b"".join(lines), first)
        for index in written:
            outcomes[index] = Ok()

    def _csv_line(self, file: Path, first: bytes, message: Message) -> tuple[bytes, bytes]:
        """The file's first line, and what to write for the message: in a new file, the columns come before it."""
        values = self.format.values(message)
        if first:
            return first, self.format.row(fitted(values, self.format.header(first), file.name))
        row = self.format.row(list(values.values()))
        first = self.format.row(list(values))
        return first, first + row


def identity_of(message: Message, data: bytes) -> str:
    """The message's id; without one its origin, time and content, which are the same when it comes again."""
    meta = message.meta
    return meta.id or f"{meta.topic}/{meta.key}/{meta.time_ns}/{data!r}"
