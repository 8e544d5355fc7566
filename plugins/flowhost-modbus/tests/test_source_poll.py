"""`modbus.poll` as an engine runs it."""

from __future__ import annotations

import asyncio
import re
import struct
import time
from contextlib import suppress
from typing import Any

import pytest

from flowhost.sdk import NotConnectedError, PermanentError, Source, TemporaryError


async def poll(node: Any, outlet: Any, count: int = 1) -> list[Any]:
    """Run the node until so many messages have come."""
    await node.open()
    running = asyncio.create_task(node.run(outlet))
    arrived = asyncio.create_task(outlet.wait(count))
    await asyncio.wait((running, arrived), return_when=asyncio.FIRST_COMPLETED)
    for task in (running, arrived):
        task.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await node.close()
    return list(outlet.messages)


async def test_one_message_per_scan(plant: Any, connect: Any, node: Any, outlet: Any) -> None:
    tags = [
        {"name": "energy", "table": "input", "address": 10, "scale": 0.1, "unit": "kW.h"},
        {"name": "running", "table": "coil", "address": 3},
        {"name": "power", "table": "input", "address": 12, "unit": "kW"},
    ]
    before = time.time_ns()
    source = node(connect(plant.port), tags, topic="")
    assert isinstance(source, Source)
    assert source.is_replayable(source.config) is False
    first, second = (await poll(source, outlet, 2))[:2]
    assert first.payload == {"energy": 7.0, "running": True, "power": 84}
    assert list(first.payload) == ["energy", "running", "power"]
    assert first.meta.topic == first.meta.key == "meter/1"
    assert first.meta.quality == "good"
    assert first.meta.headers == {"unit.energy": "kW.h", "unit.power": "kW"}
    assert first.meta.id == f"energy/poll/{first.meta.time_ns}"
    assert before <= first.meta.time_ns < second.meta.time_ns
    assert plant.asked[:2] == [(1, 3, 1), (4, 10, 3)]
    assert source.health() == "2 requests per scan: coil 3 (1 tag), input 10..12 (2 tags)"


async def test_values_of_every_type_over_the_wire(plant: Any, connect: Any, node: Any, outlet: Any) -> None:
    await plant.stop()
    tags, expected, registers = [], {}, []
    values = {
        "int16": ("h", -5), "uint16": ("H", 65000), "int32": ("i", -70000), "uint32": ("I", 4000000000),
        "int64": ("q", -(2**60)), "uint64": ("Q", 2**63 + 1), "float32": ("f", 1.5), "float64": ("d", 0.1),
    }  # fmt: skip
    for kind, (form, value) in values.items():
        for order in ("ABCD", "DCBA", "BADC", "CDAB"):
            raw = struct.pack(">" + form, value)
            words = [raw[i : i + 2] for i in range(0, len(raw), 2)]
            words = [word[::-1] for word in words] if order in ("BADC", "DCBA") else words
            words = words[::-1] if order in ("CDAB", "DCBA") else words
            name = f"{kind}_{order}"
            tags.append({"name": name, "address": len(registers), "type": kind, "order": order})
            registers += [int.from_bytes(word, "big") for word in words]
            expected[name] = value
    plant.holding = [*registers, 0x4F4B]
    tags.append({"name": "text", "address": len(registers), "type": "string", "length": 2})
    await plant.start()
    (message, *_) = await poll(node(connect(plant.port), tags, topic="t"), outlet)
    assert message.payload == expected | {"text": "OK"}
    assert message.meta.topic == "t"


async def test_a_gap_the_device_refuses_is_learned(
    plant: Any, connect: Any, node: Any, outlet: Any, board: Any
) -> None:
    """Exception 2 because of a hole between tags: all tags are read, the hole is left out from then on."""
    plant.refuse = lambda function, address, count: 2 if address <= 5 < address + count else None
    tags = [{"name": f"t{i}", "table": "input", "address": i} for i in (3, 4, 8, 9)]
    messages = await poll(node(connect(plant.port), tags), outlet, 3)
    for message in messages:
        assert message.payload == {"t3": 21, "t4": 28, "t8": 56, "t9": 63}
        assert message.meta.quality == "good"
    assert plant.asked[:7] == [(4, 3, 7), (4, 3, 2), (4, 8, 2), (4, 3, 2), (4, 8, 2), (4, 3, 2), (4, 8, 2)]
    assert board.notices == []


async def test_a_tag_that_does_not_exist_is_null(plant: Any, connect: Any, node: Any, outlet: Any, board: Any) -> None:
    plant.refuse = lambda function, address, count: 2 if address <= 5 < address + count else None
    tags = [{"name": f"t{i}", "table": "input", "address": i} for i in range(3, 9)]
    source = node(connect(plant.port), tags)
    messages = await poll(source, outlet, 3)
    for message in messages:
        assert message.payload == {"t3": 21, "t4": 28, "t5": None, "t6": 42, "t7": 49, "t8": 56}
        assert message.meta.quality == "uncertain"
        assert message.meta.headers["modbus.errors"].startswith("t5: input 5: illegal data address (exception 2);")
    assert board.kinds() == ["warning"]
    assert source.health().endswith("cannot be read: t5")


