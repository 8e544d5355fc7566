"""`mqtt.publish` on a real broker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from flowhost_mqtt.config import BrokerConfig
from flowhost_mqtt.connection import MqttBroker
from flowhost_mqtt.sink_publish import MqttPublish

from flowhost.sdk import Message, Meta, NodeContext, NotConnectedError, Ok, Reject, Retry

Board = Mosquitto = Probe = Any  # they live in conftest.py, which cannot be imported


def message(payload: Any, topic: str = "in", **headers: str) -> Message:
    return Message(payload, Meta(topic=topic, headers=headers))


@pytest.fixture
async def start(
    broker: Mosquitto, connection_context: Any, node_context: Callable[..., NodeContext]
) -> AsyncIterator[Callable[..., Any]]:
    links: list[MqttBroker] = []

    async def begin(port: int | None = None, version: str = "auto", **config: Any) -> MqttPublish:
        link = MqttBroker(
            BrokerConfig(host="127.0.0.1", port=port or broker.port, version=version, reconnect_max_s=0.5),
            connection_context,
        )
        links.append(link)
        await link.open()
        sink = MqttPublish(MqttPublish.Config.model_validate({"topic": "uns/{topic}", **config}), node_context(link))
        await sink.open()
        return sink

    yield begin
    for link in links:
        await link.close()


def broker_of(sink: MqttPublish) -> MqttBroker:
    assert isinstance(sink.context.connection, MqttBroker)
    return sink.context.connection


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("qos", [0, 1])
async def test_payloads_of_every_kind_arrive(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, qos: int, version: str
) -> None:
    probe: Probe = new_probe(broker.port, "uns/#")
    sink = await start(qos=qos, version=version)
    payloads = [{"a": [1, None]}, [1, 2], 1.5, True, None, "text ü", b"\x00\xff", Decimal("0.10")]
    assert await sink.write([message(payload) for payload in payloads]) is None
    await until(lambda: len(probe.messages) == len(payloads))
    assert probe.payloads == [
        b'{"a":[1,null]}', b"[1,2]", b"1.5", b"true", b"null", "text ü".encode(), b"\x00\xff", b"0.10",
    ]  # fmt: skip
    assert {m.topic for m in probe.messages} == {"uns/in"}
    assert {m.qos for m in probe.messages} == {qos}


async def test_more_messages_than_the_window_are_confirmed_in_order(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    probe: Probe = new_probe(broker.port, "uns/#")
    sink = await start()
    assert await sink.write([message(number) for number in range(1000)]) is None
    await until(lambda: len(probe.messages) == 1000)
    assert [int(payload) for payload in probe.payloads] == list(range(1000))


async def test_two_nodes_publish_over_one_client(until: Any, start: Any, new_probe: Any, broker: Mosquitto) -> None:
    probe: Probe = new_probe(broker.port, "uns/#")
    sink = await start()
    other = MqttPublish(sink.config, sink.context)
    results = await asyncio.gather(
        *(node.write([message(n, topic) for n in range(300)]) for node, topic in ((sink, "a"), (other, "b")))
    )
    assert results == [None, None]
    await until(lambda: len(probe.messages) == 600)
    for topic in ("uns/a", "uns/b"):
        assert [int(m.payload) for m in probe.messages if m.topic == topic] == list(range(300))


@pytest.mark.parametrize("qos", [0, 1])
async def test_only_the_message_with_the_wrong_topic_is_rejected(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, qos: int
) -> None:
    probe: Probe = new_probe(broker.port, "#")
    sink = await start(topic="{payload.topic}", qos=qos)
    topics: Sequence[Any] = ["fine", "a/+/b", "", "nul\0", "x" * 70_000, 5]
    outcomes = await sink.write([message({"topic": topic}) for topic in topics] + [message({})])
    assert isinstance(outcomes[0], Ok)
    reasons = [outcome.reason for outcome in outcomes[1:] if isinstance(outcome, Reject)]
    assert "wildcard" in reasons[0]
    assert "empty" in reasons[1]
    assert "NUL" in reasons[2]
    assert "65535" in reasons[3]
    assert "topic" in reasons[-1]
    await until(lambda: probe.messages)
    assert probe.messages[0].topic == "fine"


async def test_a_batch_of_nothing_but_wrong_messages(start: Any) -> None:
    sink = await start(topic="{payload}")
    outcomes = await sink.write([message("+"), message("#")])
    assert [type(outcome) for outcome in outcomes] == [Reject, Reject]


async def test_retain_payload_expression_and_properties(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    sink = await start(retain=True, payload="payload.value", content_type="text/plain", user_properties=True)
    await sink.write([message({"value": 21.5}, **{"order": "4711", "mqtt.dup": "1"})])
    probe: Probe = new_probe(broker.port, "uns/#")
    await until(lambda: probe.messages)
    got = probe.messages[0]
    assert (got.payload, got.retain) == (b"21.5", True)
    assert got.properties.ContentType == "text/plain"
    assert got.properties.UserProperty == [("order", "4711")]


@pytest.mark.parametrize("qos", [0, 1])
async def test_without_a_link_nothing_is_taken_and_later_everything_is(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, board: Board, qos: int
) -> None:
    sink = await start(qos=qos)
    broker.kill()
    await until(lambda: board.kinds() == ["lost"])
    address = f"broker 127.0.0.1:{broker.port}"
    with pytest.raises(NotConnectedError, match=f"^{address} (is lost|refused the connection): ") as told:
        await sink.write([message(1)])
    assert str(told.value).count(address) == 1
    broker.start()
    await until(lambda: board.kinds() == ["lost", "restored"])
    probe: Probe = new_probe(broker.port, "uns/#")
    assert await sink.write([message(2)]) is None
    await until(lambda: probe.messages)
    assert probe.payloads == [b"2"]


async def test_a_link_that_breaks_under_way_leaves_the_rest_to_be_sent_again(start: Any, new_broker: Any) -> None:
    stopped: Mosquitto = new_broker()
    sink = await start(port=stopped.port)
    stopped.freeze()
    writing = asyncio.create_task(sink.write([message(number) for number in range(3)]))
    await asyncio.sleep(0)
    stopped.kill()
    with pytest.raises(NotConnectedError, match="confirmed"):
        await writing


async def test_half_confirmed_batches_say_which_half(start: Any) -> None:
    sink = await start()
    link = broker_of(sink).link
    link.window = 2
    writing = asyncio.create_task(sink.write([message(number) for number in range(50)]))
    confirmed = link.confirmed
    seen: list[int] = []

    def count(mid: int, code: int) -> None:
        confirmed(mid, code)
        seen.append(mid)
        if len(seen) == 5:
            link.abort("cut by the test")

    link.confirmed = count  # type: ignore[method-assign]  # the driver calls it for each PUBACK
    outcomes = await writing
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds[:5] == [Ok] * 5
    assert set(kinds[6:]) == {Retry}


async def test_a_broker_that_does_not_confirm_is_given_up(
    until: Any, start: Any, new_broker: Any, board: Board
) -> None:
    silent: Mosquitto = new_broker()
    sink = await start(port=silent.port, timeout_s=0.3)
    silent.freeze()
    with pytest.raises(NotConnectedError):
        await sink.write([message(1)])
    silent.thaw()
    await until(lambda: board.kinds() == ["lost", "restored"])
    assert "no confirmation" in board.text("lost")
    assert await sink.write([message(2)]) is None


async def test_a_refusal_of_the_broker_rejects_the_message(
    until: Any, start: Any, new_broker: Any, tmp_path: Any, new_probe: Any
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite uns/open\n")
    acl.chmod(0o644)
    guarded: Mosquitto = new_broker(extra=f"acl_file {acl}\n")
    sink = await start(port=guarded.port, topic="uns/{payload}", version="5")
    outcomes = await sink.write([message("open"), message("closed")])
    assert isinstance(outcomes[0], Ok)
    assert isinstance(outcomes[1], Reject)
    assert "write access" in outcomes[1].reason


async def test_a_cancelled_write_does_not_disturb_the_next(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    probe: Probe = new_probe(broker.port, "uns/#")
    sink = await start()
    writing = asyncio.create_task(sink.write([message(number) for number in range(500)]))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await sink.write([message("after")]) is None
    await until(lambda: b"after" in probe.payloads)
    assert len(probe.messages) < 500


async def test_a_broker_that_does_not_read_holds_up_the_sender_and_nothing_is_lost(
    until: Any, start: Any, new_broker: Any, new_probe: Any
) -> None:
    slow: Mosquitto = new_broker(extra="max_queued_messages 0\n")
    probe: Probe = new_probe(slow.port, "uns/#", qos=0)
    sink = await start(port=slow.port, qos=0)
    slow.freeze()
    batch = [message(b"x" * 100_000) for _ in range(200)]
    writing: asyncio.Task[Any] = asyncio.create_task(sink.write(batch))
    await until(lambda: broker_of(sink).link._wire.backlog > 0, "the socket is full")
    assert not writing.done()
    slow.thaw()
    result = await writing
    assert result is None
    assert broker_of(sink).link._wire.backlog == 0
    await until(lambda: len(probe.messages) == 200)


async def test_small_packets_leave_at_once_and_a_batch_in_one_piece(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    probe: Probe = new_probe(broker.port, "uns/#")
    sink = await start(qos=0)
    wire = broker_of(sink).link._wire
    assert wire._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    sent: list[int] = []

    class Counting:
        def send(self, data: bytearray) -> int:
            sent.append(len(data))
            return plain.send(data)

    plain, wire._sock = wire._sock, Counting()
    await sink.write([message(number) for number in range(50)])
    wire._sock = plain
    assert len(sent) == 1
    await until(lambda: len(probe.messages) == 50)
