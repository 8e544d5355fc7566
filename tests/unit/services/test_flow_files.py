"""Imports into a host that runs: all or none, drafts follow, what was not deployed stays among the versions."""

from __future__ import annotations

from typing import Any

import pytest

from flowhost.errors import ConfigError, ConflictError, FlowFileError, ForbiddenError, NotFoundError
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.draft_views import DraftEdited
from flowhost.services.flow_files import FlowSource, ImportChoices
from flowhost.services.host import Host

REPLACE = ImportChoices(conflicts="replace")


def files(*texts: str) -> list[FlowSource]:
    return [FlowSource(name=f"{number}.yaml", text=text) for number, text in enumerate(texts)]


async def names(host: Host) -> dict[str, str]:
    return {flow.id: flow.name for flow in await host.flows.list(LOCAL_USER)}


async def test_what_an_import_would_meet_is_listed_first(host: Host, flow: Any) -> None:
    await host.files.take(LOCAL_USER, files(flow()))
    await host.drafts.edit(LOCAL_USER, "line", "b1", [{"op": "set", "path": ["name"], "value": "Edited"}])
    await host.flows.start(LOCAL_USER, "line")
    odd = flow("odd").replace("type: discard", "type: acme.send")
    items = await host.files.plan(LOCAL_USER, files(flow(), flow(name="New"), flow("two"), odd, "a: ["))
    assert [(item.state, item.running, item.edited) for item in items[:3]] == [
        ("same", True, True), ("exists", True, True), ("new", False, False),
    ]  # fmt: skip
    assert items[1].refused.startswith("the flow 'line' stands in 0.yaml too")
    assert items[3].missing == ("acme.send",)
    assert items[3].missing_at == ("line 8, column 15",)
    assert items[3].errors[0].startswith("line 8, column 15: nodes.end.type: node type 'acme.send'")
    assert items[4].refused.startswith("line 1, column")


async def test_all_that_keeps_a_file_from_starting_is_listed(host: Host, flow: Any) -> None:
    wrong = flow("odd").replace("type: discard", "type: discrad").rstrip() + "\n  - gen -> nowhere\n"
    [item] = await host.files.plan(LOCAL_USER, files(wrong))
    said = "\n".join(item.errors)
    assert "did you mean 'discard'?" in said
    assert "nowhere" in said
    assert len(item.errors) == 2


async def test_a_fault_in_json_is_found_where_it_stands(host: Host) -> None:
    unfinished = '{\n  "flowhost": 1,\n  "id": "line",\n  "nodes": {]\n}\n'
    unknown = '{\n  "flowhost": 1,\n  "id": "line",\n  "nodes": {\n    "end": {"type": "discrad"}\n  }\n}\n'
    items = await host.files.plan(LOCAL_USER, files(unfinished, unknown))
    assert items[0].refused.startswith("line 4, column 13: ")
    assert items[1].missing_at == ("line 5, column 21",)
    assert "line 5, column 21: nodes.end.type: unknown node type 'discrad'" in items[1].errors[0]


async def test_running_flow_goes_on_with_what_came_and_editors_see_it(host: Host, flow: Any, until: Any) -> None:
    told: list[Any] = []
    await host.files.take(LOCAL_USER, files(flow()))
    await host.flows.start(LOCAL_USER, "line")
    await host.drafts.listen(LOCAL_USER, "line", told.append)
    await host.drafts.edit(LOCAL_USER, "line", "b1", [{"op": "set", "path": ["name"], "value": "Edited"}])
    new = flow(name="New").replace("seq % 2", "seq % 3")
    with pytest.raises(ConflictError, match="line is here already"):
        await host.files.take(LOCAL_USER, files(flow("two"), new))
    assert await names(host) == {"line": "Line 1"}
    done = await host.files.take(LOCAL_USER, files(flow("two"), new), REPLACE)
    assert [(one.flow, one.done) for one in done] == [("two", "made"), ("line", "replaced")]
    assert await names(host) == {"line": "New", "two": "Line 1"}
    assert [news.by for news in told if isinstance(news, DraftEdited) and not news.ops] == ["local"]
    view = await host.drafts.look(LOCAL_USER, "line")
    assert (view.document["name"], view.changed, view.deployed) == ("New", False, 3)
    kept = await host.drafts.revisions(LOCAL_USER, "line")
    assert [("not deployed" in one.note) for one in kept] == [False, True, False]

    async def runs() -> bool:
        overview = (await host.flows.detail(LOCAL_USER, "line")).overview
        return overview.state == "running" and overview.revision == 3

    await until(runs)
    # the draft goes on from there
    assert await host.drafts.edit(LOCAL_USER, "line", "b2", [{"op": "unset", "path": ["area"]}]) > view.rev


