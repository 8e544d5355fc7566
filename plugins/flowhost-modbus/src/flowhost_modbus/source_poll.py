"""`modbus.poll`: one message per scan of a tag table."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from typing_extensions import override

from flowhost.sdk import Emit, Message, Meta, NodeContext, NodeSpec, PermanentError, Source, TemporaryError
from flowhost_modbus.config import PollConfig
from flowhost_modbus.connection import ModbusConnection
from flowhost_modbus.pace import BackOff, FixedRate
from flowhost_modbus.plan import Limits, describe, plan_blocks
from flowhost_modbus.scan import Scanner, ScanResult, errors_text


class ModbusPoll(Source[PollConfig]):
    """Reads a tag table at a fixed rate; the payload is an object by tag name.

    Scans keep their rate without drift; one that would begin late is skipped and counted. A tag that cannot be read
    is null, the message's quality is then `uncertain` and its header `modbus.errors` names tag and reason. When
    nothing can be read there is no message; the gap is noticed once values come again. Not replayable: what was not
    read at its time is gone.
    """

    spec: ClassVar[NodeSpec] = NodeSpec(
        id="modbus.poll",
        title="Modbus poll",
        summary="Reads registers and coils of a Modbus device at a fixed rate.",
        category="plant",
        icon="speed",
        connection="modbus.client",
        keywords=("modbus", "register", "coil", "meter", "plc", "tag"),
    )
    Config: ClassVar[type[PollConfig]] = PollConfig
    stable_ids: ClassVar[bool] = True

    def __init__(self, config: PollConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self.missed_scans = 0
        self._scanner: Scanner | None = None
        self._back_off = BackOff()
        self._first: Message | None = None
        self._last_scan_ns = 0
        self._failing = False
        self._faulty: frozenset[str] = frozenset()
        self._meta = Meta()

    @override
    async def open(self) -> None:
        """Plan the requests and make the first scan: the node counts as open once something can be read.

        What an earlier life learned about gaps is forgotten, the device may be another. Raises `NotConnectedError`
        when the link is lost and `TemporaryError` when nothing can be read; both say after how many seconds (0.5 to
        10) it makes sense to try again.
        """
        connection = self._connection()
        if self._scanner is None:
            self._scanner = self._planned(connection.context.name)
            self.context.log.info("%s", describe(self._scanner.blocks))
        self._scanner.start_over()
        self._first = self._message(await self._scan())

    @override
    async def close(self) -> None:
        """Forget the first scan if nobody took it."""
        self._first = None

    @override
    def health(self) -> str:
        """The plan, missed scans, and tags that cannot be read."""
        if self._scanner is None:
            return ""
        parts = [describe(self._scanner.blocks)]
        if self.missed_scans:
            parts.append(f"{self.missed_scans} scans skipped")
        if self._faulty:
            parts.append(f"cannot be read: {', '.join(sorted(self._faulty))}")
        return "; ".join(parts)

    @override
    async def run(self, emit: Emit) -> None:
        """Scan until cancelled. Raises as `open` does."""
        clock, loop = self.context.clock, asyncio.get_running_loop()
        rate = FixedRate(self.config.period_ms / 1000, loop.time())
        message, self._first = self._first, None
        while True:
            await emit([message or self._message(await self._scan())])
            message = None
            due, missed = rate.next_due(loop.time())
            self._note_missed(missed)
            await clock.sleep(max(0.0, due - loop.time()))

    def _planned(self, connection_name: str) -> Scanner:
        config = self.config
        topic = config.topic or f"{connection_name}/{config.unit_id}"
        units = {tag.unit for tag in config.tags}
        self._meta = Meta(
            topic=topic,
            key=topic,
            unit=units.pop() if len(units) == 1 else "",
            headers={f"unit.{tag.name}": tag.unit for tag in config.tags if tag.unit},
        )
        limits = Limits(config.max_gap, config.max_registers, config.max_bits)
        return Scanner(config.tags, config.unit_id, plan_blocks(config.tags, limits))

    async def _scan(self) -> ScanResult:
        if self._scanner is None:
            msg = "modbus.poll runs only after it was opened"
            raise PermanentError(msg)
        try:
            result = await self._scanner.scan(self._connection())
        except TemporaryError as error:
            self._failing = True
            raise type(error)(str(error), max(error.after_s or 0.0, self._back_off.failed())) from error
        self._back_off.succeeded()
        return result

    def _message(self, result: ScanResult) -> Message:
        """A scan as a message; its time is that of the last answer."""
        now_ns = self.context.clock.now_ns()
        self._note_gap(now_ns)
        self._note_faulty(result.errors)
        meta = self._meta
        headers = meta.headers
        if result.errors:
            headers = {**headers, "modbus.errors": errors_text(result.errors)}
        return Message(
            result.values,
            Meta(
                topic=meta.topic,
                time_ns=now_ns,
                quality="uncertain" if result.errors else "good",
                unit=meta.unit,
                key=meta.key,
                id=f"{self.context.flow}/{self.context.node}/{now_ns}",
                headers=headers,
            ),
        )

    def _note_gap(self, now_ns: int) -> None:
        if self._failing and self._last_scan_ns:
            lost_s = (now_ns - self._last_scan_ns) / 1e9
            text = f"no values between {_clock(self._last_scan_ns)} and {_clock(now_ns)}"
            self.context.board.notice("gap", f"{text} ({lost_s:.1f} s)")
        self._failing = False
        self._last_scan_ns = now_ns

    def _note_faulty(self, errors: Mapping[str, str]) -> None:
        """Say which tags fail, once per change, not per scan."""
        faulty = frozenset(errors)
        if faulty - self._faulty:
            new = {name: reason for name, reason in errors.items() if name not in self._faulty}
            self.context.board.notice("warning", errors_text(new))
        elif self._faulty - faulty:
            well = ", ".join(sorted(self._faulty - faulty))
            self.context.board.notice("info", f"can be read again: {well}")
        self._faulty = faulty

    def _note_missed(self, missed: int) -> None:
        if missed and not self.missed_scans:
            text = (
                f"a scan and its way on took longer than {self.config.period_ms} ms; scans skipped: {missed}; lengthen "
                "period_ms or read fewer tags (further ones are only counted)"
            )
            self.context.board.notice("warning", text)
        self.missed_scans += missed

    def _connection(self) -> ModbusConnection:
        connection = self.context.connection
        if not isinstance(connection, ModbusConnection):
            msg = f"{self.context.node} needs a connection of type modbus.client: name one in `connection`"
            raise PermanentError(msg)
        return connection


def _clock(when_ns: int) -> str:
    """Time of day on this machine, as all texts of FlowHost have it; with the date where that is not today."""
    at = datetime.fromtimestamp(when_ns / 1e9).astimezone()
    form = "%H:%M:%S" if at.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S"
    return at.strftime(form)
