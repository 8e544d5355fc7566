"""Where workers call in: a loopback port that answers only to one-time tokens."""

from __future__ import annotations

import asyncio
import hmac
import logging

from flowhost.fleet.frames import MAX_HELLO, BrokenFrameError, FromHost, FromWorker, Hello, encode, read_from_worker

log = logging.getLogger(__name__)

GREETING_TIMEOUT_S = 5.0


class Link:
    """The stream to one worker that has proved who it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> FromWorker | None:
        """The next frame; None once the worker is gone. Raises `BrokenFrameError`."""
        return await read_from_worker(self._reader)

    def send(self, frame: FromHost) -> None:
        """Hand a frame over; one to a worker that is gone is dropped, its end is noticed elsewhere."""
        if not self._writer.is_closing():
            self._writer.write(encode(frame))

    def close(self) -> None:
        """End the conversation."""
        self._writer.close()


class Reception:
    """Listens on a free loopback port and joins callers with those who expect them."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._expected: dict[str, asyncio.Future[Link]] = {}

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._greet, "127.0.0.1", 0)

    @property
    def port(self) -> int:
        """Where workers call in."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def expect(self, token: str) -> Link:
        """Wait for the worker that holds this token; the token works once."""
        waiting = self._expected.setdefault(token, asyncio.get_running_loop().create_future())
        return await waiting

    def forget(self, token: str) -> None:
        """Nobody waits for this token any more."""
        waiting = self._expected.pop(token, None)
        if waiting is not None and not waiting.done():
            waiting.cancel()

    async def close(self) -> None:
        """Stop listening. Links that exist are closed by their owners."""
        if self._server is not None:
            self._server.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Any process of this machine can connect: without a valid token within seconds the door closes."""
        try:
            async with asyncio.timeout(GREETING_TIMEOUT_S):
                hello = await read_from_worker(reader, MAX_HELLO)
        except (TimeoutError, BrokenFrameError) as error:
            log.warning("a caller on the worker port was turned away: %s", str(error) or "no greeting")
            writer.close()
            return
        waiting = self._claim(hello.token) if isinstance(hello, Hello) else None
        if waiting is None:
            log.warning("a caller on the worker port was turned away: unknown token")
            writer.close()
            return
        waiting.set_result(Link(reader, writer))

    def _claim(self, token: str) -> asyncio.Future[Link] | None:
        for expected, waiting in self._expected.items():
            if hmac.compare_digest(expected.encode(), token.encode()) and not waiting.done():
                return waiting
        return None
