"""A worker process: `python -m flowhost.fleet.worker`, started by its host, which hands it a ticket on stdin.

It loads all plugins first and may wait long for its ticket: such a process is a spare one. It ends within a second of
losing the host: the loop notices the closed connection and stops its flows; should the loop be stuck in somebody's
code, a thread that watches stdin ends the process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from flowhost.catalog import load_catalog
from flowhost.engine import tune_collector
from flowhost.engine.loop import loop_factory
from flowhost.fleet.worker_session import WorkerSession

log = logging.getLogger(__name__)

ALONE_GRACE_S = 0.8
"""Time for a soft end after the host is gone, seconds."""
EXIT_ALONE = 70


@dataclass(frozen=True)
class Ticket:
    """Where the host listens and what proves that we are its worker."""

    port: int
    token: str


def main() -> None:
    """Serve one host until it says so or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _log_to_stderr()
    _allow_many_files()
    library = load_catalog()
    tune_collector()
    ticket = _read_ticket()
    threading.Thread(target=_end_with_host, name="host-watch", daemon=True).start()
    runner = asyncio.Runner(loop_factory=loop_factory())
    runner.run(WorkerSession(ticket.port, ticket.token, library).serve())
    logging.shutdown()
    # a driver's thread that hangs must not keep a worker without host alive
    os._exit(0)


def _log_to_stderr() -> None:
    """What nodes and flows say at `info` and above, what drivers say from `warning` on."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s [%(process)d] %(message)s")
    logging.getLogger("flowhost").setLevel(logging.INFO)


def _allow_many_files() -> None:
    """A busy flow takes five open files and more for its connections: the usual 1,024 end at two hundred flows."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):
            # some systems name a limit they do not grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _read_ticket() -> Ticket:
    """The first line of stdin, unbuffered so that the watching thread can read on."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1)
        if not part:
            sys.exit("a worker is started by its host: run `flowhost serve`" if os.isatty(0) else EXIT_ALONE)
        line += part
    return Ticket(**json.loads(line))


def _end_with_host() -> None:
    """Stdin closes when the host ends, however it ends."""
    while os.read(0, 64):
        continue
    time.sleep(ALONE_GRACE_S)
    os._exit(EXIT_ALONE)


if __name__ == "__main__":
    main()
