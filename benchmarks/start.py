"""How long a host and a worker take to start: seconds and CPU seconds, medians of rounds.

The host is `flowhost serve` on a data folder it knows, with nothing to run, until it says its address. The worker is
what its process imports before it can be given a flow.

Run: python benchmarks/start.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import psutil

HEAVY = ("nicegui", "fastapi", "sqlmodel", "alembic", "pandas", "plotly", "matplotlib")
WORKER = f"""
import sys, flowhost.fleet.worker
from flowhost.catalog import load_catalog
load_catalog()
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def host(folder: str) -> tuple[float, float]:
    """Seconds and CPU seconds until it answers."""
    began = time.perf_counter()
    command = [sys.executable, "-u", "-m", "flowhost", "serve", "--data-dir", folder, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "FlowHost runs at" not in (line := process.stdout.readline()):
            assert line, "it ended before it answered"
        took = time.perf_counter() - began
        times = psutil.Process(process.pid).cpu_times()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    return took, times.user + times.system


def worker() -> tuple[float, float]:
    """Seconds and CPU seconds until it has everything; fails if it has what only a host needs."""
    began, before = time.perf_counter(), os.times()
    found = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, text=True, check=True).stdout.strip()
    took, after = time.perf_counter() - began, os.times()
    assert found == "[]", f"a worker imports {found}"
    return took, after.children_user + after.children_system - before.children_user - before.children_system


def show(name: str, rounds: int, measure: Callable[[], tuple[float, float]]) -> None:
    measure()  # the first one compiles, and makes the data folder
    found = [measure() for _ in range(rounds)]
    took, cpu = (statistics.median(each) for each in zip(*found, strict=True))
    print(f"{name:8} {took:6.2f} s  {cpu:6.2f} s of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description="Starts of a host and a worker.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        show("host", rounds, lambda: host(folder))
    show("worker", rounds, worker)


if __name__ == "__main__":
    main()
