"""Nodes of all flows are found by what they say."""

from __future__ import annotations

from typing import Any

import pytest

from flowhost.errors import ForbiddenError
from flowhost.graph.place import format_place
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.flow_search import Hit
from flowhost.services.host import Host


def where(hit: Hit) -> str:
    return f"{format_place(hit.place)}: {hit.value}" if hit.place else ""


async def test_nodes_are_found_by_name_type_and_config(host: Host, flow: Any) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    await host.flows.import_file(LOCAL_USER, flow("other", "Other line"))
    # what is being edited is looked through, not what was deployed
    await host.drafts.edit(
        LOCAL_USER, "other", "b1",
        [{"op": "set", "path": ["nodes", "even", "config", "where"], "value": "topic == 'Boiler/7'"}],
    )  # fmt: skip

    async def found(words: str) -> list[tuple[str, str, str]]:
        return [(hit.flow, hit.node, where(hit)) for hit in (await host.search.find(LOCAL_USER, words)).hits]

    assert await found("boiler") == [("other", "even", "config.where: topic == 'Boiler/7'")]
    assert await found("filter SEQ") == [("line", "even", "config.where: payload.seq % 2 == 0")]
    assert await found("values") == [("line", "gen", ""), ("other", "gen", "")]
    assert await found("rate_hz 100") == [
        ("line", "gen", "config.rate_hz: 100"),
        ("other", "gen", "config.rate_hz: 100"),
    ]
    assert await found("nothing like it") == await found("  ") == []
    assert (await host.search.find(LOCAL_USER, "sim", limit=1)).total == 2
    with pytest.raises(ForbiddenError):
        await host.search.find(Principal("nobody"), "x")


async def test_notes_frames_and_flows_are_found_by_what_they_say(host: Host, flow: Any) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    await host.flows.import_file(LOCAL_USER, flow("other", "Bottling"))
    layout = {
        "notes": {"n1": {"text": "Ask the shift lead\nfirst", "at": [0, 0], "size": [200, 96]}},
        "groups": {"g1": {"name": "Shift 7", "nodes": ["gen"]}},
    }
    ops = [{"op": "set", "path": ["layout", part], "value": value} for part, value in layout.items()]
    about = {"op": "set", "path": ["description"], "value": "Counts crates for the shift report"}
    await host.drafts.edit(LOCAL_USER, "other", "b1", [*ops, about])

    async def found(words: str, *, flows: bool = True) -> list[tuple[str, str, str]]:
        hits = (await host.search.find(LOCAL_USER, words, flows=flows)).hits
        return [(hit.kind, hit.node, hit.title) for hit in hits]

    note, frame = ("note", "note:n1", "Ask the shift lead first"), ("frame", "group:g1", "Shift 7")
    assert await found("SHIFT first") == [note]
    assert await found("shift") == [note, ("flow", "", "Bottling"), frame]
    assert await found("shift", flows=False) == [note, frame]
    assert await found("bottling") == [("flow", "", "Bottling")]
    (crates,) = (await host.search.find(LOCAL_USER, "crates", flows=True)).hits
    assert crates.value == "Counts crates for the shift report"