async def test_comments_that_will_not_be_kept_are_told(host: Host, flow: Any) -> None:
    described = flow("two").replace("\nname:", "\ndescription: 'line #2'\nname:", 1)
    items = await host.files.plan(LOCAL_USER, files("# ask Ann\n" + flow(), described))
    assert [item.comments for item in items] == [True, False]
    await host.files.take(LOCAL_USER, files("# ask Ann\n" + flow(), described))
    one, two = await host.files.export(LOCAL_USER)
    assert "ask Ann" not in one.text
    assert "line #2" in two.text


async def test_both_ways_in_leave_the_same_draft(host: Host, flow: Any) -> None:
    """A single file brought in is an import like any other: the editor shows it, edits stay among the versions."""
    told: list[Any] = []
    await host.flows.import_file(LOCAL_USER, flow())
    await host.drafts.listen(LOCAL_USER, "line", told.append)
    await host.drafts.edit(LOCAL_USER, "line", "b1", [{"op": "set", "path": ["name"], "value": "Edited"}])
    row = await host.flows.import_file(LOCAL_USER, flow(name="New"))
    view = await host.drafts.look(LOCAL_USER, "line")
    assert (view.document["name"], view.changed, view.deployed, row.revision) == ("New", False, 3, 3)
    assert [news.by for news in told if isinstance(news, DraftEdited) and not news.ops] == ["local"]
    kept = await host.drafts.revisions(LOCAL_USER, "line")
    assert [("not deployed" in one.note) for one in kept] == [False, True, False]


