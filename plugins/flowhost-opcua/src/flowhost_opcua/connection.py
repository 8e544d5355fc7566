"""The shared session with a server, and the supervisor that gets it back."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from flowhost.sdk import (
    AuthenticationError,
    BrowseRequest,
    Choices,
    Connection,
    ConnectionContext,
    ConnectionSpec,
    NodeError,
    NotConnectedError,
    PermanentError,
)
from flowhost_opcua.config import ClientConfig
from flowhost_opcua.nodeids import Namespaces

if TYPE_CHECKING:
    from flowhost_opcua.link import Link

FIRST_PAUSE_S = 0.5


class OpcUaConnection(Connection[ClientConfig]):
    """One session for all nodes that name this connection, each with a subscription of its own.

    When the session is lost a new client is built, with pauses of 0.5 s and then longer, without end; `lost` and
    `restored` are said once each. Only a refused user ends the attempts, because accounts get locked.

    Attributes:
        namespaces: the server's namespace table, remembered over reconnects.
    """

    spec = ConnectionSpec(
        id="opcua.client",
        title="OPC UA server",
        summary="A session with an OPC UA server, for example a PLC, a SCADA system or an aggregating server.",
        icon="opcua",
        keywords=("PLC", "IEC 62541", "SCADA"),
    )
    Config = ClientConfig

    def __init__(self, config: ClientConfig, context: ConnectionContext) -> None:
        super().__init__(config, context)
        self.namespaces = Namespaces()
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._failed: NodeError | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._said: set[str] = set()
        self._trouble = ""

    @override
    async def open(self) -> None:
        """Open the first session and keep watch over it.

        Raises:
            TemporaryError: the server cannot be reached now; says why.
            AuthenticationError: the server refuses user or password.
            PermanentError: security does not fit, or the server's certificate is not trusted.
        """
        await self.close()
        self._failed = None
        self._accept(await self._new_link())
        self._supervisor = asyncio.create_task(self._supervise(), name=f"opcua connection {self.context.name}")

    @override
    async def close(self) -> None:
        """End the session."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.wait([supervisor])
        link, self._link = self._link, None
        self._up.clear()
        if link is not None:
            await link.close()

    @override
    def health(self) -> str:
        """State in words."""
        if self._failed is not None:
            return str(self._failed)
        if self._link is None:
            return ""
        if self._link.is_lost:
            return f"reconnecting to {self.config.endpoint}: {self._trouble or self._link.reason}"
        return f"connected to {self.config.endpoint}"

    async def test(self) -> str:
        """Open a session of its own, read what the server says about itself, end it."""
        from flowhost_opcua.server_info import describe_server

        link = await self._new_link(supervised=False)
        try:
            return await describe_server(link)
        finally:
            await link.close()

    async def browse(self, request: BrowseRequest) -> Choices:
        """The server's nodes, a branch at a time or searched."""
        from flowhost_opcua.browsing import look_around

        return await look_around(await self.link(), request)

    async def link(self) -> Link:
        """The live session; waits while there is none.

        Raises:
            AuthenticationError: the server refused us at a reconnect; nobody tries again.
            NotConnectedError: the connection is closed.
        """
        while self._link is None or self._link.is_lost:
            if self._failed is not None:
                raise self._failed
            if self._supervisor is None:
                msg = f"connection {self.context.name!r} is closed"
                raise NotConnectedError(msg)
            await self._up.wait()
        return self._link

    async def _supervise(self) -> None:
        """Wait for the loss, say so, build a new session, say so, for ever."""
        while True:
            await self._lost.wait()
            old, since_ns = self._link, self.context.clock.now_ns()
            reason = old.reason if old is not None else ""
            self._notice("lost", f"link to {self.config.endpoint} lost: {reason}; trying to get it back")
            if old is not None:
                await old.close()
            try:
                self._accept(await self._reconnect())
            except AuthenticationError as error:
                self._give_up(error)
                return
            seconds = (self.context.clock.now_ns() - since_ns) / 1e9
            self._notice("restored", f"link to {self.config.endpoint} is back after {seconds:.1f} s")

    async def _reconnect(self) -> Link:
        """Try until it works.

        A server that is starting may refuse for a while what it accepts later, and a person may trust its new
        certificate meanwhile; so what needs a person is said, once, and tried again.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await self._new_link()
            except AuthenticationError:
                raise
            except NodeError as error:
                if isinstance(error, PermanentError) and str(error) != self._trouble:
                    self._notice("warning", str(error))
                self._trouble = str(error)
            await self.context.clock.sleep(pause_s * random.uniform(0.75, 1.0))  # noqa: S311 - spreads attempts, guards nothing
            pause_s = min(pause_s * 2, self.config.reconnect_max_s)

    async def _new_link(self, *, supervised: bool = True) -> Link:
        await asyncio.to_thread(_load_driver)
        from flowhost_opcua.link import Identity, Link

        pki_dir = self.context.base_dir / Path(self.config.pki_dir)
        identity = Identity(self.context.name, self.context.host_id, pki_dir)
        link = Link(self.config, identity, self._on_lost if supervised else lambda: None)
        await link.open()
        return link

    def _accept(self, link: Link) -> None:
        self._link, self._trouble = link, ""
        for change in self.namespaces.update(link.namespaces):
            self._notice("warning", f"{self.config.endpoint}: {change}; items follow the namespace, not the number")
        for remark in link.remarks:
            if remark not in self._said:
                self._said.add(remark)
                self._notice("warning", f"connection {self.context.name!r}: {remark}")
        self._lost.clear()
        self._up.set()
        if link.is_lost:
            self._on_lost()

    def _on_lost(self) -> None:
        """Called by the link the moment it is lost."""
        self._up.clear()
        self._lost.set()

    def _give_up(self, error: NodeError) -> None:
        self._failed = error
        self._notice("error", f"{error}; not tried again, because accounts get locked")
        self._up.set()

    def _notice(self, kind: Literal["lost", "restored", "warning", "error"], text: str) -> None:
        self.context.board.notice(kind, text)


def _load_driver() -> None:
    """Import all that needs the driver; half a second at first, which the event loop does not have."""
    import flowhost_opcua.watchlist  # noqa: F401
