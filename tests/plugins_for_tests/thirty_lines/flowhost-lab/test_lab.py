import asyncio
from pathlib import Path

from flowhost.catalog import load_catalog
from flowhost.graph.text import load_flow
from flowhost.sdk import Message
from flowhost.testing import FlowHarness


async def arrives(*lines):
    flow = load_flow(Path(__file__).with_name("flow.yaml")).document
    async with FlowHarness(flow, load_catalog()) as running:
        await running.feed("results", [Message(line) for line in lines])
        return [[message.payload for message in running.received(sink)] for sink in ("report", "problems")]


def test_a_wrong_line_leaves_by_the_error_port_and_the_others_arrive():
    reports, problems = asyncio.run(arrives("T-17;pH;7.2", "T-18;pH;n/a", "T-19;pH;6.9"))
    assert [result["value"] for result in reports] == [7.2, 6.9]
    assert problems == ["T-18;pH;n/a"]
