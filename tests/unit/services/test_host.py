"""The host as pages and commands see it: through its services."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from flowhost.errors import ConfigError, ConflictError, FlowFileError, ForbiddenError, NotFoundError, SettingsError
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.host import Host
from flowhost.services.views import FlowSums

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses Unix signals to hurt a worker")


async def overview(host: Host, flow_id: str = "line"):
    return next(row for row in await host.flows.list(LOCAL_USER) if row.id == flow_id)


async def test_flow_comes_in_starts_shows_figures_and_stops(host: Host, flow, until) -> None:
    row = await host.flows.import_file(LOCAL_USER, flow())
    assert (row.id, row.name, row.area) == ("line", "Line 1", "plant/line1")
    assert (row.state, row.desired) == ("stopped", "stopped")
    row = await host.flows.start(LOCAL_USER, "line")
    assert (row.state, row.desired, row.nodes_count, row.revision) == ("running", "running", 3, 1)

    async def moving() -> bool:
        row = await overview(host)
        return 60 < row.rate_per_s < 140 and 30 < row.out_rate_per_s < 70 and len(row.spark) >= 2

    await until(moving)
    page = await host.flows.detail(LOCAL_USER, "line")
    assert [node.kind for node in page.nodes] == ["source", "transform", "sink"]
    assert [node.title for node in page.nodes] == ["Values", "even", "end"], "one without a name is called by its id"
    assert all(node.state == "running" and node.rate_per_s > 20 for node in page.nodes)
    assert [wire.target for wire in page.wires] == ["even", "end"]
    assert page.wires[0].rate_per_s > page.wires[1].rate_per_s > 20
    row = await host.flows.stop(LOCAL_USER, "line")
    assert (row.state, row.desired, row.rate_per_s) == ("stopped", "stopped", 0)
    assert row.in_total > row.out_total > 0
    (run,) = await host.runs.list(LOCAL_USER)
    assert (run.outcome, run.messages_in, run.messages_out) == ("stopped", row.in_total, row.out_total)
    assert run.ended_at is not None
    left_out = row.in_total - row.out_total
    assert row.sums == FlowSums(in_total=row.in_total, out_total=row.out_total, filtered=left_out) == run.sums
    again = await host.runs.detail(LOCAL_USER, run.id)
    assert again.document is not None
    assert again.nodes[0].made == run.messages_in
    assert {node.state for node in again.nodes} <= {"stopped", "ended"}
    whom = "by the user of this machine"
    assert [event.text for event in again.events] == [f"started {whom}", f"stopped {whom}"]
    assert again.nodes[1].filtered == run.messages_in - run.messages_out


async def test_a_flow_says_what_its_paths_promise(open_host, flow) -> None:
    host = await open_host()
    text = flow().replace("{type: discard}", "{type: file.write, config: {path: out/}}")
    await host.flows.import_file(LOCAL_USER, text)
    (path,) = (await host.flows.detail(LOCAL_USER, "line")).guarantees
    assert (path.source, path.sink, path.level) == ("gen", "end", "at least once")
    assert [reason.node for reason in path.reasons] == ["gen"]
    await host.stop()
    again = await open_host()
    assert (await again.flows.detail(LOCAL_USER, "line")).guarantees == (path,), (
        "kept flows are looked over when asked for"
    )
    await again.flows.import_file(LOCAL_USER, text.replace("path: out/", "path: 'out/{payload.seq}.json'"))
    (path,) = (await again.flows.detail(LOCAL_USER, "line")).guarantees
    assert path.level == "effectively once"
    await again.flows.import_file(LOCAL_USER, flow())
    assert (await again.flows.detail(LOCAL_USER, "line")).guarantees == (), "discard does not leave the machine"


async def test_last_values_show_while_somebody_looks(host: Host, flow, until) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    async with host.flows.watch(LOCAL_USER, "line"):
        await host.flows.start(LOCAL_USER, "line")
        async with host.flows.watch(LOCAL_USER, "line"):
            await until(lambda: _has_values(host))
        row = await overview(host)
        assert row.last_values[0].topic.startswith("sim/tag")
        assert {value.node for value in row.last_values} == {"end"}, "not mixed with what came in"
        assert '"seq"' in row.last_values[0].text
        page = await host.flows.detail(LOCAL_USER, "line")
        assert page.nodes[0].values
    await until(lambda: _has_no_values(host))


async def _has_values(host: Host) -> bool:
    return bool((await overview(host)).last_values)


async def _has_no_values(host: Host) -> bool:
    return not (await overview(host)).last_values


async def test_after_a_restart_running_flows_run_and_stopped_ones_do_not(open_host, flow, until) -> None:
    first = await open_host()
    for flow_id in ("runs", "stands", "ended"):
        config = "{count: 5, rate_hz: 0}" if flow_id == "ended" else "{rate_hz: 100}"
        await first.flows.import_file(LOCAL_USER, flow(flow_id, config=config))
        await first.flows.start(LOCAL_USER, flow_id)
    await first.flows.stop(LOCAL_USER, "stands")

    async def over() -> bool:
        row = await overview(first, "ended")
        return row.state == "ended" and row.desired == "stopped"

    await until(over)
    await first.stop()
    second = await open_host()

    async def ready() -> bool:
        return await second.not_ready() == ()

    await until(ready)
    states = {row.id: row.state for row in await second.flows.list(LOCAL_USER)}
    assert states == {"runs": "running", "stands": "stopped", "ended": "ended"}
    runs = await second.runs.list(LOCAL_USER, "runs")
    assert [run.outcome for run in runs] == ["running", "stopped"]
    assert runs[1].reason == "the host was stopped"
    (stood,) = await second.runs.list(LOCAL_USER, "stands")
    assert stood.reason == "stopped by the user of this machine"


async def test_totals_go_on_over_restarts_and_are_shown_while_a_flow_stands(open_host, flow, until) -> None:
    first = await open_host()
    await first.flows.import_file(LOCAL_USER, flow())
    assert (await first.flows.detail(LOCAL_USER, "line")).totals is None, "it never ran"
    await first.flows.start(LOCAL_USER, "line")

    async def some(host: Host = first, more_than: int = 0) -> bool:
        totals = (await host.flows.detail(LOCAL_USER, "line")).totals
        return totals is not None and totals.messages_out > more_than

    await until(some)
    await first.flows.stop(LOCAL_USER, "line")
    before = (await first.flows.detail(LOCAL_USER, "line")).totals
    assert before is not None
    await first.stop()

    second = await open_host()
    page = await second.flows.detail(LOCAL_USER, "line")
    assert page.totals == before
    even = next(node for node in page.nodes if node.id == "even")
    assert even.totals is not None
    assert even.totals.in_total == before.messages_in
    assert even.totals.filtered == before.messages_in - before.messages_out
    assert even.in_total == 0, "no run of this host"
    await second.flows.start(LOCAL_USER, "line")
    await until(lambda: some(second, before.messages_out))
    page = await second.flows.detail(LOCAL_USER, "line")
    assert page.totals is not None
    assert page.totals.since == before.since
    even = next(node for node in page.nodes if node.id == "even")
    assert even.totals is not None
    assert even.totals.in_total == before.messages_in + even.in_total


@pytest.mark.slow
@unix_only
@pytest.mark.expects_error_log
async def test_killed_worker_is_replaced_and_flows_run_again_as_new_runs(host: Host, flow, until) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    await host.flows.start(LOCAL_USER, "line")
    status = await host.system.status(LOCAL_USER)

    async def has_begun() -> bool:
        return (await overview(host)).in_total > 0

    await until(has_begun)
    os.kill(status.workers[0].pid, signal.SIGKILL)

    async def again() -> bool:
        row = await overview(host)
        return row.run_id == 2 and row.state == "running" and row.in_total > 0

    await until(again)
    after, before = await host.runs.list(LOCAL_USER)
    assert (before.outcome, after.outcome) == ("interrupted", "running")
    assert "ended by signal 9" in before.reason
    told = await host.runs.detail(LOCAL_USER, before.id)
    assert any(event.kind == "error" and "interrupted" in event.text for event in told.events)
    assert {node.state for node in told.nodes} == {"interrupted"}, "nothing of it runs any more"
    fresh = await host.runs.detail(LOCAL_USER, after.id)
    assert any("started again" in event.text for event in fresh.events)
    status = await host.system.status(LOCAL_USER)
    assert (status.ready, status.workers[0].restarts) == (True, 1)


@unix_only
@pytest.mark.expects_error_log
async def test_flow_stopped_while_its_worker_is_away_stays_stopped(host: Host, flow, until) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    await host.flows.start(LOCAL_USER, "line")
    os.kill((await host.system.status(LOCAL_USER)).workers[0].pid, signal.SIGKILL)

    async def not_ready() -> bool:
        return bool(await host.not_ready())

    await until(not_ready)
    await host.flows.stop(LOCAL_USER, "line")

    async def ready() -> bool:
        return await host.not_ready() == ()

    await until(ready)
    row = await overview(host)
    assert (row.state, row.desired) == ("stopped", "stopped")
    assert all(run.outcome == "interrupted" or run.outcome == "stopped" for run in await host.runs.list(LOCAL_USER))


async def test_flow_that_cannot_start_says_where_and_is_not_asked_for(host: Host, flow) -> None:
    await host.flows.import_file(LOCAL_USER, flow(config="{rate_hz: {env: FLOWHOST_TEST_NOT_SET}}"))
    with pytest.raises(ConfigError) as caught:
        await host.flows.start(LOCAL_USER, "line")
    assert caught.value.place == "nodes.gen.config.rate_hz"
    row = await overview(host)
    assert row.desired == "stopped"


async def test_new_revision_of_a_running_flow_takes_over(host: Host, flow, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(flow())
    await host.flows.import_file(LOCAL_USER, path)
    first = await host.flows.start(LOCAL_USER, "line")
    same = await host.flows.import_file(LOCAL_USER, path)
    assert (same.revision, same.run_id) == (1, first.run_id)
    path.write_text(flow(name="Line one"))
    renamed = await host.flows.import_file(LOCAL_USER, path)
    assert (renamed.name, renamed.revision, renamed.run_id) == ("Line one", 2, first.run_id), "a name restarts nothing"
    path.write_text(flow(name="Line one", config="{tags: 3, rate_hz: 100}"))
    changed = await host.flows.import_file(LOCAL_USER, path)
    assert (changed.revision, changed.state) == (3, "running")
    assert changed.run_id != first.run_id


async def test_a_faulty_revision_does_not_take_the_place_of_one_that_runs(host: Host, flow) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    first = await host.flows.start(LOCAL_USER, "line")
    with pytest.raises(ConfigError, match="running revision goes on"):
        await host.flows.import_file(LOCAL_USER, flow().replace("type: filter", "type: filtr"))
    now = await overview(host)
    assert (now.state, now.run_id, now.revision) == ("running", first.run_id, 1)


async def test_two_clicks_on_start_make_one_run(host: Host, flow) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    await asyncio.gather(*(host.flows.start(LOCAL_USER, "line") for _ in range(5)))
    assert len(await host.runs.list(LOCAL_USER)) == 1
    await asyncio.gather(*(host.flows.stop(LOCAL_USER, "line") for _ in range(3)))
    assert (await overview(host)).state == "stopped"


async def test_delete_only_what_stands_still(host: Host, flow) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    await host.flows.start(LOCAL_USER, "line")
    with pytest.raises(ConflictError, match="stop it"):
        await host.flows.delete(LOCAL_USER, "line")
    await host.flows.stop(LOCAL_USER, "line")
    await host.flows.delete(LOCAL_USER, "line")
    assert await host.flows.list(LOCAL_USER) == ()
    assert len(await host.runs.list(LOCAL_USER)) == 1


async def test_wrong_names_and_wrong_files_are_said(host: Host) -> None:
    for call in (host.flows.detail, host.flows.start, host.flows.stop, host.flows.delete):
        with pytest.raises(NotFoundError, match="flow nix"):
            await call(LOCAL_USER, "nix")
    with pytest.raises(NotFoundError, match="run 77"):
        await host.runs.detail(LOCAL_USER, 77)
    with pytest.raises(FlowFileError):
        await host.flows.import_file(LOCAL_USER, "just text")
    with pytest.raises(FlowFileError):
        await host.flows.import_file(LOCAL_USER, "flowhost: 1\nid: x\nnodes: {a: {typ: inject}}\n")
    assert await host.flows.list(LOCAL_USER) == ()


async def test_every_call_checks_the_caller(host: Host, flow) -> None:
    await host.flows.import_file(LOCAL_USER, flow())
    nobody, viewer = Principal("eve"), Principal("vera", frozenset({"viewer"}))
    calls = [
        host.flows.list(nobody),
        host.flows.detail(nobody, "line"),
        host.flows.start(viewer, "line"),
        host.flows.stop(viewer, "line"),
        host.flows.delete(viewer, "line"),
        host.flows.plan_delete(nobody, "line"),
        host.flows.roll_back(viewer, "line", 1),
        host.flows.plan_roll_back(nobody, "line", 1),
        host.flows.import_file(viewer, flow()),
        host.flows.watch(nobody, "line").__aenter__(),
        host.runs.list(nobody),
        host.runs.detail(nobody, 1),
        host.plugins.list(nobody),
        host.plugins.node_types(nobody),
        host.system.status(nobody),
    ]
    for call in calls:
        with pytest.raises(ForbiddenError):
            await call


async def test_plugins_and_node_types_are_listed(host: Host) -> None:
    plugins = await host.plugins.list(LOCAL_USER)
    assert "sim.generate" in plugins[0].node_types
    assert plugins[0].error == ""
    types = {view.id: view for view in await host.plugins.node_types(LOCAL_USER)}
    assert types["sim.generate"].kind == "source"
    assert types["filter"].ports == ("out",)
    assert "where" in types["filter"].schema["properties"]
    brought_by = {facts["type"]: facts["plugin"] for facts in await host.plugins.describe_all(LOCAL_USER)}
    assert brought_by["filter"] == "flowhost"


async def test_second_host_on_the_same_folder_is_refused(host: Host) -> None:
    other = Host(host.settings)
    with pytest.raises(SettingsError, match=rf"in use by the FlowHost with process id {os.getpid()}"):
        await other.start()
    assert await host.not_ready() == () or await host.flows.list(LOCAL_USER) == ()
