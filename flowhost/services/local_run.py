"""Runs a flow file in this process, without a host: what `flowhost run` does."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from flowhost.catalog import load_catalog
from flowhost.engine import FlowRunner, FlowSnapshot, RunEvent, RunOptions, tune_collector
from flowhost.engine.loop import loop_factory
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.space import SpaceRules
from flowhost.engine.snapshot import NodeTotals
from flowhost.errors import ConfigError, FlowHostError, HostError
from flowhost.graph.document import FlowDocument
from flowhost.graph.lint import Problem, lint
from flowhost.graph.references import EnvironmentSecrets
from flowhost.graph.settings import apply_settings
from flowhost.graph.text import load_flow
from flowhost.services.data_folder import DataFolder
from flowhost.services.settings import load_settings

__all__ = [
    "COUNTERS",
    "FlowDocument",
    "FlowSnapshot",
    "Interrupts",
    "RunEvent",
    "RunReport",
    "RunRequest",
    "prepare",
    "run_flow",
]

STATUS_EVERY_S = 2.0
OUTBOX_FILE = "outbox.db"
REPORT_FILE = "report.json"
log = logging.getLogger(__name__)

COUNTERS = ("in", "out", "made", "used", "filtered", "dead", "dropped", "pending", "errors")


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What `flowhost run` is asked to do.

    Attributes:
        path: the flow file.
        for_s: stop the sources after so many seconds; None: when they end or the user interrupts.
        drain_s: how long messages on their way may take after that, seconds.
        data_dir: folder for queues, dead letters and the report; None takes a temporary one, kept if something is left.
        settings: `node.field=value` and `connections.name.field=value`.
    """

    path: Path
    for_s: float | None = None
    drain_s: float = 10.0
    data_dir: Path | None = None
    settings: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """How a run ended.

    Attributes:
        flow: flow id.
        snapshot: last figures.
        events: what happened, oldest first, capped.
        state_dir: folder that holds pending messages and dead letters; None if nothing was left.
        links: name of the connection each node uses.
    """

    flow: str
    snapshot: FlowSnapshot
    events: Sequence[RunEvent] = field(default=())
    state_dir: Path | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def unreached(self) -> list[str]:
        """Nodes that never got to work: their target was not reached, or refused us."""
        nodes = self.snapshot.nodes.items()
        return [name for name, node in nodes if node.state in ("failed", "retrying", "starting")]

    def cause(self, node_id: str) -> str:
        """Why a node of `unreached` did not get to work, in words: what it said, else what its connection said."""
        node, link = self.snapshot.nodes[node_id], self.snapshot.connections.get(self.links.get(node_id, ""))
        return node.reason or node.last_error or ("" if link is None else link.reason)

    @property
    def clean(self) -> bool:
        """Nothing dead, dropped, pending or being retried, every node worked and the ledger adds up."""
        snapshot = self.snapshot
        lost = sum(snapshot.total(name) for name in ("dead", "dropped", "pending"))
        lost += snapshot.retried
        return not lost and not self.unreached and snapshot.state != "failed" and snapshot.balanced()

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: `nodes` and `ledger.totals` are of this run, the rest of `ledger` of all runs."""
        snapshot = self.snapshot
        nodes = {name: _figures(node) for name, node in snapshot.nodes.items()}
        totals = {name: sum(node[name] for node in nodes.values()) for name in COUNTERS}
        ledger = snapshot.ledger
        return {
            "flow": self.flow,
            "state": snapshot.state,
            "clean": self.clean,
            "nodes": nodes,
            "ledger": {
                "balanced": snapshot.balanced(),
                "totals": totals,
                "since": None if ledger is None else datetime.fromtimestamp(ledger.since_ns / 1e9, UTC).isoformat(),
                "nodes": {} if ledger is None else {name: _totals(node) for name, node in ledger.nodes.items()},
                "edges": [
                    {"node": e.node, "in": e.in_, "out": e.out, "dead": e.dead, "dropped": e.dropped,
                     "pending": e.pending, "balanced": e.balanced()}
                    for e in snapshot.edges
                ],
            },
            "dead_letters": snapshot.dead_letters,
            "retried": snapshot.retried,
            "connections": {name: {"up": c.up, "text": c.text} for name, c in snapshot.connections.items()},
            "unreached": self.unreached,
            "state_dir": None if self.state_dir is None else str(self.state_dir),
            "problems": [
                {"kind": e.kind, "node": e.node, "text": e.text}
                for e in self.events if e.kind in ("lost", "gap", "gone", "warning", "error", "dead")
            ],
        }  # fmt: skip


def _figures(node: Any) -> dict[str, Any]:
    figures = {name: getattr(node, "in_" if name == "in" else name) for name in COUNTERS}
    return {**figures, "repeated": node.repeated, "state": node.state, "last_error": node.last_error}


def _totals(node: NodeTotals) -> dict[str, Any]:
    figures = msgspec.to_builtins(node)
    return {**figures, "balanced": node.balanced()}


class Interrupts:
    """Ctrl-C, seen from a run: the first one asks for a soft stop, the second for a firm one."""

    def __init__(self) -> None:
        self.soft = asyncio.Event()
        self.firm = asyncio.Event()

    def interrupt(self) -> None:
        """Somebody pressed Ctrl-C."""
        (self.firm if self.soft.is_set() else self.soft).set()


def run_flow(
    request: RunRequest,
    *,
    on_start: Callable[[FlowDocument], None],
    on_event: Callable[[RunEvent], None],
    on_status: Callable[[FlowSnapshot], None],
    bind_interrupt: Callable[[Interrupts], None],
) -> RunReport:
    """Run the flow to its end.

    Raises:
        ConfigError: file or arguments are wrong, or the data folder is in use; nothing was started.
    """
    if request.data_dir is not None:
        DataFolder(request.data_dir).refuse_if_held()
    space = load_settings(data_dir=request.data_dir).space
    document, library = prepare(request.path, request.settings, os.environ)
    events: list[RunEvent] = []

    def keep(event: RunEvent) -> None:
        if len(events) < 1000:
            events.append(event)
        on_event(event)

    base_dir = request.path.resolve().parent

    async def main(folder: Path) -> FlowSnapshot:
        interrupts = Interrupts()
        bind_interrupt(interrupts)
        async with open_outbox(folder, space) as outbox:
            options = RunOptions(
                base_dir=base_dir,
                secrets=EnvironmentSecrets(os.environ),
                environ=os.environ,
                on_event=keep,
                outbox=outbox.file,
            )
            runner = FlowRunner(document, library, options)
            outbox.on_fault = runner.fail
            on_start(document)
            tune_collector()
            return await _supervise(runner, request, interrupts, on_status)

    with state_folder(request.data_dir, document.id) as folder:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            snapshot = runner.run(main(folder))
        links = {node_id: node.connection for node_id, node in document.nodes.items() if node.connection}
        report = RunReport(flow=document.id, snapshot=snapshot, events=events, links=links)
        if request.data_dir is not None or snapshot.total("pending") + snapshot.total("dead") + snapshot.retried:
            report = replace(report, state_dir=folder)
            _keep_report(folder, report)
    return report


@contextmanager
def state_folder(wanted: Path | None, flow_id: str) -> Iterator[Path]:
    """The folder of a run, held for its time; a temporary one goes unless the run wrote its report into it.

    Raises:
        SettingsError: another run or a host works in the folder.
    """
    folder = DataFolder(wanted or Path(tempfile.mkdtemp(prefix=f"flowhost-run-{flow_id}-")))
    folder.take()
    nothing_left = False
    try:
        yield folder.path
        nothing_left = not (folder.path / REPORT_FILE).exists()
    except FlowHostError:
        # raised before anything ran; whatever else is raised is a fault, and its folder is evidence
        nothing_left = True
        raise
    finally:
        folder.release()
        if wanted is None and nothing_left:
            shutil.rmtree(folder.path)


def prepare(path: Path, settings: Sequence[str], environ: Mapping[str, str]) -> tuple[FlowDocument, Any]:
    """The flow with its settings, checked as lint does.

    Raises:
        ConfigError: all that is wrong, each with its line and place.
    """
    library = load_catalog()
    flow_file = load_flow(path)
    flow_file = replace(flow_file, document=apply_settings(flow_file.document, settings))
    problems = [p for p in lint(flow_file, library, environ) if p.severity == "error"]
    if problems:
        raise problems_error(path, problems)
    return flow_file.document, library


def problems_error(path: Path, problems: Sequence[Problem]) -> ConfigError:
    """All problems in one error, each with its line."""
    lines = [f"{path}:{p.line or 0}:{p.column or 0}: {p.place}: {p.message}" for p in problems]
    return ConfigError("\n".join(lines))


class OpenOutbox:
    """The run's outbox, and who is told when it cannot be written."""

    def __init__(self, folder: Path, space: SpaceRules) -> None:
        self.on_fault: Callable[[HostError], None] = self._nobody
        self.file = Outbox(folder / OUTBOX_FILE, self._fault, rules=space)

    def _fault(self, error: HostError) -> None:
        self.on_fault(error)

    @staticmethod
    def _nobody(error: HostError) -> None:
        raise error


