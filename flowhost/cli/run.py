"""`flowhost run`: run a flow file here and now."""

from __future__ import annotations

import json
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from flowhost.cli.durations import seconds
from flowhost.services.flow_check import FLOW_FILE
from flowhost.services.local_run import (
    COUNTERS,
    FlowDocument,
    FlowSnapshot,
    Interrupts,
    RunEvent,
    RunReport,
    RunRequest,
    run_flow,
)

NOT_CLEAN = 1


def run(
    flow: Annotated[Path, typer.Argument(help="Flow file, such as flows/line-telemetry/flow.yaml.")],
    for_: Annotated[str, typer.Option("--for", help="Stop after this time, e.g. 10s or 5m.")] = "",
    drain: Annotated[str, typer.Option(help="How long messages on their way may take after that.")] = "10s",
    data: Annotated[Path | None, typer.Option(help="Folder that keeps the run's state and report.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NODE.FIELD=VALUE", help="Change a setting; also connections.NAME.FIELD=VALUE."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures and the ledger as JSON at the end.")
    ] = False,
) -> None:
    """Run a flow without a host, until its sources end, the time is up or Ctrl-C.

    Exit code 0: everything was delivered or filtered on purpose. 1: messages are dead, dropped or pending, or a node
    never reached its target. 2: the file or the arguments are wrong; nothing was started.
    """
    request = RunRequest(
        path=flow_file_of(flow),
        for_s=seconds(for_) if for_ else None,
        drain_s=seconds(drain),
        data_dir=data,
        settings=set_ or [],
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    printer = Printer(quiet=as_json)
    report = run_flow(
        request,
        on_start=printer.start,
        on_event=printer.event,
        on_status=printer.status,
        bind_interrupt=bind_interrupt,
    )
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        printer.end(report)
    raise typer.Exit(0 if report.clean else NOT_CLEAN)


def flow_file_of(path: Path) -> Path:
    """The file itself, or the `flow.yaml` of a folder."""
    return path / FLOW_FILE if path.is_dir() else path


def bind_interrupt(interrupts: Interrupts) -> None:
    """Let Ctrl-C and SIGTERM stop the run softly, a second one firmly."""
    import asyncio

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, interrupts.interrupt)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(interrupts.interrupt))


class Printer:
    """Tells a person at a terminal what the run does."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def start(self, document: FlowDocument) -> None:
        """The run begins."""
        # with --json, standard output holds the report alone
        out = sys.stderr if self._quiet else sys.stdout
        print(f"running {document.id} ({len(document.nodes)} nodes); Ctrl-C stops it", file=out, flush=True)

    def event(self, event: RunEvent) -> None:
        """Events reach the terminal through the log."""

    def status(self, snapshot: FlowSnapshot) -> None:
        """A sign of life."""
        if not self._quiet:
            made = sum(node.made for node in snapshot.nodes.values() if not node.in_)
            pending = snapshot.total("pending")
            errors = snapshot.total("errors")
            print(f"  {made:,} messages in, {pending:,} on their way, {errors:,} errors", flush=True)

    def end(self, report: RunReport) -> None:
        """The figures of every node and the verdict."""
        figures = report.as_json()
        width = max((len(name) for name in figures["nodes"]), default=4)
        print(" " * width + "".join(f"{name:>10}" for name in COUNTERS))
        for name, node in figures["nodes"].items():
            print(f"{name:<{width}}" + "".join(f"{node[counter]:>10,}" for counter in COUNTERS))
        print(verdict(report))
        if report.state_dir is not None and not report.clean:
            print(f"kept in {report.state_dir}; `--data {report.state_dir}` goes on from there")
        if report.state_dir is not None and (letters := report.snapshot.dead_letters):
            print(f"{letters:,} dead letters: `flowhost dead-letters list --data {report.state_dir}` shows them")


def verdict(report: RunReport) -> str:
    """One sentence on how it went."""
    snapshot = report.snapshot
    if not snapshot.balanced():
        return "the ledger does not add up; please report this with the flow file"
    counts = ", ".join(f"{snapshot.total(n):,} {n}" for n in ("dead", "dropped", "pending") if snapshot.total(n))
    parts = [counts] if counts else []
    if snapshot.retried:
        parts.append(f"{snapshot.retried:,} retried dead letters on their way")
    parts += [f"{name} {_idle(report, name)}" for name in report.unreached]
    return "not clean: " + "; ".join(parts) if parts else "clean: everything was delivered or filtered on purpose"


def _idle(report: RunReport, node_id: str) -> str:
    """What kept a node from its work, as the rest of a sentence that begins with its name."""
    cause = report.cause(node_id)
    what = "was not reached at the end" if report.snapshot.nodes[node_id].out else "never got to work"
    return f"{what}: {cause}" if cause else what
