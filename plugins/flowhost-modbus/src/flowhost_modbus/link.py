"""One link to a device, gateway or bus, by pymodbus; the only module that imports the driver.

What the driver leaves to its caller is done here: an exception response does not raise, a short answer is not
noticed, a failed connect only says False, and a peer that hangs up in the middle of a request is waited for until
the time-out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from flowhost.sdk import NotConnectedError
from flowhost_modbus.answers import RefusedError, SilentError, WrongAnswerError
from flowhost_modbus.config import ModbusClientConfig, Table

if logging.getLogger("pymodbus.logging").level == logging.NOTSET:
    # the driver logs each failed request as an error with a dump of frames; we say it in words, once
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class HungUpError(NotConnectedError):
    """The device closed the link."""


class Link:
    """One TCP connection or opened serial port; made, used by one request at a time, thrown away at the first doubt.

    Args:
        config: where and how.
    """

    def __init__(self, config: ModbusClientConfig) -> None:
        self._config = config
        self._where = config.place
        self._timeout_s = config.timeout_s
        self._free_at = 0.0
        self._client = self._made()
        self._refusal: BaseException | None = None
        self._remember_refusal()

    @property
    def is_open(self) -> bool:
        """Whether the peer is there, as far as TCP knows."""
        return self._client.connected

    async def open(self) -> None:
        """Connect. Raises `NotConnectedError` with the operating system's reason."""
        if not await self._client.connect():
            verb, reason = ("open", _port_reason) if self._config.framing == "rtu" else ("connect to", _reason)
            msg = f"cannot {verb} {self._where}: {reason(self._refusal, self._timeout_s)}"
            raise NotConnectedError(msg) from self._refusal

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    async def read(self, table: Table, unit_id: int, start: int, count: int) -> Sequence[int]:
        """Read one block; bits come as 0 and 1.

        Raises:
            RefusedError: the device refused.
            WrongAnswerError: it sent fewer values than asked for.
            SilentError: no answer in time; an answer may still come, so the link must not be used again.
            HungUpError: the peer closed the link.
        """
        answer = await self._ask(self._function(table)(start, count=count, device_id=unit_id), unit_id)
        place = f"{table} {start}"
        if isinstance(answer, ExceptionResponse):
            raise RefusedError(answer.exception_code, place, start)
        values: Sequence[int] = answer.bits if table in ("coil", "discrete") else answer.registers
        if len(values) < count or answer.isError():
            msg = f"{place}: asked for {count} values, the device sent {len(values)}: check `max_registers`"
            raise WrongAnswerError(msg)
        return values

    async def _ask(self, request: Any, unit_id: int) -> ModbusPDU:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self._free_at - loop.time())
            answer: ModbusPDU = await request
            self._free_at = loop.time() + self._config.pause_s
            return answer
        except ConnectionResetError as error:
            msg = f"{self._where} closed the link"
            raise HungUpError(msg) from error
        except ModbusException as error:
            if not self.is_open:
                msg = f"{self._where} closed the link"
                raise HungUpError(msg) from error
            msg = f"unit {unit_id} at {self._where} did not answer within {self._timeout_s:g} s"
            raise SilentError(msg) from error

    def _made(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        config = self._config
        common: dict[str, Any] = {
            "timeout": config.timeout_s,
            "retries": 0,  # a second copy of a request may be answered twice
            "reconnect_delay": 0,  # the connection decides when to try again
            "trace_connect": self._on_link,
        }
        if config.framing == "rtu":
            return AsyncModbusSerialClient(
                config.serial_port, framer=FramerType.RTU, baudrate=config.baudrate, bytesize=8,
                parity=config.parity[0].upper(), stopbits=config.stop_bits, **common,
            )  # fmt: skip
        framer = FramerType.SOCKET if config.framing == "tcp" else FramerType.RTU
        return AsyncModbusTcpClient(config.host, port=config.port, framer=framer, **common)

    def _function(self, table: Table) -> Callable[..., Any]:
        client = self._client
        return {
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
            "input": client.read_input_registers,
            "holding": client.read_holding_registers,
        }[table]

    def _on_link(self, up: bool) -> None:
        """The driver lets a pending request run into its time-out when the peer hangs up; end it at once."""
        pending = self._client.ctx.response_future
        if not up and not pending.done():
            pending.set_exception(ConnectionResetError())
            pending.exception()  # nobody may be waiting for it

    def _remember_refusal(self) -> None:
        """The driver turns the reason of a failed connect into False; keep it for the message."""
        connect = self._client.ctx.call_create

        async def remembering() -> Any:
            try:
                return await connect()
            except OSError as error:
                self._refusal = error
                raise

        self._client.ctx.call_create = remembering


def _reason(error: BaseException | None, timeout_s: float) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused; check the port, and that the device offers Modbus TCP"
    if error is None or isinstance(error, asyncio.TimeoutError):
        return f"no answer within {timeout_s:g} s; check address, power and network"
    return f"{error}; check the host name and the network"


def _port_reason(error: BaseException | None, _timeout_s: float) -> str:
    text = str(error or "")
    if isinstance(error, FileNotFoundError) or "No such file" in text or "FileNotFound" in text:
        return "there is no such port; check its name, and that the adapter is plugged in"
    if isinstance(error, PermissionError) or "Permission denied" in text or "PermissionError" in text:
        return "no right to use it, or another program has it; on Linux add FlowHost's user to the group dialout"
    if "exclusively lock" in text:
        return "another connection or program has it: all units of a bus share one connection"
    return f"{text or 'it did not open'}; check the port and its adapter"
