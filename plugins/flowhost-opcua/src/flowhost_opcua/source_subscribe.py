"""`opcua.subscribe`: every change of the chosen values as a message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from flowhost.sdk import OUT, ConfigError, Emit, Message, NodeContext, NodeError, NodeSpec, Port, Source
from flowhost_opcua.config import SubscribeConfig
from flowhost_opcua.connection import OpcUaConnection
from flowhost_opcua.gaps import Gap, gap_message
from flowhost_opcua.inbox import Inbox
from flowhost_opcua.losses import Losses
from flowhost_opcua.read_again import ReadAgain

if TYPE_CHECKING:
    from flowhost_opcua.feed import Feed
    from flowhost_opcua.link import Link
    from flowhost_opcua.values import Tag
    from flowhost_opcua.watchlist import Watchlist

BATCH = 1_000


class OpcUaSubscribe(Source[SubscribeConfig]):
    """Follows values of an OPC UA server.

    One message per value; the payload is the value. Order per item is the server's. After a lost link it subscribes
    again by itself and reports the gap. Values that changed while there was no session are not recovered.
    """

    spec = NodeSpec(
        id="opcua.subscribe",
        title="OPC UA subscribe",
        summary="Brings every change of chosen values of an OPC UA server.",
        category="plant",
        icon="opcua",
        ports=(OUT, Port(name="gaps", summary="one message for every time span without data")),
        connection="opcua.client",
        keywords=("PLC", "tag", "monitored item", "SCADA", "IEC 62541"),
    )
    Config = SubscribeConfig
    stable_ids = True

    def __init__(self, config: SubscribeConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._inbox = Inbox()
        self._wake = asyncio.Event()
        self._losses = Losses(context.board)
        self._again = ReadAgain(context.board)
        self._watchlist: Watchlist | None = None
        self._link: Link | None = None
        self._feed: Feed | None = None
        self._last_heard_ns = 0
        self._last_reason = ""

    @override
    async def open(self) -> None:
        """Prepare the list of items; the subscription is made by `run`."""
        from flowhost_opcua.watchlist import Watchlist

        if self._watchlist is None:
            self._watchlist = Watchlist(self.config, self.context, self._connection())

    @override
    async def run(self, emit: Emit) -> None:
        """Subscribe, pass on, and again after every lost link, until cancelled.

        Raises:
            AuthenticationError: the server refused us at a reconnect.
            TemporaryError: the server refused the subscription.
        """
        while True:
            link = await self._connection().link()
            try:
                await self._subscribe(link)
            except NodeError:
                if not link.is_lost:
                    raise
                continue
            await self._report_gap(link, emit)
            await self._pass_on(link, emit)

    @override
    async def close(self) -> None:
        """Delete the subscription where the session still lives; other nodes keep the session."""
        link, feed, self._feed, self._link = self._link, self._feed, None, None
        if link is None or feed is None:
            return
        self._remember(feed, "node was restarted")
        try:
            await link.unsubscribe(feed)
        except (NodeError, TimeoutError) as error:
            self.context.log.debug("subscription not deleted: %s", error)

    @override
    def health(self) -> str:
        """Items that the server refuses, where there are any."""
        return self._watchlist.health() if self._watchlist is not None else ""

    async def _subscribe(self, link: Link) -> None:
        from flowhost_opcua.feed import Feed

        self._again.begin()
        feed = Feed(self._receive, link.fail, self.context.clock.now_ns)
        await link.subscribe(feed, self.config.publish_ms)
        self._link, self._feed = link, feed
        await self._items.start(link, feed.subscription_id)

    async def _pass_on(self, link: Link, emit: Emit) -> None:
        """Hand over what arrives until the link is lost and all of it is handed over."""
        take_back = link.on_lost(self._wake.set)
        retry = _every(self.config.retry_refused_s, self._wake.set)
        try:
            while not link.is_lost:
                await self._wake.wait()
                self._wake.clear()
                await self._drain(emit)
                await self._retry_refused(link)
            await self._drain(emit)
        finally:
            retry()
            take_back()
            self._check_losses()
        if self._feed is not None:
            self._remember(self._feed, link.reason)

    async def _drain(self, emit: Emit) -> None:
        """Everything that has accumulated, in batches; returning to the loop between them."""
        while taken := self._inbox.take(BATCH):
            if self._inbox.is_low and self._link is not None and self._feed is not None:
                self._link.set_publishing(self._feed, enabled=True)
            messages = self._messages(taken)
            if messages:
                await emit(messages)
        self._again.tell()
        self._check_losses()

    def _messages(self, notifications: list[Any]) -> list[Message]:
        from flowhost_opcua.values import message_of, overflowed

        tags: dict[int, Tag] = self._items.tags
        received_ns = self.context.clock.now_ns()
        messages = []
        for notification in notifications:
            tag = tags.get(notification.ClientHandle)
            if tag is not None:
                message = message_of(tag, notification.Value, received_ns)
                if overflowed(message.meta.status or 0):
                    self._losses.overflow(tag.topic)
                self._again.see(notification.ClientHandle, message.meta.id)
                messages.append(message)
        return messages

    def _receive(self, notifications: list[Any]) -> None:
        """From the network: keep, and ask the server to hold back when the flow is slower than the plant."""
        self._inbox.add(notifications)
        if self._inbox.is_high and self._link is not None and self._feed is not None:
            self._link.set_publishing(self._feed, enabled=False)
        self._wake.set()

    async def _retry_refused(self, link: Link) -> None:
        try:
            await self._items.retry(link)
        except NodeError:
            if not link.is_lost:
                raise

    async def _report_gap(self, link: Link, emit: Emit) -> None:
        if not self._last_heard_ns:
            return
        gap = Gap(link.config.endpoint, self._last_heard_ns, self.context.clock.now_ns(), self._last_reason)
        self._last_heard_ns = 0
        self.context.board.notice("gap", gap.text)
        if "gaps" in self.context.wired_ports:
            await emit([gap_message(gap, self.context.flow, self.context.node)], port="gaps")

    def _remember(self, feed: Feed, reason: str) -> None:
        """From here on there may be data we do not see."""
        if not self._last_heard_ns:
            self._last_heard_ns, self._last_reason = feed.heard_ns, reason

    def _check_losses(self) -> None:
        self._losses.check(self._inbox.dropped, self._feed.missed if self._feed is not None else 0)

    def _connection(self) -> OpcUaConnection:
        connection = self.context.connection
        if not isinstance(connection, OpcUaConnection):
            msg = f"node {self.context.node!r} needs a connection of type opcua.client"
            raise ConfigError(msg)
        return connection

    @property
    def _items(self) -> Watchlist:
        if self._watchlist is None:
            msg = "run before open"
            raise RuntimeError(msg)
        return self._watchlist


def _every(seconds: float, call: Callable[[], None]) -> Callable[[], None]:
    """Call again and again on the loop; returns how to stop it."""
    loop = asyncio.get_running_loop()
    handle: list[asyncio.TimerHandle] = []

    def fire() -> None:
        call()
        handle[:] = [loop.call_later(seconds, fire)]

    handle[:] = [loop.call_later(seconds, fire)]
    return lambda: handle[0].cancel()  # noqa: PLW0108 - the handle in the list changes with every call
