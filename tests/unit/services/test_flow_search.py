"""Nodes of all flows are found by what they say."""

from __future__ import annotations

from typing import Any

import pytest

from flowhost.errors import ForbiddenError
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.host import Host


async def test_nodes_are_found_by_name_type_and_config(host: Host, flow: Any) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    await host.flows.import_file(LOCAL_USER, flow("other", "Other line"))
    # what is being edited is looked through, not what was deployed
    await host.drafts.edit(
        LOCAL_USER, "other", "b1",
        [{"op": "set", "path": ["nodes", "even", "config", "where"], "value": "topic == 'Boiler/7'"}],
    )  # fmt: skip

    async def found(words: str) -> list[tuple[str, str, str]]:
        return [(hit.flow, hit.node, hit.where) for hit in (await host.search.find(LOCAL_USER, words)).hits]

    assert await found("boiler") == [("other", "even", "where: topic == 'Boiler/7'")]
    assert await found("filter SEQ") == [("line", "even", "where: payload.seq % 2 == 0")]
    assert await found("values") == [("line", "gen", ""), ("other", "gen", "")]
    assert await found("rate_hz 100") == [("line", "gen", "rate_hz: 100"), ("other", "gen", "rate_hz: 100")]
    assert await found("nothing like it") == await found("  ") == []
    assert (await host.search.find(LOCAL_USER, "sim", limit=1)).total == 2
    with pytest.raises(ForbiddenError):
        await host.search.find(Principal("nobody"), "x")
