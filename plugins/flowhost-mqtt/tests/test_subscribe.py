"""`mqtt.subscribe` on a real broker, driven by the contract of `flowhost.sdk`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from flowhost_mqtt.config import BrokerConfig
from flowhost_mqtt.connection import MqttBroker
from flowhost_mqtt.drops import DropWatch
from flowhost_mqtt.link import Link
from flowhost_mqtt.source_subscribe import MqttSubscribe
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from flowhost.sdk import Message, NodeContext, Rejected, Settlement

Board = Mosquitto = Probe = Any  # they live in conftest.py, which cannot be imported


class Flow:
    """Takes what the source emits; confirms when told to."""

    def __init__(self, node: MqttSubscribe) -> None:
        self.node = node
        self.messages: list[Message] = []
        self.rejected: list[Rejected] = []
        self.positions: list[Any] = []
        self.batches: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.task = asyncio.create_task(node.run(self.emit))

    async def emit(
        self, messages: Sequence[Message], position: Any = None, *, port: str = "out", rejected: Sequence[Rejected] = ()
    ) -> None:
        await self.open.wait()
        self.messages += messages
        self.rejected += rejected
        self.batches.append(len(messages) + len(rejected))
        self.positions.append(position)

    async def confirm(self) -> None:
        positions, self.positions = self.positions, []
        for position in positions:
            await self.node.on_outcome(position, Settlement.CONFIRMED)

    @property
    def payloads(self) -> list[Any]:
        return [message.payload for message in self.messages]

    async def stop(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        await self.node.close()


@pytest.fixture
async def start(
    broker: Mosquitto, connection_context: Any, node_context: Callable[..., NodeContext]
) -> AsyncIterator[Callable[..., Any]]:
    flows: list[Flow] = []
    links: list[MqttBroker] = []

    async def begin(
        port: int | None = None, node: str = "node", version: str = "auto", checkpoint: Any = None, **config: Any
    ) -> Flow:
        link = MqttBroker(
            BrokerConfig(host="127.0.0.1", port=port or broker.port, version=version, reconnect_max_s=0.5),
            connection_context,
        )
        links.append(link)
        await link.open()
        context = node_context(link, node)
        if checkpoint is not None:
            context = replace(context, checkpoint=checkpoint)
        source = MqttSubscribe(MqttSubscribe.Config.model_validate(config), context)
        await source.open()
        flows.append(Flow(source))
        return flows[-1]

    yield begin
    for flow in flows:
        await flow.stop()
    for link in links:
        await link.close()


class Memory:
    """A checkpoint that outlives the node."""

    def __init__(self) -> None:
        self.value: Any = None

    async def load(self) -> Any:
        return self.value

    async def save(self, value: Any) -> None:
        self.value = value


@pytest.fixture
def memory() -> Memory:
    return Memory()


def link_of(flow: Flow) -> Link:
    assert flow.node._session is not None
    return flow.node._session.link


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("qos", [0, 1])
async def test_values_arrive_with_what_is_known_about_them(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, qos: int, version: str
) -> None:
    flow = await start(topics=["plant/+/temp", "other/#"], qos=qos, version=version)
    probe: Probe = new_probe(broker.port)
    probe.publish("plant/1/temp", b'{"value": 21.5, "seq": 1}', qos)
    probe.publish("elsewhere", b"1", qos)
    probe.publish("other/a/b", b"plain", qos)
    await until(lambda: len(flow.messages) == 2)
    first, second = flow.messages
    assert first.payload == {"value": 21.5, "seq": 1}
    assert (first.meta.topic, first.meta.key, first.meta.quality) == ("plant/1/temp", "plant/1/temp", "good")
    assert first.meta.time_ns > 1_700_000_000_000_000_000
    assert first.meta.id
    assert first.meta.id != second.meta.id
    assert (second.payload, second.meta.headers) == ("plain", {})
    assert flow.node.is_replayable(flow.node.config) is (qos == 1)


async def test_id_key_and_time_come_from_expressions(until: Any, start: Any, new_probe: Any, broker: Mosquitto) -> None:
    flow = await start(topics=["t"], id="topic + ':' + text(payload.seq)", key="payload.machine", time="payload.ts")
    probe: Probe = new_probe(broker.port)
    probe.publish("t", b'{"seq": 7, "machine": "m1", "ts": "2026-01-31T06:00:00+01:00"}')
    probe.publish("t", b'{"seq": 8, "machine": "m1", "ts": 1769835600000}')
    probe.publish("t", b'{"machine": "m1"}')
    await until(lambda: len(flow.messages) == 2 and flow.rejected)
    assert [(m.meta.id, m.meta.key, m.meta.time_ns) for m in flow.messages] == [
        ("t:7", "m1", 1_769_835_600_000_000_000),
        ("t:8", "m1", 1_769_835_600_000_000_000),
    ]
    assert flow.rejected[0].message.payload == b'{"machine": "m1"}'
    assert "seq" in flow.rejected[0].reason


async def test_what_does_not_fit_the_format_is_rejected_with_its_bytes(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    flow = await start(topics=["t"], format="json", max_payload_bytes=20)
    probe: Probe = new_probe(broker.port)
    for payload in (b"{broken", b"", b'"' + b"x" * 30 + b'"', b"[1]"):
        probe.publish("t", payload)
    await until(lambda: len(flow.messages) == 1 and len(flow.rejected) == 3)
    assert [r.message.payload for r in flow.rejected] == [b"{broken", b"", b'"' + b"x" * 30 + b'"']
    assert "not JSON" in flow.rejected[0].reason
    assert "max_payload_bytes" in flow.rejected[2].reason


async def test_retained_and_mqtt5_properties_become_headers(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/json"
    properties.UserProperty = [("order", "4711")]
    probe: Probe = new_probe(broker.port)
    probe.publish("kept", b"1", retain=True, properties=properties)
    flow = await start(topics=["kept"])
    await until(lambda: flow.messages)
    assert flow.messages[0].meta.headers == {
        "order": "4711",
        "mqtt.content_type": "application/json",
        "mqtt.retain": "1",
    }


async def test_shared_subscription_shares(until: Any, start: Any, new_probe: Any, broker: Mosquitto) -> None:
    one = await start(node="one", topics=["$share/g/load"])
    two = await start(node="two", topics=["$share/g/load"])
    probe: Probe = new_probe(broker.port)
    for number in range(20):
        probe.publish("load", str(number))
        await one.confirm()
        await two.confirm()
    await until(lambda: len(one.messages) + len(two.messages) == 20)
    assert sorted(one.payloads + two.payloads) == list(range(20))


async def test_unconfirmed_messages_come_again_after_a_cut_and_confirmed_ones_do_not(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, board: Board
) -> None:
    flow = await start(topics=["t"])
    probe: Probe = new_probe(broker.port)
    probe.publish("t", b"1")
    await until(lambda: flow.payloads == [1])
    await flow.confirm()
    probe.publish("t", b"2")
    await until(lambda: flow.payloads == [1, 2])
    link_of(flow).abort("cut by the test")
    await until(lambda: flow.payloads == [1, 2, 2])
    assert flow.messages[2].meta.headers == {"mqtt.dup": "1"}
    assert flow.messages[2].meta.id != ""
    await until(lambda: board.kinds() == ["lost", "restored"])
    assert "cut by the test" in board.text("lost")


async def test_an_acknowledgement_never_crosses_to_a_later_link(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    flow = await start(topics=["t"])
    probe: Probe = new_probe(broker.port)
    probe.publish("t", b"1")
    await until(lambda: flow.payloads == [1])
    stale, flow.positions = flow.positions, []
    link_of(flow).abort("cut by the test")
    await until(lambda: flow.payloads == [1, 1])
    await flow.node.on_outcome(stale[0], Settlement.CONFIRMED)
    probe.publish("t", b"2")
    await until(lambda: flow.payloads == [1, 1, 2])  # by now the broker has read whatever was sent before
    link_of(flow).abort("cut again")
    await until(lambda: flow.payloads == [1, 1, 2, 1, 2])
    flow.positions = [position for position in flow.positions if position.generation == 3]
    await flow.confirm()
    probe.publish("t", b"3")
    await until(lambda: flow.payloads == [1, 1, 2, 1, 2, 3])


async def test_abandoned_messages_come_again_in_the_next_life(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    flow = await start(topics=["t"])
    probe: Probe = new_probe(broker.port)
    probe.publish("t", b"1")
    await until(lambda: flow.payloads == [1])
    await flow.node.on_outcome(flow.positions[0], Settlement.ABANDONED)
    await flow.stop()
    probe.publish("t", b"2")
    again = await start(topics=["t"])
    await until(lambda: again.payloads == [1, 2])


async def test_a_broker_that_is_behind_reads_the_last_acknowledgements(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    """Something unread in our socket must not reset the connection: that takes from the broker what it has not read."""
    first = await start(topics=["t"], qos=1)
    probe: Probe = new_probe(broker.port)
    for number in range(8):
        probe.publish("t", b"%d" % number)
    await until(lambda: first.payloads == list(range(8)))
    first.task.cancel()  # it reads no more, so what is published now stays in our socket
    await asyncio.gather(first.task, return_exceptions=True)
    for number in range(8, 16):
        probe.publish("t", b"%d" % number)
    broker.freeze()
    try:
        await first.confirm()
        closing = asyncio.create_task(first.node.close())
        assert not (await asyncio.wait([closing], timeout=1.5))[0], "it waits for a broker that is behind"
    finally:
        broker.thaw()
    await asyncio.wait_for(closing, 8)
    second = await start(topics=["t"], qos=1)
    await until(lambda: 15 in second.payloads)
    assert second.payloads == list(range(8, 16))


async def test_a_broker_that_comes_back_is_used_again_and_a_lost_session_is_a_gap(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, board: Board
) -> None:
    flow = await start(topics=["t"])
    broker.kill()
    await until(lambda: "lost" in board.kinds())
    assert "not connected" in flow.node.health()
    broker.start()
    await until(lambda: "restored" in board.kinds())
    probe: Probe = new_probe(broker.port)
    probe.publish("t", b"1")
    await until(lambda: flow.payloads == [1])
    assert board.kinds().count("lost") == 1
    assert "persistence" in board.text("gone")
    assert flow.node.health().startswith("connected to broker 127.0.0.1")


async def test_a_session_lost_while_the_node_was_away_is_a_gap(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, board: Board, memory: Any
) -> None:
    flow = await start(topics=["t"], checkpoint=memory)
    await flow.stop()
    flow = await start(topics=["t"], checkpoint=memory)
    await flow.stop()
    assert "gone" not in board.kinds()
    broker.stop()
    broker.start()
    flow = await start(topics=["t"], checkpoint=memory)
    assert "while this node was away, the broker has lost the session" in board.text("gone")
    await flow.stop()
    await start(topics=["t"], checkpoint=memory)
    assert board.kinds().count("gone") == 1


async def test_what_the_broker_drops_is_told_also_if_nobody_was_there(
    until: Any, start: Any, new_probe: Any, new_broker: Any, board: Board, memory: Any
) -> None:
    small: Mosquitto = new_broker(extra="max_queued_messages 10\nsys_interval 1")
    flow = await start(port=small.port, topics=["t"], checkpoint=memory)
    await until(lambda: isinstance((memory.value or {}).get("dropped"), int), "the counter is known")
    await flow.stop()
    await flow.node.context.connection.close()
    probe: Probe = new_probe(small.port)
    for number in range(100):
        probe.publish("t", str(number))
    await start(port=small.port, topics=["t"], checkpoint=memory)
    await until(lambda: "has dropped" in board.text("warning"))
    assert "max_queued_messages" in board.text("warning")
    assert memory.value["dropped"] > 0


async def test_a_broker_that_does_not_let_its_counters_be_read_is_left_alone(
    until: Any, start: Any, new_probe: Any, new_broker: Any, board: Board, tmp_path: Any
) -> None:
    (tmp_path / "acl").write_text("topic readwrite #\ntopic deny $SYS/#\n")
    closed: Mosquitto = new_broker(extra=f"acl_file {tmp_path}/acl")
    flow = await start(port=closed.port, topics=["t"])
    drops = flow.node.context.connection._drops
    await until(drops._opening.done)
    new_probe(closed.port).publish("t", b"1")
    await until(lambda: flow.payloads == [1])
    assert board.kinds() == []


def test_what_a_counter_says_is_told_once_a_minute(board: Board) -> None:
    async def run() -> None:
        kept: list[int] = []

        async def keep(number: int) -> None:
            kept.append(number)

        watch = DropWatch(lambda _: None, board, "broker", None, keep)  # type: ignore[arg-type,return-value]
        for payload in (b"5", b"5", b"7", b"odd", b"9", b"1"):  # the last one: the broker was started anew
            watch.arrived(1, [("$SYS", payload, 0, 0, None)], 1)
        assert "dropped 2 messages" in board.text("warning")
        watch._say()
        assert "dropped 3 messages" in board.text("warning")
        assert board.kinds() == ["warning"] * 2
        await watch.close()
        assert kept == [5, 7, 9, 1]

    asyncio.run(run())


async def test_a_broker_with_persistence_keeps_messages_over_its_own_death(
    until: Any, start: Any, new_probe: Any, new_broker: Any
) -> None:
    lasting: Mosquitto = new_broker(persistence=True)
    flow = await start(port=lasting.port, topics=["t"])
    probe: Probe = new_probe(lasting.port)
    probe.publish("t", b"1")
    await until(lambda: flow.payloads == [1])
    lasting.stop()
    lasting.start()
    await until(lambda: flow.payloads == [1, 1])


@pytest.mark.expects_error_log
async def test_an_error_in_the_message_handler_ends_the_link_loudly_and_loses_nothing(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await start(topics=["t"])
    healthy, failures = flow.node._inbox.put, []

    def fail_once(block: Any) -> None:
        if not failures:
            failures.append(block)
            raise RuntimeError("a bug")
        healthy(block)

    flow.node._inbox.put = fail_once
    probe: Probe = new_probe(broker.port)
    probe.publish("t", b"1")
    await until(lambda: flow.payloads == [1])
    assert failures
    assert "a bug" in board.text("lost")
    assert "handling received data failed" in caplog.text


async def test_back_pressure_stops_reading_and_the_link_stays_alive(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, board: Board
) -> None:
    flow = await start(topics=["t"], qos=0, backlog=5)
    flow.open.clear()
    probe: Probe = new_probe(broker.port)
    block = b"x" * 60_000
    for _ in range(30):
        probe.publish("t", block, 0)
    await until(lambda: not link_of(flow)._wire._reading, "reading has stopped")
    held = len(flow.node._inbox)
    for _ in range(20):
        probe.publish("t", block, 0)
    link_of(flow)._client._ping_t = 1.0  # a ping is out, and its answer cannot be read
    link_of(flow)._tick()
    assert len(flow.node._inbox) == held
    assert flow.node._session.link.alive
    flow.open.set()
    await until(lambda: len(flow.messages) == 50)
    assert board.notices == []


async def test_batches_form_by_themselves(until: Any, start: Any, new_probe: Any, broker: Mosquitto) -> None:
    flow = await start(topics=["t"], qos=0)
    probe: Probe = new_probe(broker.port)
    for number in range(1500):
        probe.publish("t", str(number), 0)  # blocks the loop, so that messages accumulate
    await until(lambda: len(flow.messages) == 1500)
    assert flow.payloads == list(range(1500))
    assert 100 < max(flow.batches) <= 1000


async def test_large_messages_arrive_in_pieces_and_whole(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto
) -> None:
    flow = await start(topics=["t"], format="bytes", max_payload_bytes=3_000_000)
    probe: Probe = new_probe(broker.port)
    big = bytes(range(256)) * 8_000
    probe.publish("t", big)
    probe.publish("t", b"small")
    await until(lambda: len(flow.messages) == 2)
    assert flow.payloads == [big, b"small"]


async def test_topics_of_an_earlier_version_of_the_node_are_left_out(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, board: Board
) -> None:
    before = await start(topics=["old/#"])
    await before.stop()
    probe: Probe = new_probe(broker.port)
    probe.publish("old/1", b"1")
    flow = await start(topics=["new"])
    probe.publish("new", b"2")
    await until(lambda: flow.payloads)
    assert flow.payloads == [2]
    assert "old/1" in board.text("warning")


async def test_what_a_faulty_broker_sends_without_being_asked_is_left_out(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, board: Board
) -> None:
    flow = await start(topics=["t"])
    arrived = flow.node.arrived

    def with_a_stray(generation: int, arrivals: list[Any], size: int) -> None:
        stray = ("other", *arrivals[0][1:2], 0, *arrivals[0][3:])
        arrived(generation, [stray, *arrivals], size)

    flow.node.arrived = with_a_stray
    probe: Probe = new_probe(broker.port)
    probe.publish("t", b"1")
    await until(lambda: flow.payloads)
    assert flow.payloads == [1]
    what = "the broker sends topics this node does not ask for, e.g. 'other'; they are left out"
    assert board.text("warning") == f"{what}. That is a fault of the broker"


async def test_qos_2_is_made_as_1_and_says_so(
    until: Any, start: Any, new_probe: Any, broker: Mosquitto, board: Board
) -> None:
    flow = await start(topics=["t"], qos=2)
    probe: Probe = new_probe(broker.port)
    probe.publish("t", b"1", 2)
    await until(lambda: flow.payloads == [1])
    assert "dedupe" in board.text("warning")
    assert flow.node.is_replayable(flow.node.config)


@pytest.mark.parametrize(
    ("topics", "words"),
    [
        ([], "at least 1"),
        (["a/#/b"], "last level"),
        (["a+"], "whole level"),
        ([""], "empty"),
        (["$share/x"], r"\$share"),
    ],
)
def test_wrong_topic_filters_are_explained(topics: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MqttSubscribe.Config.model_validate({"topics": topics})
