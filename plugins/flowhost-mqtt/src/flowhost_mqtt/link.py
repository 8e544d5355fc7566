"""A link: one network connection to a broker, from CONNECT to its end. A new connection is a new link."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from flowhost_mqtt.driver import BrokenPacketError, PahoClient
from flowhost_mqtt.packets import Arrival, encode_pubacks, encode_publish
from flowhost_mqtt.terms import ClientTerms, Welcome
from flowhost_mqtt.wire import Wire, dial

log = logging.getLogger(__name__)

Outgoing: TypeAlias = "tuple[bytes, bytes, bytes]"
"""Topic (length-prefixed), payload, properties (empty for 3.1.1)."""


class LinkOwner(Protocol):
    """Who uses the link. Calls come on the loop, during a read, and must be short."""

    def welcomed(self, link: Link, welcome: Welcome) -> None:
        """The broker has accepted us; messages follow."""
        ...

    def arrived(self, arrivals: list[Arrival], size: int) -> None:
        """Messages of one read, in order, `size` bytes together."""
        ...


class LinkRefusedError(Exception):
    """The broker answered CONNECT with a refusal."""

    def __init__(self, welcome: Welcome) -> None:
        super().__init__(welcome.reason)
        self.welcome = welcome


class LinkEndedError(Exception):
    """The connection ended before the broker had answered."""


class Delivery:
    """A batch on its way at QoS 1: what the broker said to each message.

    Attributes:
        codes: reason code per message; None where no answer has come.
        done: set when all are answered, or the link has ended.
    """

    __slots__ = ("codes", "done", "items", "next", "open", "retain")

    def __init__(self, items: Sequence[Outgoing], retain: bool, done: asyncio.Future[None]) -> None:
        self.items = items
        self.retain = retain
        self.done = done
        self.codes: list[int | None] = [None] * len(items)
        self.next = 0
        self.open = len(items)

    def settle(self, index: int, code: int) -> None:
        """The broker has answered for one message."""
        self.codes[index] = code
        self.open -= 1
        if not self.open:
            self.finish()

    def finish(self) -> None:
        """There is nothing more to wait for."""
        if not self.done.done():
            self.done.set_result(None)


@dataclass
class _Hopes:
    """Answers somebody waits for."""

    welcome: asyncio.Future[Welcome]
    subacks: dict[int, asyncio.Future[Sequence[int]]] = field(default_factory=dict)


class Link:
    """Guarantees: order per link; at most `window` unconfirmed messages; acknowledgements only on this connection.

    Attributes:
        ended: resolved with the reason in words when the link is over.
        window: how many QoS 1 messages may be without PUBACK at a time.
    """

    def __init__(self, wire: Wire, terms: ClientTerms, owner: LinkOwner, window: int) -> None:
        loop = asyncio.get_running_loop()
        self.version = terms.version
        self.ended: asyncio.Future[str] = loop.create_future()
        self.window = window
        self.maximum_packet = 0
        self._owner = owner
        self._wire = wire
        self._loop = loop
        self._hopes = _Hopes(loop.create_future())
        self._unconfirmed: dict[int, tuple[Delivery, int]] = {}
        self._deliveries: deque[Delivery] = deque()
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._client = PahoClient(wire, terms, self)

    @classmethod
    async def establish(
        cls, host: str, port: int, tls: ssl.SSLContext | None, terms: ClientTerms, owner: LinkOwner, window: int
    ) -> Link:
        """Connect and wait for the broker's answer. The caller bounds the time.

        Raises:
            OSError: not reachable.
            LinkRefusedError: the broker said no.
            LinkEndedError: it hung up instead of answering.
        """
        wire = await dial(host, port, tls)
        link = cls(wire, terms, owner, window)
        try:
            await link._greet(terms, host, port)
        except BaseException:
            wire.close()
            raise
        return link

    @property
    def alive(self) -> bool:
        """False once the connection is gone."""
        return not self.ended.done()

    async def subscribe(self, filters: Sequence[str], qos: int, *, retained: bool) -> Sequence[int]:
        """Subscribe; returns one reason code per filter. Raises `LinkEndedError` when the link breaks meanwhile."""
        answer: asyncio.Future[Sequence[int]] = self._loop.create_future()
        self._hopes.subacks[self._client.ask_for(filters, qos, retained=retained)] = answer
        return await answer

    async def publish(self, items: Sequence[Outgoing], *, retain: bool) -> bool:
        """Send at QoS 0; True when the operating system has taken all of it, False when the link broke before."""
        self._wire.write(b"".join([encode_publish(t, p, retain=retain, properties=x) for t, p, x in items]))
        self._client.sent()
        self._wire.flush()
        await self._wire.drained()
        return self.alive

    def deliver(self, items: Sequence[Outgoing], *, retain: bool) -> Delivery:
        """Send at QoS 1, in order, within the window."""
        delivery = Delivery(items, retain, self._loop.create_future())
        self._deliveries.append(delivery)
        self._pump()
        return delivery

    def withdraw(self, delivery: Delivery) -> None:
        """Nobody waits for this any more: what is not yet sent stays unsent."""
        if delivery in self._deliveries:
            self._deliveries.remove(delivery)

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Tell the broker that these received messages are ours now."""
        if self.alive:
            self._wire.write(encode_pubacks(mids))
            self._client.sent()

    def pause(self) -> None:
        """Stop reading (back pressure); pings go on."""
        self._paused = True
        self._wire.pause()

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        self._wire.resume()

    async def close(self, within_s: float = 2.0) -> None:
        """Say good-bye and close: once the broker has read all that was written, or after this many seconds."""
        try:
            if self.alive:
                self._client.disconnect()
                async with asyncio.timeout(within_s):
                    await self._wire.hang_up()
        except TimeoutError:
            log.info(
                "the broker did not read to the end within %g s (%d bytes had not even left); messages whose "
                "acknowledgement it has not read come again",
                within_s,
                self._wire.backlog,
            )
        finally:
            self.abort("closed")

    def abort(self, reason: str) -> None:
        """End the link at once; everybody who waits is told."""
        if self._timer is not None:
            self._timer.cancel()
        self._wire.close()
        if not self.ended.done():
            self.ended.set_result(reason)
        self._let_go(reason)

    # what the driver reports

    def connected(self, welcome: Welcome) -> None:
        """CONNACK has come."""
        if welcome.code == 0:
            self.window = min(self.window, welcome.receive_maximum)
            self.maximum_packet = welcome.maximum_packet
            self._owner.welcomed(self, welcome)
        if not self._hopes.welcome.done():
            self._hopes.welcome.set_result(welcome)

    def subscribed(self, mid: int, codes: Sequence[int]) -> None:
        """SUBACK has come."""
        answer = self._hopes.subacks.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def confirmed(self, mid: int, code: int) -> None:
        """PUBACK has come."""
        waiting = self._unconfirmed.pop(mid, None)
        if waiting is not None:
            waiting[0].settle(waiting[1], code)

    # inner life

    async def _greet(self, terms: ClientTerms, host: str, port: int) -> None:
        self._wire.listen(self._received, self.abort)
        self._client.hello(terms, host, port)
        welcome = await self._hopes.welcome
        if welcome.code:
            self.abort(welcome.reason)
            raise LinkRefusedError(welcome)
        self._tick()

    def _received(self, data: bytes) -> None:
        """One read. Nothing may escape from here: the loop would go on with a link that is deaf."""
        client = self._client
        try:
            client.feed(data)
            if client.arrivals:
                arrivals, client.arrivals = client.arrivals, []
                self._owner.arrived(arrivals, len(data))
            if self._deliveries:
                self._pump()
        except BrokenPacketError as error:
            self.abort(f"the broker sent what is not MQTT ({error})")
        except Exception as error:
            log.exception("handling received data failed; the link is given up")
            self.abort(f"handling received data failed ({type(error).__name__}: {error})")

    def _pump(self) -> None:
        """Send as much as the window allows, in one write."""
        chunks: list[bytes] = []
        while self._deliveries and len(self._unconfirmed) < self.window:
            delivery = self._deliveries[0]
            topic, payload, properties = delivery.items[delivery.next]
            mid = self._free_mid()
            self._unconfirmed[mid] = (delivery, delivery.next)
            chunks.append(encode_publish(topic, payload, qos=1, retain=delivery.retain, mid=mid, properties=properties))
            delivery.next += 1
            if delivery.next == len(delivery.items):
                self._deliveries.popleft()
        if chunks:
            self._wire.write(b"".join(chunks))
            self._client.sent()
            self._wire.flush()

    def _free_mid(self) -> int:
        mid = self._client.next_mid()
        while mid in self._unconfirmed:
            mid = self._client.next_mid()
        return mid

    def _tick(self) -> None:
        """Once a second: pings, and an end to a silent link."""
        self._client.keep_alive(deaf=self._paused)
        if self.alive:
            self._timer = self._loop.call_later(1.0, self._tick)

    def _let_go(self, reason: str) -> None:
        if not self._hopes.welcome.done():
            self._hopes.welcome.set_exception(LinkEndedError(reason))
        for answer in self._hopes.subacks.values():
            if not answer.done():
                answer.set_exception(LinkEndedError(reason))
        self._hopes.subacks.clear()
        waiting = {id(d): d for d, _ in self._unconfirmed.values()} | {id(d): d for d in self._deliveries}
        self._unconfirmed.clear()
        self._deliveries.clear()
        for delivery in waiting.values():
            delivery.finish()