@asynccontextmanager
async def open_outbox(folder: Path, space: SpaceRules) -> AsyncIterator[OpenOutbox]:
    """Open the outbox of a folder for the time of a run. Raises `HostError`."""
    outbox = OpenOutbox(folder, space)
    await outbox.file.open()
    try:
        yield outbox
    finally:
        await outbox.file.close()


async def _supervise(
    runner: FlowRunner, request: RunRequest, interrupts: Interrupts, on_status: Callable[[FlowSnapshot], None]
) -> FlowSnapshot:
    await runner.start()
    status = asyncio.create_task(_tell_status(runner, on_status))
    await _first_of(runner.wait(), interrupts.soft.wait(), timeout_s=request.for_s)
    stopping = asyncio.create_task(runner.stop(request.drain_s))
    firm = asyncio.create_task(interrupts.firm.wait())
    await asyncio.wait({stopping, firm}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        runner.hurry()
    await stopping
    for task in (status, firm):
        task.cancel()
    await asyncio.gather(status, firm, return_exceptions=True)
    return runner.snapshot()


async def _first_of(*waits: Any, timeout_s: float | None) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # noqa: TID251 - ended below, whatever happens
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tell_status(runner: FlowRunner, on_status: Callable[[FlowSnapshot], None]) -> None:
    while True:
        await asyncio.sleep(STATUS_EVERY_S)
        on_status(runner.snapshot())


def _keep_report(folder: Path, report: RunReport) -> None:
    temporary = folder / f"{REPORT_FILE}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(report.as_json(), indent=2), encoding="utf-8")
        temporary.replace(folder / REPORT_FILE)
    except OSError as error:
        # most often the very disk the run has failed on
        log.error("the report of the run cannot be kept in %s: %s", folder, error)  # noqa: TRY400 - for people
