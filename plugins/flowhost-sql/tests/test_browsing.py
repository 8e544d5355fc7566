"""Tables and columns of real databases."""

from __future__ import annotations

import pytest

from flowhost.sdk import Browse, BrowseRequest, PermanentError


async def test_tables_and_columns_are_listed(database, peek):
    assert isinstance(database, Browse)
    assert "no tables yet" in (await database.browse(BrowseRequest(what="tables"))).note
    peek("create table orders (id integer primary key, machine text, at timestamp)")
    peek("create table flowhost_inbox (id integer)")
    peek("create view late as select id from orders")
    found = await database.browse(BrowseRequest(what="tables"))
    assert [(one.value, one.detail) for one in found.items] == [("orders", "table"), ("late", "view")]
    columns = await database.browse(BrowseRequest(what="columns", config={"table": "orders"}))
    assert [one.value for one in columns.items] == ["id", "machine", "at"]
    assert columns.items[0].detail == "integer, primary key"
    some = await database.browse(BrowseRequest(what="columns", config={"table": "orders"}, search="mach"))
    assert [one.value for one in some.items] == ["machine"]
    with pytest.raises(PermanentError, match="name the table first"):
        await database.browse(BrowseRequest(what="columns"))
    with pytest.raises(PermanentError, match="no table 'nothing'"):
        await database.browse(BrowseRequest(what="columns", config={"table": "nothing"}))
