"""`join`: puts values of several messages together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import model_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.keyed import as_key, text_of
from flowhost.sdk import Expression, Message, MessageError, NodeSpec, StateForm, StatefulTransform, Step, setting


class JoinField(sdk.Config):
    """One field of the joined payload."""

    where: Expression = setting(example="topic == 'Line1.Order.Number'", widget="condition")
    """Messages that carry this field."""
    value: Expression | None = setting(None, example="payload.value")
    """Its value; left out, the whole payload."""


EXAMPLE = {
    "order": {"where": "topic == 'Line1.Order.Number'", "value": "payload.value"},
    "good": {"where": "topic == 'Line1.Filler.GoodCount'", "value": "payload.value"},
}


class JoinConfig(sdk.Config):
    """Which values belong together."""

    by: Expression | None = setting(None, example="payload.machine")
    """Messages with the same value of this are put together; left out, the message's key, else its topic."""
    fields: dict[str, JoinField] = setting(min_length=2, example=EXAMPLE)
    """Fields of the result."""
    send_on: list[str] = setting(default_factory=list, example=["good"])
    """Send only when one of these fields comes; left out, whenever any field comes."""

    @model_validator(mode="after")
    def _send_on_is_known(self) -> JoinConfig:
        unknown = [name for name in self.send_on if name not in self.fields]
        if unknown:
            msg = f"`send_on` names {unknown[0]!r}, which is not among `fields` ({', '.join(self.fields)})"
            raise ValueError(msg)
        return self


class Join(StatefulTransform[JoinConfig]):
    """Keeps the value of every field that came last, per key, and sends them together once all are known.

    A message that completes or renews the set goes on with the joined payload and its own topic, time and id; the
    others count as filtered. A value that is bad or empty does not replace a known one.
    """

    spec = NodeSpec(
        id="join", title="Join", summary="Puts the newest values of several messages together.", category="logic",
        icon="join_inner", keywords=("combine", "merge", "correlate", "latest"),
    )  # fmt: skip
    Config = JoinConfig

    @override
    def state_config(self) -> dict[str, Any]:
        """Which messages belong together and what each field means."""
        fields = {name: [field.where.text, text_of(field.value)] for name, field in self.config.fields.items()}
        return {"by": text_of(self.config.by), "fields": fields}

    @override
    def adopt(self, state: Any, made: StateForm) -> Step | None:
        """Fields that mean what they meant keep their value."""
        now = self.state_config()
        if made.config["by"] != now["by"]:
            return None
        fields = made.config["fields"]
        return Step({name: value for name, value in state.items() if fields[name] == now["fields"].get(name)})

    @override
    def key_of(self, message: Message) -> str:
        """The value of `by`."""
        return super().key_of(message) if self.config.by is None else as_key(self.config.by.evaluate(message))

    @override
    def process(self, messages: Sequence[Message], state: Any, now_ns: int) -> Step:
        """Renew fields; send the set when it is whole."""
        known: dict[str, Any] = dict(state or {})
        out = []
        for message in messages:
            came = self._renew(known, message)
            if self._sends(came) and len(known) == len(self.config.fields):
                out.append(message.with_payload({name: known[name] for name in self.config.fields}))
        return Step(known, out, passed=len(out), filtered=len(messages) - len(out))

    def _renew(self, known: dict[str, Any], message: Message) -> list[str]:
        came = []
        for name, field in self.config.fields.items():
            carries = field.where.evaluate(message)
            if carries is not True and carries is not False:
                raise MessageError(f"`{field.where.text}` must give true or false but gave {carries!r:.40}")
            if not carries or message.meta.quality == "bad":
                continue
            value = message.payload if field.value is None else field.value.evaluate(message)
            if value is not None:
                known[name] = value
                came.append(name)
        return came

    def _sends(self, came: list[str]) -> bool:
        return any(name in self.config.send_on for name in came) if self.config.send_on else bool(came)
