"""Drafts on a real host: edited by several, kept, checked, deployed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowhost.errors import ConfigError, ConflictError, ForbiddenError, NotFoundError
from flowhost.graph.ops import OpError
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.draft_views import DraftChecked, DraftDeployed, DraftEdited
from flowhost.services.host import Host
from flowhost.store import WayBack

VIEWER = Principal("vera", frozenset({"viewer"}))


def set_where(where: str) -> list[dict[str, Any]]:
    return [{"op": "set", "path": ["nodes", "even", "config", "where"], "value": where}]


def checked(told: list[Any], rev: int, guarantees: tuple[Any, ...]) -> bool:
    """A check of this draft without problems was told."""
    found = [news for news in told if isinstance(news, DraftChecked) and news.rev == rev]
    return bool(found) and (found[-1].problems, found[-1].guarantees) == ((), guarantees) and "gen" in found[-1].ports


@pytest.fixture
async def host(open_host, flow) -> Host:
    host: Host = await open_host()
    await host.flows.import_file(LOCAL_USER, flow())
    return host


async def test_a_drafts_check_says_what_its_paths_promise(host: Host, flow, until) -> None:
    told: list[Any] = []
    text = flow().replace("{type: discard}", "{type: file.write, config: {path: out/}}")
    await host.flows.import_file(LOCAL_USER, text.replace("id: line", "id: files"))
    await host.drafts.listen(LOCAL_USER, "files", told.append)
    (path,) = (await host.drafts.look(LOCAL_USER, "files")).guarantees
    assert path.level == "at least once"
    await host.drafts.edit(LOCAL_USER, "files", "b1", set_where("true"))
    await until(lambda: checked(told, 1, (path,)))


async def test_an_edit_is_kept_told_and_not_deployed(host: Host, open_host, until) -> None:
    told: list[Any] = []
    view = await host.drafts.look(LOCAL_USER, "line")
    assert (view.rev, view.changed, view.problems) == (0, False, ())
    assert not await host.drafts.changed(VIEWER, "line")
    end = await host.drafts.listen(LOCAL_USER, "line", told.append)
    assert await host.drafts.edit(LOCAL_USER, "line", "b1", set_where("payload.seq > 3")) == 1
    assert told[0] == DraftEdited(rev=1, batch="b1", ops=set_where("payload.seq > 3"), by="local")
    await until(lambda: checked(told, 1, ()))
    assert (await host.flows.detail(LOCAL_USER, "line")).overview.revision == 1
    assert await host.drafts.changed(VIEWER, "line")
    end()
    await host.drafts.edit(LOCAL_USER, "line", "b2", set_where("true"))
    assert len([news for news in told if isinstance(news, DraftEdited)]) == 1
    await host.stop()
    again: Host = await open_host()
    view = await again.drafts.look(LOCAL_USER, "line")
    assert view.changed
    assert view.document["nodes"]["even"]["config"]["where"] == "true"
    assert [news.batch for news in await again.drafts.since(LOCAL_USER, "line", 0) or ()] == ["b1", "b2"]


async def test_the_same_batch_sent_again_is_done_once(host: Host) -> None:
    add = [{"op": "add_node", "id": "more", "node": {"type": "log"}}]
    assert await host.drafts.edit(LOCAL_USER, "line", "b1", add) == 1
    assert await host.drafts.edit(LOCAL_USER, "line", "b1", add) == 1


async def test_a_batch_is_done_whole_or_not_at_all(host: Host) -> None:
    more = {"op": "add_node", "id": "more", "node": {"type": "log"}}
    for ops, words in [
        ([*set_where("true"), {"op": "add_wire", "wire": "end -> gen"}], "circle"),
        ([*set_where("true"), {"op": "add_wire", "wire": "end -> nowhere"}], "no node 'nowhere'"),
        ([more, {"op": "add_wire", "wire": "end -> more"}], "sink"),
        ([more, {"op": "add_wire", "wire": "more -> gen"}], "source"),
        ([{"op": "set", "path": ["description"], "value": "x" * 6_000_000}], "larger than 5 MB"),
    ]:  # fmt: skip
        with pytest.raises(OpError, match=words):
            await host.drafts.edit(LOCAL_USER, "line", "b", ops)
    view = await host.drafts.look(LOCAL_USER, "line")
    assert (view.rev, view.changed) == (0, False)


async def test_a_draft_with_an_error_is_kept_but_not_deployed(host: Host) -> None:
    await host.flows.start(LOCAL_USER, "line")
    rev = await host.drafts.edit(LOCAL_USER, "line", "b1", set_where("payload.seq >"))
    plan = await host.drafts.plan(LOCAL_USER, "line")
    assert [problem.place for problem in plan.problems] == ["nodes.even.config.where"]
    assert [change.place for change in plan.changes] == [("nodes", "even", "config", "where")]
    assert (plan.restarts, plan.running) == (True, True)
    with pytest.raises(ConfigError, match="the running revision goes on"):
        await host.drafts.deploy(LOCAL_USER, "line", rev)
    detail = await host.flows.detail(LOCAL_USER, "line")
    assert (detail.overview.revision, detail.overview.state) == (1, "running")


async def test_deploy_restarts_what_changed_and_nothing_for_the_looks(host: Host) -> None:
    await host.flows.start(LOCAL_USER, "line")
    run = (await host.flows.detail(LOCAL_USER, "line")).overview.run_id
    told: list[Any] = []
    await host.drafts.listen(LOCAL_USER, "line", told.append)
    rev = await host.drafts.edit(LOCAL_USER, "line", "b1", [{"op": "move", "at": {"gen": [10, 20]}}])
    assert await host.drafts.deploy(LOCAL_USER, "line", rev, "nicer") == 2
    assert (await host.flows.detail(LOCAL_USER, "line")).overview.run_id == run
    rev = await host.drafts.edit(LOCAL_USER, "line", "b2", set_where("payload.seq > 3"))
    assert await host.drafts.deploy(LOCAL_USER, "line", rev) == 3
    overview = (await host.flows.detail(LOCAL_USER, "line")).overview
    assert (overview.state, overview.revision) == ("running", 3)
    assert overview.run_id != run
    assert [news.revision for news in told if isinstance(news, DraftDeployed)] == [2, 3]
    notes = {revision.number: revision.note for revision in await host.drafts.revisions(LOCAL_USER, "line")}
    assert notes == {1: "imported", 2: "nicer", 3: ""}
    assert not (await host.drafts.look(LOCAL_USER, "line")).changed


async def test_settings_left_empty_are_no_edit(host: Host) -> None:
    view = await host.drafts.look(LOCAL_USER, "line")
    (bare,) = [node for node, entry in view.document["nodes"].items() if "config" not in entry]
    await host.drafts.edit(LOCAL_USER, "line", "b1", [{"op": "set", "path": ["nodes", bare, "config"], "value": {}}])
    assert not (await host.drafts.look(LOCAL_USER, "line")).changed
    plan = await host.drafts.plan(LOCAL_USER, "line")
    assert (plan.changes, plan.moved) == ((), False)


async def test_who_looked_before_somebody_elses_edit_does_not_deploy_it(host: Host) -> None:
    rev = await host.drafts.edit(LOCAL_USER, "line", "b1", set_where("true"))
    await host.drafts.edit(Principal("ben", frozenset({"engineer"})), "line", "b2", set_where("false"))
    for act in (host.drafts.deploy, host.drafts.discard):
        with pytest.raises(ConflictError, match="changed by ben"):
            await act(LOCAL_USER, "line", rev)


async def test_discard_and_restore(host: Host) -> None:
    rev = await host.drafts.edit(LOCAL_USER, "line", "b1", set_where("payload.seq > 3"))
    await host.drafts.deploy(LOCAL_USER, "line", rev)
    rev = await host.drafts.edit(LOCAL_USER, "line", "b2", [{"op": "del_node", "id": "even"}])
    rev = await host.drafts.discard(LOCAL_USER, "line", rev)
    assert "even" in (await host.drafts.look(LOCAL_USER, "line")).document["nodes"]
    rev = await host.drafts.restore(LOCAL_USER, "line", 1, rev)
    view = await host.drafts.look(LOCAL_USER, "line")
    assert (view.base, view.document["nodes"]["even"]["config"]["where"]) == (1, "payload.seq % 2 == 0")
    with pytest.raises(NotFoundError, match="no revision 99"):
        await host.drafts.restore(LOCAL_USER, "line", 99, rev)


async def test_a_version_on_the_canvas_is_one_step_with_a_way_back(host: Host, open_host) -> None:
    told: list[Any] = []
    await host.drafts.listen(LOCAL_USER, "line", told.append)
    await host.drafts.edit(LOCAL_USER, "line", "b1", [{"op": "del_node", "id": "even"}])
    edited = await host.drafts.look(LOCAL_USER, "line")
    assert edited.last_put is None
    rev = await host.drafts.restore(LOCAL_USER, "line", 1, edited.rev, "tab 1")
    put = [news for news in told if isinstance(news, DraftEdited)][-1]
    assert (put.rev, put.tab, put.way_back and put.way_back.put) == (rev, "tab 1", 1)
    assert put.way_back is not None
    assert await host.drafts.since(LOCAL_USER, "line", edited.rev) == [replace(put, tab="")], (
        "caught up with as an edit"
    )
    await host.stop()
    again: Host = await open_host()
    view = await again.drafts.look(LOCAL_USER, "line")
    assert (view.changed, view.last_put) == (False, replace(put, tab="")), "offered to who comes later, too"
    undo = f"undo-{put.batch}"
    await again.drafts.edit(LOCAL_USER, "line", undo, put.way_back.ops)
    assert await again.drafts.edit(LOCAL_USER, "line", undo, put.way_back.ops) == rev + 1, "undone once"
    view = await again.drafts.look(LOCAL_USER, "line")
    assert (view.document, view.last_put) == (edited.document, None)


async def test_given_up_edits_have_a_way_back_and_nothing_given_up_is_no_edit(host: Host) -> None:
    assert await host.drafts.discard(LOCAL_USER, "line", 0) == 0
    rev = await host.drafts.edit(LOCAL_USER, "line", "b1", set_where("true"))
    await host.drafts.discard(LOCAL_USER, "line", rev)
    view = await host.drafts.look(LOCAL_USER, "line")
    assert view.last_put is not None
    assert view.last_put.way_back == WayBack(ops=set_where("true"), put=1, given_up=True)


async def test_a_roll_back_takes_the_canvas_along_where_it_is_wanted(host: Host) -> None:
    rev = await host.drafts.edit(LOCAL_USER, "line", "b1", set_where("payload.seq > 3"))
    await host.drafts.deploy(LOCAL_USER, "line", rev)
    told: list[Any] = []

    def hear(news: Any) -> None:
        if not isinstance(news, DraftChecked):
            told.append(news)

    await host.drafts.listen(LOCAL_USER, "line", hear)
    await host.drafts.roll_back(LOCAL_USER, "line", 1, canvas=False)
    assert told == [DraftDeployed(rev=1, revision=1, by="local", changed=True)]
    assert (await host.drafts.look(LOCAL_USER, "line")).changed
    await host.drafts.roll_back(LOCAL_USER, "line", 2, canvas=False)
    told.clear()
    await host.drafts.roll_back(LOCAL_USER, "line", 1, canvas=True)
    view = await host.drafts.look(LOCAL_USER, "line")
    assert (view.changed, view.base, view.deployed) == (False, 1, 1)
    assert told[0].way_back == WayBack(ops=set_where("payload.seq > 3"), put=1)
    assert told[1] == DraftDeployed(rev=2, revision=1, by="local")
    first, second = reversed(await host.drafts.revisions(LOCAL_USER, "line"))
    assert first.from_deployed == ()
    assert [change.place[-1] for change in second.from_deployed] == ["where"]
    with pytest.raises(ForbiddenError):
        await host.drafts.roll_back(VIEWER, "line", 2, canvas=True)


async def test_who_may_only_look_edits_nothing(host: Host) -> None:
    await host.drafts.look(VIEWER, "line")
    with pytest.raises(ForbiddenError):
        await host.drafts.edit(VIEWER, "line", "b1", set_where("true"))
    with pytest.raises(ForbiddenError):
        await host.drafts.deploy(VIEWER, "line", 0)
    with pytest.raises(NotFoundError):
        await host.drafts.look(LOCAL_USER, "nobody")


async def test_a_flow_deleted_and_brought_in_again_has_a_fresh_draft(host: Host, flow) -> None:
    await host.drafts.edit(LOCAL_USER, "line", "b1", set_where("true"))
    life = (await host.flows.detail(LOCAL_USER, "line")).life
    await host.flows.delete(LOCAL_USER, "line")
    with pytest.raises(NotFoundError):
        await host.drafts.look(LOCAL_USER, "line")
    await host.flows.import_file(LOCAL_USER, flow())
    view = await host.drafts.look(LOCAL_USER, "line")
    assert (view.rev, view.changed) == (0, False)
    assert await host.drafts.since(LOCAL_USER, "line", 0) == []
    assert (await host.flows.detail(LOCAL_USER, "line")).life not in ("", life)
