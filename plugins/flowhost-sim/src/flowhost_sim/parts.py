"""A part of the simulator that is switched off and on while the rest runs, and how it really is."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from flowhost_sim.ports import is_free

_START_S = 30.0
_STOP_S = 10.0


class Part(Protocol):
    """A server or client of the simulator; it can be started again after it was stopped."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def update(self) -> None:
        """Shows the present state of the line; called five times a second."""


class PartFaultError(OSError):
    """A part did not do what it was told to; the text says which, and why."""


@dataclass(frozen=True, slots=True)
class PartState:
    """How a part is.

    Attributes:
        on: it works now.
        fault: why it is not as it was told to be; empty where it is.
    """

    on: bool
    fault: str = ""


class SwitchedPart:
    """One part and its switch; whoever switches waits for those who switched it before.

    Args:
        title: the part, for people.
        part: what is switched.
        address: host and port of a server; None where the part has none.
    """

    def __init__(self, title: str, part: Part, address: tuple[str, int] | None = None) -> None:
        self._title = title
        self._part = part
        self._address = address
        self._on = False
        self._fault = ""
        self._died = False
        self._lock = asyncio.Lock()

    @property
    def state(self) -> PartState:
        """How it is now: a server that was on and no longer holds its port is off, whatever it was told."""
        if self._on and not self._lock.locked() and not self._holds_port():
            self._on, self._died = False, True
            self._fault = f"The {self._title} stopped by itself"
        return PartState(self._on, self._fault)

    async def start(self) -> None:
        """Switches it on. Raises `PartFaultError` if it does not come; it is off then."""
        async with self._lock:
            if self._on:
                return
            try:
                async with asyncio.timeout(_START_S):
                    if self._died:  # clear away what is left of it
                        await self._part.stop()
                        self._died = False
                    await self._part.start()
            except TimeoutError as error:
                raise self._failed(f"did not start within {_START_S:g} s") from error
            except Exception as error:  # whatever a library raises, the switch says that it did not come
                raise self._failed(self._refusal(error)) from error
            self._on, self._fault = True, ""

    async def stop(self, within_s: float = _STOP_S) -> None:
        """Switches it off. Raises `PartFaultError` if it stays; whether it still works is in `state`."""
        async with self._lock:
            if not self._on:
                return
            try:
                async with asyncio.timeout(within_s):
                    await self._part.stop()
            except TimeoutError as error:
                self._on = self._holds_port()
                raise self._failed(f"did not stop within {within_s:g} s") from error
            except Exception as error:
                self._on = self._holds_port()
                raise self._failed(str(error)) from error
            self._on, self._fault = False, ""

    async def update(self) -> None:
        """Shows the present state of the line, unless it is off or being switched."""
        if not self._on or self._lock.locked():
            return
        async with self._lock:
            await self._part.update()

    def _holds_port(self) -> bool:
        return self._address is None or not is_free(*self._address)

    def _refusal(self, error: Exception) -> str:
        if self._address is not None and self._holds_port():
            return f"cannot come back: port {self._address[1]} is taken by another program; free it, then try again"
        return f"did not start: {error}"

    def _failed(self, what: str) -> PartFaultError:
        self._fault = f"The {self._title} {what}"
        return PartFaultError(self._fault)
