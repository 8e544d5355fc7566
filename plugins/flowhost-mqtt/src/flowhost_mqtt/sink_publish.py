"""`mqtt.publish`: messages to a broker, done when the broker has confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from typing_extensions import override

from flowhost.sdk import (
    Message,
    MessageError,
    NodeContext,
    NodeSpec,
    NotConnectedError,
    Ok,
    Reject,
    Retry,
    Sink,
    WriteOutcome,
)
from flowhost_mqtt.config import PublishConfig
from flowhost_mqtt.connection import MqttBroker
from flowhost_mqtt.link import Delivery, Link, Outgoing
from flowhost_mqtt.packets import encode_properties, encode_text
from flowhost_mqtt.topics import problem_of_topic
from flowhost_mqtt.values import encode

MANY = 20_000
_REFUSALS = {
    135: "not authorised to publish there; give the user write access to the topic",
    144: "the broker does not accept this topic",
    153: "the broker does not accept the payload's format",
}
_PASSING = {145: "packet id in use", 151: "the broker's quota is used up"}


class MqttPublish(Sink[PublishConfig]):
    """Publishes in order of arrival.

    Guarantees: QoS 1: confirmed means the broker has it; after a break a message may be published twice. QoS 0:
    confirmed means the operating system has taken it. What is not published stays with the engine, never in the client.
    """

    spec = NodeSpec(
        id="mqtt.publish",
        title="MQTT publish",
        summary="Publishes messages to topics of an MQTT broker.",
        category="plant",
        icon="send",
        ports=(),
        connection="mqtt.broker",
        keywords=("mqtt", "topic", "uns", "broker"),
    )
    Config = PublishConfig
    remedies = {
        "is_confirmed": "set `qos: 1`",
        "is_idempotent": "send an id in the payload, by which receivers leave out repetitions",
    }

    @classmethod
    @override
    def is_confirmed(cls, config: PublishConfig) -> bool:
        """At QoS 0 the broker says nothing."""
        return config.qos > 0

    def __init__(self, config: PublishConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._topics: dict[str, bytes] = {}
        self._fixed: dict[bool, bytes] = {False: b"", True: encode_properties(config.content_type)}

    @override
    def health(self) -> str:
        """That of the connection."""
        return self._broker.health()

    @override
    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """Publish a batch."""
        link = self._broker.link
        items, places, rejects = self._pack(messages, link)
        if not items:
            return [rejects[index] for index in range(len(messages))]
        if self.config.qos == 0:
            if not await link.publish(items, retain=self.config.retain):
                raise NotConnectedError(f"{self._broker.address} was lost while publishing")
            results: Sequence[WriteOutcome] | None = None
        else:
            results = await self._confirmed(link, items)
        if not rejects:
            return results
        return _merged(len(messages), places, results, rejects)

    @property
    def _broker(self) -> MqttBroker:
        assert isinstance(self.context.connection, MqttBroker)
        return self.context.connection

    def _pack(
        self, messages: Sequence[Message], link: Link
    ) -> tuple[list[Outgoing], list[int], dict[int, WriteOutcome]]:
        """Packets of the batch, the index of the message each belongs to, and messages that cannot be published."""
        items: list[Outgoing] = []
        places: list[int] = []
        rejects: dict[int, WriteOutcome] = {}
        v5 = link.version == "5"
        render, expression, topics = self.config.topic.render, self.config.payload, self._topics
        largest = link.maximum_packet
        for index, message in enumerate(messages):
            try:
                topic = render(message)
                raw = topics.get(topic) or self._new_topic(topic)
                payload = encode(message.payload if expression is None else expression.evaluate(message))
                if largest and len(payload) + len(raw) + 8 > largest:
                    raise MessageError(f"{len(payload):,} bytes are more than the broker takes ({largest:,})")
                properties = self._fixed[v5] if not self.config.user_properties else self._properties(message, v5)
            except (MessageError, ValueError) as error:
                rejects[index] = Reject(str(error))
            else:
                items.append((raw, payload, properties))
                places.append(index)
        return items, places, rejects

    def _new_topic(self, topic: str) -> bytes:
        problem = problem_of_topic(topic)
        if problem:
            raise MessageError(f"the topic '{topic}' {problem}")
        if len(self._topics) >= MANY:
            self._topics.clear()
        raw = self._topics[topic] = encode_text(topic)
        return raw

    def _properties(self, message: Message, v5: bool) -> bytes:
        """Headers as user properties, without those this plugin made itself."""
        if not v5:
            return b""
        own = {name: value for name, value in message.meta.headers.items() if not name.startswith("mqtt.")}
        return encode_properties(self.config.content_type, own) if own else self._fixed[True]

    async def _confirmed(self, link: Link, items: Sequence[Outgoing]) -> Sequence[WriteOutcome] | None:
        """Publish at QoS 1 and wait for the broker's word on each."""
        delivery = link.deliver(items, retain=self.config.retain)
        try:
            async with asyncio.timeout(self.config.timeout_s):
                await delivery.done
        except TimeoutError:
            link.abort(f"no confirmation within {self.config.timeout_s:g} s")
        finally:
            link.withdraw(delivery)
        if all(code is not None and code < 128 for code in delivery.codes):
            return None
        if delivery.open == len(items):
            raise NotConnectedError(f"{self._broker.address} was lost before it confirmed anything")
        return self._outcomes(delivery)

    def _outcomes(self, delivery: Delivery) -> list[WriteOutcome]:
        return [_outcome(code, self._broker) for code in delivery.codes]


def _outcome(code: int | None, broker: MqttBroker) -> WriteOutcome:
    """What a PUBACK's reason code, or its absence, means. Publishing again at QoS 1 is allowed by the protocol."""
    if code is None:
        return Retry(reason=f"{broker.address} was lost before it confirmed", down=True)
    if code < 128:
        return Ok()
    if code in _PASSING:
        return Retry(reason=f"{broker.address}: {_PASSING[code]}")
    return Reject(f"{broker.address} refused the message: {_REFUSALS.get(code, f'reason code {code}')}")


def _merged(
    size: int, places: Sequence[int], results: Sequence[WriteOutcome] | None, rejects: dict[int, WriteOutcome]
) -> list[WriteOutcome]:
    """Outcomes in the order of the batch."""
    outcomes: list[WriteOutcome] = [Ok()] * size
    for index, reject in rejects.items():
        outcomes[index] = reject
    if results is not None:
        for place, result in zip(places, results, strict=True):
            outcomes[place] = result
    return outcomes
