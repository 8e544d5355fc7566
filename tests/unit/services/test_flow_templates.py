"""Templates: every one gives a flow that can run, and says what it has to be told."""

from __future__ import annotations

from typing import Any

import pytest

from flowhost.errors import ConfigError, ConflictError, ForbiddenError, NotFoundError
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.flow_templates import id_of
from flowhost.services.host import Host

ME = LOCAL_USER
CONNECTIONS: dict[str, Any] = {
    "opcua.client": {"endpoint": "opc.tcp://127.0.0.1:1", "security": "none"},
    "mqtt.broker": {"host": "127.0.0.1", "port": 1},
    "modbus.client": {"host": "127.0.0.1", "port": 1},
    "sql.database": {"url": "sqlite:///templates.db"},
}
VALUES: dict[str, Any] = {
    "items": [{"node": "ns=2;s=Speed"}],
    "topics": ["plant/#"],
    "tags": [{"name": "power", "table": "input", "address": 0, "type": "float32"}],
    "table": "orders",
    "cursor": "id",
}


async def test_every_template_gives_a_flow_without_a_problem(host: Host) -> None:
    for type_id, config in CONNECTIONS.items():
        await host.connections.create(ME, type_id.replace(".", "-"), type_id, config)
    templates = await host.templates.list(ME)
    assert len(templates) >= 7
    for template in templates:
        assert not template.missing
        chosen = {one["slot"]: one["type"].replace(".", "-") for one in template.connections}
        asked = {one["path"]: VALUES.get(one["fact"]["name"]) for one in template.fields if one["value"] is None}
        values = {path: value for path, value in asked.items() if value is not None}
        made = await host.templates.make(ME, template.id, template.title, "", chosen, values, start=False)
        view = await host.drafts.look(ME, made.id)
        assert not view.problems, (template.id, view.problems)
        assert not made.started
        # what the nodes of the flow make of a sample adds up
        source = next(iter(view.document["nodes"]))
        given = {source: [{"topic": "a", "payload": 1.5}, {"topic": "b", "payload": "RUN"}]}
        if template.id != "try-out":
            found = await host.samples.run(ME, made.id, given)
            assert found["balanced"], template.id
            assert not found["dead"], (template.id, found["dead"])


async def test_what_is_missing_or_wrong_is_said_with_its_place(host: Host, until) -> None:
    async def make(template: str = "mqtt-to-sql", name: str = "Mine", **more: Any) -> Any:
        facts = {"connections": {}, "values": {}, **more}
        return await host.templates.make(ME, template, name, "", facts["connections"], facts["values"], start=True)

    await host.connections.create(ME, "broker", "mqtt.broker", CONNECTIONS["mqtt.broker"])
    await host.connections.create(ME, "db", "sql.database", CONNECTIONS["sql.database"])
    both = {"broker": "broker", "database": "db"}
    with pytest.raises(NotFoundError):
        await make("no such")
    for more, place in (
        ({"name": "!"}, "name"),
        ({}, "connections.broker"),
        ({"connections": both}, "nodes.messages.config.topics"),
        (
            {"connections": {**both, "database": "broker"}, "values": {"nodes.messages.config.topics": ["a"]}},
            "nodes.rows.connection",
        ),
    ):
        with pytest.raises(ConfigError) as caught:
            await make(**more)
        assert caught.value.place == place
    assert await host.flows.list(ME) == ()
    made = await make("try-out", "Mine")
    assert (made.id, made.started, made.problem) == ("mine", True, "")

    async def runs() -> bool:
        return (await host.flows.detail(ME, "mine")).overview.state == "running"

    await until(runs)
    with pytest.raises(ConflictError, match="another name"):
        await make("try-out", "Mine")
    with pytest.raises(ForbiddenError):
        await host.templates.make(Principal("vera", frozenset({"viewer"})), "try-out", "V", "", {}, {}, start=False)


def test_ids_follow_from_names() -> None:
    assert id_of("Linie 1: Zähler") == "linie-1-zahler"
    assert id_of("  ") == ""
