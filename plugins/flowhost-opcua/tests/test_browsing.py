"""Pick lists read from a real server."""

from __future__ import annotations

import pytest

from flowhost.sdk import Browse, BrowseRequest, NotConnectedError

LINE = "nsu=http://flowhost.test/line;s="


async def test_the_tree_is_opened_branch_by_branch_and_searched(start_plant, make_connection):
    plant = await start_plant(items=30)
    connection = make_connection(endpoint=plant.endpoint)
    assert isinstance(connection, Browse)
    await connection.open()
    top = await connection.browse(BrowseRequest(what="nodes"))
    branches = {choice.label: choice for choice in top.items}
    assert branches["Line1"].opens
    assert not branches["Line1"].value
    below = await connection.browse(BrowseRequest(what="nodes", under=branches["Line1"].opens))
    tags = {choice.label: choice for choice in below.items}
    assert tags["Line1.Speed"].value == f"{LINE}Line1.Speed"
    assert tags["Line1.Speed"].detail == "Double 100.0"
    assert not tags["Line1.Speed"].opens
    few = await connection.browse(BrowseRequest(what="nodes", under=branches["Line1"].opens, limit=5))
    assert len(few.items) == 5
    assert "the first 5" in few.note
    found = await connection.browse(BrowseRequest(what="nodes", search="tag2"))
    assert {choice.label for choice in found.items} == {"Tag2", *(f"Tag{n}" for n in range(20, 30))}
    assert not (await connection.browse(BrowseRequest(what="nodes", search="no such thing"))).items
    await connection.close()
    with pytest.raises(NotConnectedError):
        await connection.browse(BrowseRequest(what="nodes"))


async def test_what_is_picked_can_be_subscribed(start_plant, open_connection, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    found = await running.connection.browse(BrowseRequest(what="nodes", search="speed"))
    await running.subscribe(items=[found.items[0].value], sampling_ms=50, publish_ms=50)
    await until(lambda: running.values("Line1.Speed"))


async def test_hits_say_where_they_are_and_properties_fill_the_rest(start_plant, make_connection):
    plant = await start_plant(analog={"Line1/Filler": "CEL", "Line1/Capper": "CEL", "Line2/Oven #3": "XXX"})
    connection = make_connection(endpoint=plant.endpoint)
    await connection.open()
    found = await connection.browse(BrowseRequest(what="nodes", search="temperature"))
    shown = {choice.place: (choice.label, choice.fills) for choice in found.items}
    assert shown == {
        "Line1 / Filler": ("Temperature", {"topic": "Line1/Filler/Temperature", "unit": "Cel"}),
        "Line1 / Capper": ("Temperature", {"topic": "Line1/Capper/Temperature", "unit": "Cel"}),
        # a unit nobody knows is not proposed; what stands for others in topics is no part of one
        "Line2 / Oven #3": ("Temperature", {"topic": "Line2/Oven_3/Temperature"}),
    }
    assert not (await connection.browse(BrowseRequest(what="nodes", search="engineering"))).items, "no properties"
    # the tree leads to the same proposals
    items, fills = (await connection.browse(BrowseRequest(what="nodes"))).items, {}
    for step in ("Line1", "Filler", "Temperature"):
        chosen = next(choice for choice in items if choice.label == step)
        fills = chosen.fills
        items = (await connection.browse(BrowseRequest(what="nodes", under=chosen.opens))).items if chosen.opens else ()
    assert fills == {"topic": "Line1/Filler/Temperature", "unit": "Cel"}
    await connection.close()
