"""A host process from start to end, also when somebody pulls the plug."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from websockets.sync.client import connect

from flowhost.services.access import LOCAL_USER
from flowhost.services.host import HOST_LOST, Host
from flowhost.services.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="uses Unix signals")]

FLOW = """\
flowhost: 1
id: line
nodes:
  gen: {type: sim.generate, config: {tags: 2, rate_hz: 0}}
  end: {type: discard}
wires: [gen -> end]
"""


@pytest.fixture
async def running_flow(tmp_path: Path):
    """A data folder with a flow that shall run."""
    host = await open_host(tmp_path)
    await host.flows.import_file(LOCAL_USER, FLOW)
    await host.flows.start(LOCAL_USER, "line")
    await host.stop()


async def open_host(folder: Path) -> Host:
    host = Host(await asyncio.to_thread(load_settings, data_dir=folder / "data", shutdown_drain_s=1))
    await host.start()
    return host


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly_under_full_load(running_flow, serve, number, tmp_path: Path) -> None:
    server = serve()
    server.wait_ready()
    worker = server.worker()
    began = time.monotonic()
    server.process.send_signal(number)
    _, errors = server.process.communicate(timeout=10)
    assert time.monotonic() - began < 5
    assert server.process.returncode == 0
    assert "Traceback" not in errors
    assert gone(worker)
    assert not (tmp_path / "data" / "host.json").exists()


async def test_killed_host_takes_its_worker_along_and_flows_run_again(running_flow, serve, until, tmp_path) -> None:
    server = serve()
    server.wait_ready()
    worker = server.worker()
    server.process.kill()
    began = time.monotonic()
    until(lambda: gone(worker), within_s=3)
    assert time.monotonic() - began < 1.1
    again = serve()
    again.wait_ready()
    assert again.worker().pid != worker.pid
    again.end()
    host = await open_host(tmp_path)
    runs = [run for run in await host.runs.list(LOCAL_USER) if run.outcome != "running"]
    await host.stop()
    # newest first: the two hosts that were killed, and the one that was stopped
    reasons = [(run.outcome, run.reason) for run in runs]
    assert reasons == [("interrupted", HOST_LOST)] * 2 + [("stopped", "the host was stopped")]


def test_open_pages_do_not_hold_up_the_end(serve) -> None:
    server = serve()
    url = f"ws://{server.netloc}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    with connect(url, additional_headers={"Origin": server.address}) as socket:
        assert socket.recv(timeout=5)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        _, errors = server.process.communicate(timeout=10)
    assert time.monotonic() - began < 5
    assert server.process.returncode == 0
    assert "Traceback" not in errors


def test_stopped_worker_ends_with_its_host_too(running_flow, serve, until) -> None:
    """A worker whose loop is stuck cannot hear its connection close; its watching thread ends it."""
    server = serve()
    server.wait_ready()
    worker = server.worker()
    worker.suspend()
    server.process.kill()
    server.process.wait()
    worker.resume()
    until(lambda: gone(worker), within_s=3)


def test_ready_tells_the_truth_about_the_worker(serve, until) -> None:
    server = serve()
    server.wait_ready()
    worker = server.worker()
    worker.suspend()
    until(lambda: server.client.get("/api/health/ready").status_code == 503)
    answer = server.client.get("/api/health/ready").json()
    assert answer["status"] == "not ready"
    assert any("worker-1" in reason for reason in answer["reasons"])
    assert server.client.get("/api/health/live").status_code == 200
    until(lambda: gone(worker), within_s=10)
    server.wait_ready()
    assert server.worker().pid != worker.pid


def test_address_and_process_are_in_host_json(server) -> None:
    file = server.data / "host.json"
    facts = json.loads(file.read_text())
    assert (facts["pid"], facts["address"]) == (server.process.pid, server.address)
    assert len(facts["token"]) >= 40
    assert file.stat().st_mode & 0o777 == 0o600


def run_second(**settings: object) -> subprocess.CompletedProcess[str]:
    code = (
        "from flowhost.app import serve\nfrom flowhost.errors import SettingsError\n"
        "from flowhost.services.settings import load_settings\n"
        f"try: serve(load_settings(**{settings!r}))\nexcept SettingsError as error: print(error)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)


def test_second_host_on_the_folder_is_told_who_has_it(server) -> None:
    told = run_second(data_dir=str(server.data), port=0)
    assert f"in use by the FlowHost with process id {server.process.pid} at {server.address}: stop it" in told.stdout
    assert told.stderr == ""


def test_port_in_use_is_said_in_one_line(server, tmp_path: Path) -> None:
    port = int(server.netloc.split(":")[1])
    told = run_second(data_dir=str(tmp_path / "other"), port=port)
    assert told.stdout.startswith(f"port: 127.0.0.1:{port} cannot be listened on: choose another port")
    assert told.stderr == ""
    assert len(told.stdout.splitlines()) == 1
