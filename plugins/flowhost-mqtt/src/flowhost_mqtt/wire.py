"""The socket below a link: opened, read and written by the event loop, never blocking it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

CHUNK = 65_536
"""Bytes taken per loop turn: some 250 messages of 200 bytes, about a millisecond of decoding."""


class Wire:
    """A connected socket whose writes are joined and whose reads come in large pieces.

    What is written in one turn of the loop leaves in one segment, so that TCP_NODELAY costs nothing. Not for several
    threads. After `close` everything is a no-op.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._fd = sock.fileno()
        self._out = bytearray()
        self._on_bytes: Callable[[bytes], None] | None = None
        self._on_end: Callable[[str], None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._flush_planned = False
        self._writing = False
        self._reading = False
        self.closed = False

    def listen(self, on_bytes: Callable[[bytes], None], on_end: Callable[[str], None]) -> None:
        """Begin to read.

        Args:
            on_bytes: gets what arrived, once per loop turn.
            on_end: gets the reason in words when the other side has gone; called once.
        """
        self._on_bytes = on_bytes
        self._on_end = on_end
        self.resume()

    def pause(self) -> None:
        """Stop reading: the other side will have to wait once the buffers between are full."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        """Read again."""
        if self.closed or self._reading:
            return
        self._reading = True
        self._loop.add_reader(self._fd, self._readable)
        if self._pending():  # bytes TLS has already decrypted do not make the socket readable
            self._loop.call_soon(self._readable)

    def write(self, data: bytes | bytearray) -> None:
        """Queue bytes; they leave at the end of this loop turn or with the next `flush`."""
        if self.closed:
            return
        self._out += data
        if not self._flush_planned and not self._writing:
            self._flush_planned = True
            self._loop.call_soon(self._flush_planned_now)

    def flush(self) -> None:
        """Hand all queued bytes to the operating system, now or as soon as it takes them."""
        if self.closed or self._writing or not self._out:
            return
        try:
            sent = self._sock.send(self._out)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        except OSError as error:
            self._end(_words(error))
            return
        del self._out[:sent]
        if self._out:
            self._writing = True
            self._loop.add_writer(self._fd, self._writable)

    @property
    def backlog(self) -> int:
        """Bytes the operating system has not taken yet."""
        return len(self._out)

    async def drained(self) -> None:
        """Wait until the operating system has everything, or the wire is closed."""
        while self._out and not self.closed:
            if self._drained is None:
                self._drained = self._loop.create_future()
            await asyncio.shield(self._drained)

    async def hang_up(self) -> None:
        """Send what is queued, end our half, and throw away what still comes until the other side has closed as well.

        A socket that is closed with bytes unread is reset, and a reset takes from the other side what it has not read
        yet: the last acknowledgements. The caller bounds the time, and closes.
        """
        self._on_bytes = _discard
        self.resume()
        self.flush()
        await self.drained()
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it has gone already
        await asyncio.shield(self._over)

    def close(self) -> None:
        """Close the socket; queued bytes are given up."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._reading = self._writing = False
        self._sock.close()
        self._wake()
        if not self._over.done():
            self._over.set_result(None)

    def _flush_planned_now(self) -> None:
        self._flush_planned = False
        self.flush()

    def _readable(self) -> None:
        if self.closed or not self._reading:
            return
        try:
            data = self._sock.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            self._end(_words(error))
            return
        if not data:
            self._end("the broker closed the connection")
            return
        assert self._on_bytes is not None
        self._on_bytes(data)
        if self._pending():
            self._loop.call_soon(self._readable)

    def _writable(self) -> None:
        self._writing = False
        self._loop.remove_writer(self._fd)
        self.flush()
        if not self._out:
            self._wake()

    def _pending(self) -> bool:
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def _end(self, reason: str) -> None:
        self.close()
        if self._on_end is not None:
            self._on_end(reason)

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None


async def dial(host: str, port: int, tls: ssl.SSLContext | None) -> Wire:
    """Open a connection. The caller bounds the time.

    Raises:
        OSError: not reachable, not resolvable (`socket.gaierror`) or not trusted (`ssl.SSLError`).
    """
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, proto, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, proto)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
            return Wire(sock if tls is None else await _shake_hands(sock, host, tls))
        except OSError as error:
            sock.close()
            failure = failure or error
        except BaseException:
            sock.close()
            raise
    raise failure or OSError(f"{host} has no address")


async def _shake_hands(sock: socket.socket, host: str, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """TLS handshake, waiting on the loop instead of in the call."""
    secured = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                secured.do_handshake()
            except ssl.SSLWantReadError:
                await _ready(secured.fileno(), write=False)
            except ssl.SSLWantWriteError:
                await _ready(secured.fileno(), write=True)
            else:
                return secured
    except BaseException:
        secured.close()
        raise


async def _ready(fd: int, *, write: bool) -> None:
    """Wait until the file descriptor can be read or written."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    add(fd, _set, ready)
    try:
        await ready
    finally:
        remove(fd)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _discard(data: bytes) -> None:
    """What comes after our good-bye was not acknowledged: the broker sends it again."""


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
