"""Every installed source that can be told to send keeps what `flowhost.sdk.Trigger` promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowhost.catalog import load_catalog
from flowhost.sdk import Source, Trigger
from flowhost.testing.clock import VirtualClock
from flowhost.testing.conformance.source_drive import SourceDrive
from flowhost.testing.conformance.stage import Stage, until

CONFIGS: dict[str, dict[str, Any]] = {
    "inject": {"messages": [{"payload": 1}, {"payload": 2}]},
    "schedule": {"every_s": 3600},
}
"""A new type with this power is written in here."""
NODES: dict[str, Any] = {
    name: node for name, node in load_catalog().nodes.items() if issubclass(node, Source) and issubclass(node, Trigger)
}


def test_all_types_with_this_power_are_tested() -> None:
    assert NODES.keys() == CONFIGS.keys()


@pytest.mark.parametrize("name", CONFIGS)
async def test_ids_are_its_own_even_at_one_moment(name: str, tmp_path: Path) -> None:
    stage = Stage(tmp_path, NODES[name], None, CONFIGS[name], {}, VirtualClock())
    drive = SourceDrive(stage.new_node(), lambda _: 0)  # type: ignore[arg-type]
    await drive.start()
    await until(lambda: drive.messages, "it sends at the start")
    at_start = len(drive.messages)
    for _ in range(3):
        node = drive.node
        assert isinstance(node, Trigger)
        before = len(drive.messages)
        assert await node.trigger(drive.emit) == len(drive.messages) - before > 0
    assert len({message.meta.id for message in drive.messages}) == len(drive.messages) > at_start
    await drive.stop()
    assert not drive.breaches
