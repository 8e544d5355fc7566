"""A press that counts its parts."""

from collections.abc import Sequence

from flowhost.sdk import Config, Emit, Function, Message, MessageTransform, Meta, Node, NodeSpec, Source, hookimpl, setting


class CountConfig(Config):
    upto: int = setting(3, ge=1, example=10)
    """Number of parts to report."""


class Count(Source[CountConfig]):
    """Counts parts, then ends."""

    spec = NodeSpec(id="acme.count", title="Count parts", summary="Reports parts as they leave the press.", category="plant")
    Config = CountConfig

    async def run(self, emit: Emit) -> None:
        for number in range(1, self.config.upto + 1):
            await emit([Message({"part": number}, Meta(topic="press/parts", id=str(number)))])


class DoubleConfig(Config):
    field: str = "part"
    """Field of the payload to double."""


class Double(MessageTransform[DoubleConfig]):
    """Two parts per stroke."""

    spec = NodeSpec(id="acme.double", title="Double", summary="Doubles a field.", category="logic")
    Config = DoubleConfig

    def process_one(self, message: Message) -> Message:
        field = self.config.field
        return message.with_payload({**message.payload, field: message.payload[field] * 2})


@hookimpl
def flowhost_node_types() -> Sequence[type[Node]]:
    return [Count, Double]


@hookimpl
def flowhost_functions() -> Sequence[Function]:
    return [Function(name="acme_code", call=lambda text: text.upper(), summary="The code of the press.")]
