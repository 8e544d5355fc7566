"""One way of a proxied link, and the weather that all links share."""

from __future__ import annotations

import asyncio
from typing import Literal

Direction = Literal["to_target", "from_target"]

PORTION = 65_536


class Weather:
    """How the network is at this moment."""

    def __init__(self) -> None:
        self._open: dict[Direction, asyncio.Event] = {"to_target": asyncio.Event(), "from_target": asyncio.Event()}
        self.clear()

    def clear(self) -> None:
        """Fine."""
        self.latency_s = 0.0
        self.bytes_per_s = 0.0
        self.slice_bytes = 0
        self.release()

    def hold(self, direction: Direction) -> None:
        """Nothing comes through this way."""
        self._open[direction].clear()

    def release(self) -> None:
        """Everything comes through."""
        for way in self._open.values():
            way.set()

    async def let_through(self, direction: Direction) -> None:
        """Wait while this way is held."""
        await self._open[direction].wait()


class Pipe:
    """Carries bytes one way. It takes no more from its source than the line can hold.

    Attributes:
        left: bytes until the link is ended; None for no limit.
    """

    def __init__(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, weather: Weather, direction: Direction
    ) -> None:
        self.left: int | None = None
        self._source = source
        self._sink = sink
        self._weather = weather
        self._direction: Direction = direction

    async def run(self) -> bool:
        """Until the source ends, the limit is reached, or the other side is gone.

        Returns:
            True if the source has ended its half, which the sink was told: the other half goes on.
        """
        while self.left is None or self.left > 0:
            data = await self._source.read(PORTION)
            if not data:
                await self._weather.let_through(self._direction)  # an end does not get further than bytes do
                if not self._sink.is_closing():
                    self._sink.write_eof()
                return True
            if self._weather.latency_s:
                await asyncio.sleep(self._weather.latency_s)
            await self._pass_on(data)
        return False

    async def _pass_on(self, data: bytes) -> None:
        while data:
            await self._weather.let_through(self._direction)
            piece = data[: self._piece_size(len(data))]
            data = data[len(piece) :]
            self._sink.write(piece)
            await self._sink.drain()
            if self.left is not None:
                self.left -= len(piece)
                if self.left <= 0:
                    return
            if self._weather.bytes_per_s:
                await asyncio.sleep(len(piece) / self._weather.bytes_per_s)
            elif data:
                await asyncio.sleep(0)

    def _piece_size(self, size: int) -> int:
        weather = self._weather
        size = min(size, weather.slice_bytes or size)
        if weather.bytes_per_s:
            size = min(size, max(1, int(weather.bytes_per_s / 50)))
        return size if self.left is None else min(size, self.left)
