"""Real worker processes: started, killed, hung, replaced."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress

import psutil
import pytest

from flowhost.errors import ConfigError
from flowhost.fleet import LocalFleet, slot, spare
from flowhost.fleet.process import WorkerProcess

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses Unix signals to hurt a worker")


async def test_flow_runs_and_stops_with_a_balanced_ledger(fleet, notebook, order, until) -> None:
    await fleet.start(order(1))
    await until(lambda: 1 in notebook.snapshots and notebook.snapshots[1].nodes["end"].out > 10)
    assert notebook.snapshots[1].state == "running"
    await fleet.stop(1, 5.0)
    outcome, _, last = notebook.ended[1]
    assert outcome == "stopped"
    assert last.balanced()
    assert last.nodes["end"].out == last.nodes["gen"].made
    assert notebook.lost == {}


async def test_flow_that_comes_to_its_end_says_so(fleet, notebook, order, document, until) -> None:
    await fleet.start(order(1, flow=document(count=30, rate_hz=0)))
    await until(lambda: 1 in notebook.ended)
    outcome, _, last = notebook.ended[1]
    assert (outcome, last.nodes["end"].out) == ("ended", 30)
    await fleet.stop(1, 5.0)


async def test_wrong_flow_is_refused_with_its_place_and_others_go_on(fleet, notebook, order, document, until) -> None:
    await fleet.start(order(1))
    with pytest.raises(ConfigError) as caught:
        await fleet.start(order(2, flow=document(rate_hz="fast")))
    assert caught.value.place == "nodes.gen.config.rate_hz"
    before = notebook.snapshots.get(1)
    await until(lambda: notebook.snapshots.get(1) is not before)
    assert 2 not in notebook.ended
    assert 2 not in notebook.lost


async def test_last_values_come_only_while_somebody_watches(fleet, notebook, order, until) -> None:
    await fleet.start(order(1))
    await until(lambda: 1 in notebook.snapshots and notebook.snapshots[1].nodes["end"].out > 0)
    assert notebook.snapshots[1].values == []
    fleet.watch(1, True)
    await until(lambda: notebook.snapshots[1].values)
    assert {value.node for value in notebook.snapshots[1].values} >= {"gen"}
    first = notebook.snapshots[1].values[0].time_ns
    await until(lambda: notebook.snapshots[1].values and notebook.snapshots[1].values[0].time_ns > first)
    fleet.watch(1, False)
    await until(lambda: not notebook.snapshots[1].values)


@unix_only
@pytest.mark.slow
@pytest.mark.expects_error_log
async def test_killed_worker_is_replaced_and_its_runs_are_lost_once(fleet, notebook, order, until) -> None:
    await fleet.start(order(1))
    (before,) = fleet.workers()
    os.kill(before.pid, signal.SIGKILL)
    await until(lambda: notebook.lost)
    assert notebook.lost == {1: "worker-1 is gone: the process was ended by signal 9"}
    await fleet.start(order(2))
    (after,) = fleet.workers()
    assert after.pid != before.pid
    assert (after.state, after.restarts, after.runs) == ("running", 1, 1)
    await until(lambda: 2 in notebook.snapshots)
    assert notebook.ended == {}


@unix_only
@pytest.mark.slow
@pytest.mark.expects_error_log
async def test_worker_that_hangs_is_killed_and_replaced(fleet, notebook, order, until, monkeypatch) -> None:
    monkeypatch.setattr(slot, "HEARTBEAT_TIMEOUT_S", 1.5)
    await fleet.start(order(1))
    (before,) = fleet.workers()
    os.kill(before.pid, signal.SIGSTOP)
    await until(lambda: notebook.lost)
    assert "no sign of life" in notebook.lost[1]
    await until(lambda: fleet.workers()[0].state == "running" and fleet.workers()[0].pid != before.pid)
    assert not psutil.pid_exists(before.pid)


@pytest.mark.slow
async def test_host_that_was_held_up_itself_does_not_kill_its_workers(fleet, order, until, monkeypatch) -> None:
    monkeypatch.setattr(slot, "HEARTBEAT_TIMEOUT_S", 1.5)
    await fleet.start(order(1))
    (before,) = fleet.workers()
    time.sleep(2.5)  # the loop of this host stands still
    await asyncio.sleep(0.6)
    assert fleet.workers()[0].pid == before.pid


async def test_secrets_are_neither_in_arguments_nor_environment_of_the_worker(
    fleet, notebook, order, document, until, monkeypatch
) -> None:
    monkeypatch.setenv("FLOWHOST_SECRET_BROKER", "tops3cret")
    other = LocalFleet(1)
    await other.open(notebook)
    try:
        await other.start(order(1, secrets={"broker": "tops3cret"}))
        process = psutil.Process(other.workers()[0].pid)
        assert "tops3cret" not in " ".join(process.cmdline())
        assert "tops3cret" not in " ".join(process.environ().values())
        assert "tops3cret" not in repr(order(1, secrets={"broker": "tops3cret"}))
    finally:
        await other.close(1.0)


async def test_closing_stops_runs_in_order_and_ends_the_processes(notebook, order, until) -> None:
    fleet = LocalFleet(2)
    await fleet.open(notebook)
    await fleet.start(order(1))
    await fleet.start(order(2))
    assert [worker.runs for worker in fleet.workers()] == [1, 1]
    pids = [worker.pid for worker in fleet.workers()]
    began = time.monotonic()
    await fleet.close(3.0)
    assert time.monotonic() - began < 4.5
    assert {run: entry[0] for run, entry in notebook.ended.items()} == {1: "stopped", 2: "stopped"}
    assert notebook.lost == {}
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert [worker.state for worker in fleet.workers()] == ["stopped", "stopped"]


@pytest.fixture
async def reserved(notebook, monkeypatch):
    """A fleet with a spare process, which is ready a moment after the worker."""
    monkeypatch.setattr(spare, "REFILL_S", 0.05)
    monkeypatch.setattr(spare, "AGAIN_S", 0.05)
    fleet = LocalFleet(1, spare=True)
    await fleet.open(notebook)
    yield fleet
    await fleet.close(1.0)
    assert not processes()


def processes() -> set[int]:
    """Worker processes of this one; servers of other tests are its children, too."""
    found = set()
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "flowhost.fleet.worker" in child.cmdline():
                found.add(child.pid)
    return found


def waiting(fleet: LocalFleet) -> set[int]:
    """Processes that wait for a place."""
    return processes() - {worker.pid for worker in fleet.workers()}


@unix_only
@pytest.mark.slow
@pytest.mark.expects_error_log
async def test_spare_process_takes_the_place_of_a_dead_worker_and_the_next_one_is_made(
    reserved, notebook, order, until
) -> None:
    await reserved.start(order(1))
    await until(lambda: len(waiting(reserved)) == 1)
    (ready,) = waiting(reserved)
    os.kill(reserved.workers()[0].pid, signal.SIGKILL)
    await until(lambda: notebook.lost)
    await reserved.start(order(2))
    assert reserved.workers()[0].pid == ready
    await until(lambda: 2 in notebook.snapshots and notebook.snapshots[2].nodes["end"].out)
    await until(lambda: len(waiting(reserved)) == 1)


@unix_only
@pytest.mark.slow
@pytest.mark.expects_error_log
async def test_spare_process_that_died_is_no_hindrance(reserved, notebook, order, until) -> None:
    await reserved.start(order(1))
    await until(lambda: len(waiting(reserved)) == 1)
    (ready,) = waiting(reserved)
    os.kill(ready, signal.SIGKILL)
    os.kill(reserved.workers()[0].pid, signal.SIGKILL)
    await until(lambda: notebook.lost)
    await reserved.start(order(2))
    await until(lambda: 2 in notebook.snapshots and notebook.snapshots[2].nodes["end"].out)
    await until(lambda: len(waiting(reserved)) == 1 and ready not in waiting(reserved))


@unix_only
async def test_who_is_given_up_while_a_spare_process_hears_of_its_host_leaves_none_behind(monkeypatch, until) -> None:
    monkeypatch.setattr(spare, "REFILL_S", 0.0)
    told = asyncio.Event()

    async def hire(_process: WorkerProcess, _port: int, _token: str) -> None:
        told.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(WorkerProcess, "hire", hire)
    kept = spare.Spare(kept=True)
    kept.open()
    await until(lambda: len(processes()) == 1)
    taking = asyncio.create_task(kept.take(1, "token"))
    await told.wait()
    # no other one may come meanwhile
    await kept.close()
    taking.cancel()
    with suppress(asyncio.CancelledError):
        await taking
    await until(lambda: not processes())