@pytest.mark.expects_error_log
async def test_after_an_import_that_was_taken_back_the_draft_can_be_edited(
    host: Host, flow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    await host.flows.start(LOCAL_USER, "line")
    rev = (await host.drafts.look(LOCAL_USER, "line")).rev
    # known to the host, which checks the flow, but not to the worker that was started before
    monkeypatch.setenv("FLOWHOST_TEST_RATE", "5")
    with pytest.raises(ConfigError, match="what ran runs again"):
        await host.flows.import_file(LOCAL_USER, flow(config="{rate_hz: {env: FLOWHOST_TEST_RATE}}"))
    view = await host.drafts.look(LOCAL_USER, "line")
    assert view.rev > rev, "the page is told the number the draft has now"
    assert not view.changed
    assert await host.drafts.edit(LOCAL_USER, "line", "b1", [{"op": "unset", "path": ["area"]}]) > view.rev


async def test_one_that_cannot_be_taken_keeps_all_out(host: Host, flow: Any) -> None:
    await host.files.take(LOCAL_USER, files(flow()))
    await host.flows.start(LOCAL_USER, "line")
    faulty = flow().replace("type: filter", "type: fillter")
    with pytest.raises(ConfigError, match=r"no installed plugin brings fillter \(1\.yaml, line 7, column 16\)"):
        await host.files.take(LOCAL_USER, files(flow("two"), faulty), REPLACE)
    with pytest.raises(ConfigError, match="the running revision goes on"):
        await host.files.take(
            LOCAL_USER, files(flow("two"), faulty), ImportChoices(conflicts="replace", missing_ok=True)
        )
    with pytest.raises(FlowFileError, match=r"nothing was imported: 1\.yaml: line"):
        await host.files.take(LOCAL_USER, files(flow("two"), "a: ["))
    assert await names(host) == {"line": "Line 1"}
    assert (await host.flows.detail(LOCAL_USER, "line")).overview.revision == 1


async def test_export_gives_what_is_deployed_or_edited(host: Host, flow: Any) -> None:
    await host.files.take(LOCAL_USER, files(flow()))
    await host.drafts.edit(LOCAL_USER, "line", "b1", [{"op": "set", "path": ["name"], "value": "Edited"}])
    (deployed,) = await host.files.export(LOCAL_USER)
    (draft,) = await host.files.export(LOCAL_USER, ["line"], draft=True)
    assert ("name: Line 1" in deployed.text, "name: Edited" in draft.text) == (True, True)
    with pytest.raises(NotFoundError, match="'nope'"):
        await host.files.export(LOCAL_USER, ["line", "nope"])


async def test_roles(host: Host, flow: Any) -> None:
    viewer = Principal("vera", frozenset({"viewer"}))
    with pytest.raises(ForbiddenError):
        await host.files.take(viewer, files(flow()))
    assert await host.files.export(viewer) == ()


LINKED = """
flowhost: 1
id: {id}
connections: {{db: {{type: sql.database, config: {{url: "sqlite:///{file}.db"}}}}}}
nodes:
  gen: {{type: sim.generate, config: {{count: 1}}}}
  rows: {{type: sql.write, connection: db, config: {{table: t, create_table: {{seq: integer}}}}}}
wires: [gen -> rows]
"""


async def used(host: Host, flow_id: str) -> str:
    """The file the flow's connection points at; of the host if it brings none."""
    own = (await host.drafts.look(LOCAL_USER, flow_id)).document.get("connections", {})
    return str(own["db"]["config"]["url"]) if own else "of the host"


async def test_connections_travel_with_exported_flows_and_find_their_like(host: Host) -> None:
    await host.connections.create(LOCAL_USER, "db", "sql.database", {"url": "sqlite:///a.db"})
    await host.files.take(LOCAL_USER, files(LINKED.format(id="line", file="a")))
    assert await used(host, "line") == "of the host"
    (exported,) = await host.files.export(LOCAL_USER, ["line"])
    assert "sqlite:///a.db" in exported.text
    (item,) = await host.files.plan(LOCAL_USER, files(exported.text))
    assert (item.state, item.differing) == ("same", ())


async def test_a_connection_that_differs_is_told_and_never_replaced_in_silence(host: Host) -> None:
    await host.connections.create(LOCAL_USER, "db", "sql.database", {"url": "sqlite:///a.db"})
    other = LINKED.format(id="line", file="b")
    (item,) = await host.files.plan(LOCAL_USER, files(other))
    assert (item.state, item.differing, item.errors) == ("new", ("db",), ())
    await host.files.take(LOCAL_USER, files(other, LINKED.format(id="two", file="b")))
    assert await used(host, "line") == "sqlite:///b.db"
    # what a flow has as its own stays its own, also once it is the same as the host's
    await host.files.take(LOCAL_USER, files(LINKED.format(id="line", file="a")), REPLACE)
    assert await used(host, "line") == "sqlite:///a.db"
    await host.files.take(LOCAL_USER, files(LINKED.format(id="three", file="b")), ImportChoices(connections="host"))
    assert await used(host, "three") == "of the host"
    assert (await host.connections.show(LOCAL_USER, "db")).config == {"url": "sqlite:///a.db"}


async def test_a_flow_is_duplicated_as_it_is_being_edited(host: Host, flow: Any) -> None:
    await host.files.take(LOCAL_USER, files(flow()))
    await host.drafts.edit(LOCAL_USER, "line", "b1", [{"op": "set", "path": ["area"], "value": "hall2"}])
    assert await host.files.duplicate(LOCAL_USER, "line") == "line-2"
    assert await host.files.duplicate(LOCAL_USER, "line") == "line-3"
    assert await names(host) == {"line": "Line 1", "line-2": "Line 1 (2)", "line-3": "Line 1 (3)"}
    assert (await host.flows.detail(LOCAL_USER, "line-2")).overview.area == "hall2"
    assert (await host.flows.detail(LOCAL_USER, "line-2")).overview.state == "stopped"
    with pytest.raises(NotFoundError, match="'gone'"):
        await host.files.duplicate(LOCAL_USER, "gone")
    with pytest.raises(ForbiddenError):
        await host.files.duplicate(Principal(name="v", roles=frozenset({"viewer"})), "line")
