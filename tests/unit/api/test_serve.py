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

from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses Unix signals")

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
    settings = await asyncio.to_thread(load_settings, data_dir=tmp_path / "data", shutdown_drain_s=1)
    host = Host(settings)
    await host.start()
    await host.flows.import_file(LOCAL_USER, FLOW)
    await host.flows.start(LOCAL_USER, "line")
    await host.stop()


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


def test_worker_ends_within_a_second_of_a_killed_host_and_flows_run_again(running_flow, serve, until) -> None:
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


def test_address_and_process_are_in_host_json(serve, tmp_path: Path) -> None:
    server = serve()
    facts = json.loads((tmp_path / "data" / "host.json").read_text())
    assert facts == {"pid": server.process.pid, "address": server.address}


def run_second(tmp_path: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    code = (
        "from flowhost.app import serve\nfrom flowhost.errors import SettingsError\n"
        "from flowhost.services.settings import load_settings\n"
        f"try: serve(load_settings(**{settings!r}))\nexcept SettingsError as error: print(error)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)


def test_second_host_on_the_folder_is_told_who_has_it(serve, tmp_path: Path) -> None:
    server = serve()
    told = run_second(tmp_path, data_dir=str(tmp_path / "data"), port=0)
    assert f"in use by the FlowHost with process id {server.process.pid} at {server.address}: stop it" in told.stdout
    assert told.stderr == ""


def test_port_in_use_is_said_in_one_line(serve, tmp_path: Path) -> None:
    server = serve()
    port = int(server.netloc.split(":")[1])
    told = run_second(tmp_path, data_dir=str(tmp_path / "other"), port=port)
    assert told.stdout.startswith(f"port: 127.0.0.1:{port} cannot be listened on: choose another port")
    assert told.stderr == ""
    assert len(told.stdout.splitlines()) == 1
