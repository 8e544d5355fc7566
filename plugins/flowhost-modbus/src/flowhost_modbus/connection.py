"""The link to a device or gateway as flows see it: one request at a time, found again after every loss."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from flowhost.sdk import Connection, ConnectionContext, ConnectionSpec, NotConnectedError
from flowhost_modbus.answers import RefusedError, SilentError, WrongAnswerError
from flowhost_modbus.config import ModbusClientConfig, Table
from flowhost_modbus.link import HungUpError, Link
from flowhost_modbus.pace import BackOff


class ModbusConnection(Connection[ModbusClientConfig]):
    """A device, gateway or bus reached over Modbus TCP, a serial line, or a converter between the two.

    Requests of all nodes are made one after the other: many devices mix up answers otherwise. After a time-out the
    link is closed and made anew, so that a late answer can never be taken for another one; on a serial line, whose
    answers do not name their request, nothing is asked for `drain_s` either. A lost link is made again
    by the next request, no sooner than 0.5 s and, while it keeps failing, 10 s after the last attempt.
    """

    spec: ClassVar[ConnectionSpec] = ConnectionSpec(
        id="modbus.client",
        title="Modbus device",
        summary="A PLC, meter, drive, gateway or serial bus that speaks Modbus.",
        icon="developer_board",
        keywords=("modbus", "tcp", "rtu", "serial", "rs485", "plc", "meter", "gateway", "register"),
    )
    Config: ClassVar[type[ModbusClientConfig]] = ModbusClientConfig

    def __init__(self, config: ModbusClientConfig, context: ConnectionContext) -> None:
        super().__init__(config, context)
        self._where = config.place
        self._turn = asyncio.Lock()
        self._link: Link | None = None
        self._back_off = BackOff()
        self._next_attempt = 0.0
        self._quiet_until = 0.0
        self._loss = ""
        self._silent_units: set[int] = set()

    @override
    async def open(self) -> None:
        """Connect. Raises `NotConnectedError` with the reason."""
        async with self._turn:
            self._hang_up()
            self._link = await self._dialled()
            self._found()

    @override
    async def close(self) -> None:
        """Hang up."""
        self._hang_up()

    @override
    def health(self) -> str:
        """Where we are connected to, or why not."""
        if self._loss:
            return f"no link: {self._loss}"
        state = "connected to" if self._link and self._link.is_open else "not connected to"
        silent = ", ".join(str(unit) for unit in sorted(self._silent_units))
        return f"{state} {self._where}" + (f"; silent: unit {silent}" if silent else "")

    async def read(self, table: Table, unit_id: int, start: int, count: int) -> Sequence[int]:
        """Read one block of a unit; bits come as 0 and 1.

        Raises:
            RefusedError: the device refused; the link is fine.
            WrongAnswerError: it sent fewer values than asked for.
            SilentError: no answer in time.
            NotConnectedError: there is no link now; `after_s` says when the next attempt may be made.
        """
        async with self._turn:
            try:
                values = await self._ask_twice(table, unit_id, start, count)
            except SilentError as error:
                self._note_silence(unit_id, str(error))
                raise
            except (RefusedError, WrongAnswerError):
                self._note_answer(unit_id)
                raise
            self._note_answer(unit_id)
            return values

    async def test(self) -> str:
        """Connect, read one register of unit 1, hang up; any answer shows that Modbus is spoken."""
        link = Link(self.config)
        try:
            await link.open()
            await link.read("holding", 1, 0, 1)
        except (RefusedError, WrongAnswerError) as answer:
            return f"{self._where} speaks {self._language}; unit 1 says: {answer}"
        except SilentError:
            done = "is open" if self.config.framing == "rtu" else "accepts connections"
            return f"{self._where} {done}, but unit 1 is silent: that is fine if your unit has another id"
        finally:
            link.close()
        return f"{self._where} speaks {self._language}; unit 1 answers"

    @property
    def _language(self) -> str:
        return "Modbus TCP" if self.config.framing == "tcp" else "Modbus RTU"

    async def _ask_twice(self, table: Table, unit_id: int, start: int, count: int) -> Sequence[int]:
        """Devices close idle links, perhaps just as we ask: then a new link and the same question, once."""
        try:
            return await self._ask(await self._linked(), table, unit_id, start, count)
        except HungUpError:
            link = await self._linked()
        try:
            return await self._ask(link, table, unit_id, start, count)
        except HungUpError as error:
            raise self._lost(str(error)) from error

    async def _ask(self, link: Link, table: Table, unit_id: int, start: int, count: int) -> Sequence[int]:
        """One request; unless it was answered, the link is given up, for its answer may still come."""
        answered = False
        try:
            values = await link.read(table, unit_id, start, count)
            answered = True
        except RefusedError:
            answered = True
            raise
        finally:
            if not answered:
                self._hang_up()
                self._quiet_until = asyncio.get_running_loop().time() + self.config.quiet_s
        return values

    async def _linked(self) -> Link:
        """The open link, made anew if need be. Raises `NotConnectedError`."""
        if self._link and self._link.is_open:
            return self._link
        self._hang_up()
        wait_s = self._next_attempt - asyncio.get_running_loop().time()
        if wait_s > 0:
            msg = f"{self._loss}; next attempt in {wait_s:.1f} s"
            raise NotConnectedError(msg, wait_s)
        try:
            link = self._link = await self._dialled()
        except NotConnectedError as error:
            raise self._lost(str(error)) from error
        self._found()
        return link

    async def _dialled(self) -> Link:
        """A new link. Raises `NotConnectedError`."""
        link = Link(self.config)
        try:
            await link.open()
            # what is still on its way comes now, and goes nowhere
            await asyncio.sleep(self._quiet_until - asyncio.get_running_loop().time())
        except BaseException:
            link.close()
            raise
        return link

    def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link:
            link.close()

    def _lost(self, reason: str) -> NotConnectedError:
        delay = self._back_off.failed()
        self._next_attempt = asyncio.get_running_loop().time() + delay
        if not self._loss:
            self.context.board.notice("lost", reason)
        self._loss = reason
        return NotConnectedError(reason, delay)

    def _found(self) -> None:
        if self._loss:
            self.context.board.notice("restored", f"connected to {self._where} again")
        self._loss = ""
        self._back_off.succeeded()

    def _note_silence(self, unit_id: int, reason: str) -> None:
        if unit_id not in self._silent_units:
            self.context.board.notice("lost", f"{reason}; check unit id, power and wiring")
        self._silent_units.add(unit_id)

    def _note_answer(self, unit_id: int) -> None:
        if unit_id in self._silent_units:
            self.context.board.notice("restored", f"unit {unit_id} answers again")
        self._silent_units.discard(unit_id)
