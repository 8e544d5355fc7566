"""A TCP proxy that does to a link what networks do: late, cut, reset, half-open, narrow, in small pieces."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Literal

from flowhost.testing.pipe import Direction, Pipe, Weather

Held = Literal["both", "to_target", "from_target"]

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with time 0: closing sends RST instead of FIN."""


class FaultProxy:
    """Stands between a plugin and its real target, on a port of its own that it keeps while it is cut.

    Guarantees: bytes keep their order and are never changed; what a held link takes in comes out once it is released,
    as TCP would send it again. Runs on the test's own loop, so a target that blocks the loop stands still with it.

    Args:
        host: where the target is.
        port: its port; may be changed later, new links then go there.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target_host = host
        self.target_port = port
        self.host = "127.0.0.1"
        self.port = 0
        self.weather = Weather()
        self.accepted = 0
        self._server: asyncio.Server | None = None
        self._claim: socket.socket | None = None
        self._links: dict[_Link, asyncio.Task[None]] = {}

    async def __aenter__(self) -> FaultProxy:
        """Start to listen."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End everything."""
        await self.close()

    @property
    def links(self) -> int:
        """Links that stand now."""
        return len(self._links)

    async def start(self) -> None:
        """Listen on a free port."""
        self._claim = _bound(self.host, 0)
        self.port = self._claim.getsockname()[1]
        await self.restore()

    async def close(self) -> None:
        """Stop listening, end all links, give the port back."""
        await self.cut()
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    async def cut(self) -> None:
        """The target is away: links end, new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._end_links()

    async def restore(self) -> None:
        """The network is as it should be again: new links are taken, nothing is held, slowed or sliced."""
        self.weather.clear()
        if self._server is None:
            listening = _bound(self.host, self.port)
            self._server = await asyncio.start_server(self._serve, sock=listening)

    async def drop(self) -> None:
        """End the links that stand, with FIN; new ones are taken."""
        await self._end_links()

    async def reset(self) -> None:
        """End the links that stand, with RST; new ones are taken."""
        for link in self._links:
            link.arm_reset()
        await self._end_links()

    def hold(self, what: Held = "both") -> None:
        """Half-open: links stay and new ones are taken, but nothing comes through (or only one way) until `release`."""
        for direction in ("to_target", "from_target"):
            if what in ("both", direction):
                self.weather.hold(direction)

    def release(self) -> None:
        """What was held goes on its way."""
        self.weather.release()

    def slow(self, latency_s: float = 0.0, bytes_per_s: float = 0.0, slice_bytes: int = 0) -> None:
        """Make it a bad line.

        Args:
            latency_s: added each way.
            bytes_per_s: width of the line each way; 0 for no limit.
            slice_bytes: largest piece that arrives at once; 0 for no limit.
        """
        self.weather.latency_s, self.weather.bytes_per_s, self.weather.slice_bytes = latency_s, bytes_per_s, slice_bytes

    def cut_after(self, size: int, direction: Direction = "to_target") -> None:
        """End each link once so many more bytes have gone that way: requests that arrive and are never answered."""
        for link in self._links:
            link.limit(size, direction)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = _Link(reader, writer, self.weather)
        task = asyncio.get_running_loop().create_task(link.run(self.target_host, self.target_port), name="proxied link")
        self._links[link] = task
        task.add_done_callback(lambda _: self._links.pop(link, None))

    async def _end_links(self) -> None:
        tasks = list(self._links.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


class _Link:
    """One client's link and its twin to the target."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, weather: Weather) -> None:
        self._client = (reader, writer)
        self._weather = weather
        self._pipes: dict[Direction, Pipe] = {}
        self._writers = [writer]

    async def run(self, host: str, port: int) -> None:
        """Carry bytes both ways until both sides have ended, or one is gone."""
        try:
            target = await asyncio.open_connection(host, port)
            self._writers.append(target[1])
            self._pipes = {
                "to_target": Pipe(self._client[0], target[1], self._weather, "to_target"),
                "from_target": Pipe(target[0], self._client[1], self._weather, "from_target"),
            }
            await self._carry([asyncio.create_task(pipe.run()) for pipe in self._pipes.values()])
        except OSError:
            pass  # the target is away, and so is this link: the client feels its end
        finally:
            for writer in self._writers:
                writer.close()

    async def _carry(self, tasks: list[asyncio.Task[bool]]) -> None:
        try:
            # a half that was ended in order leaves the other one: a target may still be reading what came before
            for first in asyncio.as_completed(tasks):
                if not await first:
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def arm_reset(self) -> None:
        """Closing sends RST."""
        for writer in self._writers:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def limit(self, size: int, direction: Direction) -> None:
        """End after so many more bytes."""
        if direction in self._pipes:
            self._pipes[direction].left = size


def _bound(host: str, port: int) -> socket.socket:
    """A socket bound to the port. One that never listens keeps it reserved: connections are refused meanwhile."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound
