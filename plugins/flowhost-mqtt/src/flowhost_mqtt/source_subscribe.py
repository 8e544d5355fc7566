"""`mqtt.subscribe`: messages of a broker, acknowledged when the flow has delivered them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from flowhost.sdk import Emit, NodeContext, NodeError, NodeSpec, Settlement, Source
from flowhost_mqtt.config import SubscribeConfig
from flowhost_mqtt.connection import MqttBroker
from flowhost_mqtt.inbox import Block, Inbox
from flowhost_mqtt.packets import Arrival
from flowhost_mqtt.reader import Reader
from flowhost_mqtt.session import Session
from flowhost_mqtt.topics import matches

CHANGES_AT_REDELIVERY = {"id", "time", "headers"}
"""An id made of our own id, of the time of receipt or of `mqtt.dup` is another one the next time."""

SESSION_LOST = (
    "the broker has lost the session: messages it held for this node are gone; switch on the broker's persistence and "
    "look at its session expiry"
)


@dataclass(frozen=True)
class Position:
    """What to acknowledge, and on which link it came."""

    generation: int
    mids: list[int]


class MqttSubscribe(Source[SubscribeConfig]):
    """Messages of one or more topic filters.

    Guarantees: order as the broker sends. QoS 1: at least once; a message is acknowledged to the broker when every
    branch of the flow is settled, and comes again (header `mqtt.dup`) when the link or the process breaks before.
    QoS 0: what is published while the link is down is lost, and said so as a gap.
    """

    spec = NodeSpec(
        id="mqtt.subscribe",
        title="MQTT subscribe",
        summary="Receives messages from topics of an MQTT broker.",
        category="plant",
        icon="sensors",
        connection="mqtt.broker",
        keywords=("mqtt", "topic", "uns", "sparkplug", "broker"),
    )
    Config = SubscribeConfig
    replayable = True
    remedies = {
        "is_replayable": "set `qos: 1`",
        "has_stable_ids": "give `id`, made of what the sender wrote, such as `topic + ':' + text(payload.seq)`",
    }

    @classmethod
    @override
    def is_replayable(cls, config: SubscribeConfig) -> bool:
        """Above QoS 0 the broker keeps what is not acknowledged."""
        return config.qos > 0

    @classmethod
    @override
    def has_stable_ids(cls, config: SubscribeConfig) -> bool:
        """By `id`, if that is made of nothing a redelivery changes; at QoS 0 nothing comes again."""
        return config.qos == 0 or (config.id is not None and not CHANGES_AT_REDELIVERY & config.id.compiled.names)

    def __init__(self, config: SubscribeConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._reader = Reader(config)
        self._session: Session | None = None
        self._inbox = Inbox(config.backlog, self._pause, self._resume)
        self._known: dict[str, bool] = {}
        self._strays = False
        self._memory: dict[str, Any] = {}

    @override
    async def open(self) -> None:
        """Connect and subscribe."""
        await self.close()
        self._inbox = Inbox(self.config.backlog, self._pause, self._resume)
        if self.config.qos == 2:
            self.context.board.notice(
                "warning",
                "QoS 2 is subscribed as QoS 1: nothing is lost, but duplicates are possible; add a dedupe node",
            )
        assert isinstance(self.context.connection, MqttBroker)
        self._session = self.context.connection.subscription(self.config, self.context, self)
        await self._session.open()
        if self.config.qos:
            await self._look_back(self._session, self.context.connection)

    @override
    async def close(self) -> None:
        """Leave; above QoS 0 the broker keeps the session and what is not acknowledged."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @override
    def health(self) -> str:
        """Connected to what, or why not."""
        return self._session.health() if self._session is not None else ""

    @override
    async def run(self, emit: Emit) -> None:
        """Hand over what has accumulated, batch by batch; the broker waits when the flow does."""
        try:
            while True:
                block = await self._inbox.take()
                batch = self._reader.read(block)
                await emit(batch.messages, Position(block.generation, batch.mids), rejected=batch.rejected)
        finally:
            self._pause()

    @override
    async def on_outcome(self, position: Any, settlement: Settlement) -> None:
        """Acknowledge to the broker what the flow has settled."""
        assert isinstance(position, Position)
        if settlement is Settlement.CONFIRMED and position.mids and self._session is not None:
            self._session.acknowledge(position.generation, position.mids)

    # what the session reports

    def arrived(self, generation: int, arrivals: list[Arrival], size: int) -> None:
        """One read's messages; those of topics we no longer ask for are acknowledged and left out."""
        assert self._session is not None
        arrivals = self._without_strays(generation, arrivals)
        if arrivals:
            self._inbox.put(Block(generation, arrivals, size, self.context.clock.now_ns()))

    def resumed(self, kept: bool) -> None:
        """A new link stands."""
        if kept:
            self._inbox.forget(lambda arrival: not arrival[2])
        elif self.config.qos:
            self.context.board.notice("gone", SESSION_LOST)
        else:
            self.context.board.notice("gap", "messages published while the link was down are lost (QoS 0)")

    def failed(self, error: NodeError) -> None:
        """The session gave up: `run` raises this."""
        self._inbox.fail(error)

    async def _look_back(self, session: Session, broker: MqttBroker) -> None:
        """What the broker has lost while this node was away: its session, or messages whose queue was full."""
        found = await self.context.checkpoint.load()
        known = found if isinstance(found, dict) else {}
        client_id = session.plan.terms.client_id
        if not session.inherited and known.get("session") == client_id:
            self.context.board.notice("gone", f"while this node was away, {SESSION_LOST}")
        self._memory = {"session": client_id, "dropped": known.get("dropped")}
        if known != self._memory:
            await self.context.checkpoint.save(self._memory)
        broker.watch_drops(known.get("dropped"), self._remember_drops)

    async def _remember_drops(self, number: int) -> None:
        self._memory = {**self._memory, "dropped": number}
        await self.context.checkpoint.save(self._memory)

    def _without_strays(self, generation: int, arrivals: list[Arrival]) -> list[Arrival]:
        """A kept session may hold subscriptions of an earlier version of this node, and brokers have faults."""
        assert self._session is not None
        wanted = [arrival for arrival in arrivals if self._is_wanted(arrival[0])]
        if len(wanted) < len(arrivals):
            strays = [arrival for arrival in arrivals if not self._is_wanted(arrival[0])]
            self._session.acknowledge(generation, [arrival[2] for arrival in strays if arrival[2]])
            if not self._strays:
                self._strays = True
                self.context.board.notice("warning", self._about(strays[0][0]))
        return wanted

    def _about(self, topic: str) -> str:
        """Why a topic comes that was not asked for, and what to do."""
        assert self._session is not None
        what = f"the broker sends topics this node does not ask for, e.g. '{topic}'; they are left out."
        if not self._session.inherited:
            return f"{what} That is a fault of the broker"
        return (
            f"{what} Its session may hold what an earlier version of this node asked for. To end it, stop the flow "
            "until the session has expired at the broker, or rename the node"
        )

    def _is_wanted(self, topic: str) -> bool:
        known = self._known.get(topic)
        if known is None:
            if len(self._known) >= 20_000:
                self._known.clear()
            known = self._known[topic] = any(matches(wanted, topic) for wanted in self.config.topics)
        return known

    def _pause(self) -> None:
        if self._session is not None:
            self._session.pause()

    def _resume(self) -> None:
        if self._session is not None:
            self._session.resume()