async def test_a_float_that_is_no_number_is_null(plant: Any, connect: Any, node: Any, outlet: Any) -> None:
    await plant.stop()
    plant.holding = [0x7FC0, 0, 1]
    await plant.start()
    tags = [{"name": "flow", "address": 0, "type": "float32"}, {"name": "ok", "address": 2}]
    (message, *_) = await poll(node(connect(plant.port), tags), outlet)
    assert message.payload == {"flow": None, "ok": 1}
    assert "no value at present" in message.meta.headers["modbus.errors"]


async def test_nothing_readable_is_a_temporary_error(plant: Any, connect: Any, node: Any, outlet: Any) -> None:
    plant.refuse = lambda function, address, count: 6
    source = node(connect(plant.port), [{"name": "a", "address": 0}, {"name": "b", "address": 200}])
    with pytest.raises(TemporaryError, match=r"no tag could be read; .*device busy") as caught:
        await source.open()
    assert caught.value.after_s == 0.5
    assert outlet.messages == []


async def test_a_device_that_starts_is_not_cut_to_pieces(plant: Any, connect: Any, node: Any, outlet: Any) -> None:
    """While everything is refused nothing is learned; one request per scan remains the plan."""
    plant.refuse = lambda function, address, count: 2
    source = node(connect(plant.port), [{"name": f"t{i}", "address": i} for i in range(8)])
    for _ in range(3):
        with pytest.raises(TemporaryError):
            await source.open()
    assert len(plant.asked) < 20
    plant.refuse = lambda function, address, count: None
    plant.asked.clear()
    await poll(source, outlet)
    assert plant.asked[0] == (3, 0, 8)


async def test_one_silent_block_does_not_stop_the_others(raw: Any, connect: Any, node: Any, outlet: Any) -> None:
    async def picky(request: bytes, writer: asyncio.StreamWriter) -> None:
        if int.from_bytes(request[8:10], "big") != 100:
            await raw.good(request, writer)

    raw.answer = picky
    tags = [{"name": name, "address": address} for name, address in (("a", 0), ("b", 100), ("c", 200))]
    (message, *_) = await poll(node(connect(raw.port, timeout_s=0.2), tags), outlet)
    assert message.payload == {"a": 42, "b": None, "c": 42}
    assert "did not answer" in message.meta.headers["modbus.errors"]


async def test_silence_ends_a_scan_early(raw: Any, connect: Any, node: Any, outlet: Any) -> None:
    asked: list[bytes] = []

    async def never(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request)

    raw.answer = never
    source = node(connect(raw.port, timeout_s=0.1), [{"name": str(i), "address": 100 * i} for i in range(20)])
    with pytest.raises(TemporaryError, match="did not answer"):
        await source.open()
    assert len(asked) == 2


async def test_loss_gap_and_return(plant: Any, connect: Any, node: Any, outlet: Any, board: Any) -> None:
    source = node(connect(plant.port), [{"name": "a", "table": "input", "address": 1}])
    await poll(source, outlet, 2)
    await plant.stop()
    with pytest.raises(NotConnectedError):
        await source.open()
    await plant.start()
    waits: list[float | None] = []
    before = len(outlet.messages)
    async with asyncio.timeout(15):
        while True:  # as the engine does: close, wait, open, run
            await source.close()
            try:
                await poll(source, outlet, before + 1)
            except NotConnectedError as error:
                waits.append(error.after_s)
                await asyncio.sleep(error.after_s or 0)
            else:
                break
    assert all(wait and 0.5 <= wait <= 10 for wait in waits)
    assert board.kinds() == ["lost", "restored", "gap"]
    clock = r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"
    assert re.match(rf"no values between {clock} and {clock} \(\d", board.notices[-1][1])


async def test_a_link_lost_while_scanning_ends_the_run(plant: Any, connect: Any, node: Any, outlet: Any) -> None:
    source = node(connect(plant.port), [{"name": "a", "address": 1}])
    await source.open()
    running = asyncio.create_task(source.run(outlet))
    await outlet.wait(2)
    await plant.stop()
    with pytest.raises(NotConnectedError, match="connection refused"):
        await asyncio.wait_for(running, 5)


async def test_missed_scans_are_counted_and_said_once(
    plant: Any, connect: Any, node: Any, outlet: Any, board: Any
) -> None:
    outlet.delay_s = 0.055
    source = node(connect(plant.port), [{"name": "a", "address": 1}], period_ms=20)
    await poll(source, outlet, 4)
    assert source.missed_scans >= 4
    assert board.kinds() == ["warning"]
    assert "lengthen period_ms" in board.notices[0][1]
    assert "scans skipped" in source.health()


async def test_two_nodes_share_a_connection(plant: Any, connect: Any, node: Any) -> None:
    connection = connect(plant.port)
    results: list[list[Any]] = [[], []]

    def emit_to(index: int) -> Any:
        async def emit(messages: Any, position: Any = None, **_: Any) -> None:
            results[index].extend(messages)

        return emit

    sources = [node(connection, [{"name": "v", "table": "input", "address": address}]) for address in (1, 2)]
    for source in sources:
        await source.open()
    tasks = [asyncio.create_task(source.run(emit_to(i))) for i, source in enumerate(sources)]
    async with asyncio.timeout(5):
        while min(map(len, results)) < 10:
            await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert {message.payload["v"] for message in results[0]} == {7}
    assert {message.payload["v"] for message in results[1]} == {14}


async def test_another_connection_type_is_refused(node: Any) -> None:
    with pytest.raises(PermanentError, match=r"needs a connection of type modbus\.client"):
        await node(None, [{"name": "a", "address": 1}]).open()
