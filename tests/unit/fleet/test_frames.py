"""Frames survive the trip; what no one can read is refused."""

import asyncio
from decimal import Decimal

import pytest

from flowhost.engine.snapshot import FlowSnapshot, NodeSnapshot, ValueSnapshot
from flowhost.fleet.frames import (
    BrokenFrameError,
    RunStatus,
    StartFlow,
    Status,
    encode,
    read_from_host,
    read_from_worker,
)


def stream(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def test_flow_document_and_secrets_arrive_as_they_were(document) -> None:
    sent = StartFlow(run=7, document=document(), base_dir="/data", host_id="h", secrets={"a": "hidden"}, watch=True)
    assert await read_from_host(stream(encode(sent))) == sent
    assert "hidden" not in repr(sent)


async def test_figures_arrive_and_odd_values_become_text() -> None:
    value = ValueSnapshot(node="a", port="out", payload={"x": Decimal("1.50"), "y": object})
    snapshot = FlowSnapshot(flow="f", nodes={"a": NodeSnapshot(in_=3)}, values=[value])
    arrived = await read_from_worker(stream(encode(Status(5, [RunStatus(1, snapshot)]))))
    assert isinstance(arrived, Status)
    assert arrived.runs[0].snapshot.nodes["a"].in_ == 3
    assert arrived.runs[0].snapshot.values[0].payload == {"x": "1.50", "y": "<class 'object'>"}


async def test_end_of_stream_is_no_error_garbage_is() -> None:
    assert await read_from_worker(stream(b"")) is None
    assert await read_from_worker(stream(encode(Status(1, []))[:-1])) is None
    with pytest.raises(BrokenFrameError, match="cannot be read"):
        await read_from_worker(stream(b"\x00\x00\x00\x01\xc1"))
    with pytest.raises(BrokenFrameError, match="at most"):
        await read_from_worker(stream(b"\xff\xff\xff\xff"))
