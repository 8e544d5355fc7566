"""`flowhost import` and `flowhost export`: flows of a host as files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowhost.cli.data_option import Data, data_folder
from flowhost.errors import ConfigError, ConflictError, FlowFileError
from flowhost.services.flow_check import FLOW_FILE, flow_files

if TYPE_CHECKING:
    from flowhost.services.flow_files import Conflicts, ExportedFlow, FlowSource, ImportItem

REFUSED = 1
"""Exit code: nothing was done, and a decision is needed."""
STDIN = Path("-")


def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Flow files, folders that hold a flow.yaml or such folders; - reads one.")
    ],
    data: Data = None,
    replace: Annotated[bool, typer.Option("--replace", help="Flows that are there get a new version.")] = False,
    copy: Annotated[bool, typer.Option("--copy", help="Flows that are there stay; the files become copies.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Flows that are there stay; their files are left out.")] = False,
    host_connections: Annotated[
        bool, typer.Option("--host-connections", help="Use the host's connections where those in the file differ.")
    ] = False,
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="Import although plugins are missing.")] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Messages that wait before nodes that go may become dead letters.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be met; change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:  # fmt: skip
    """Import flow files into a host, all or none: one that runs, or the data folder of one that does not.

    New flows are stopped; flows that run go on with their new version. A flow that is there already with the same
    content is left as it is.
    Exit code 0: imported. 1: nothing was changed: a flow is there already, a plugin is missing or messages wait.
    2: a file is no flow, or the arguments are wrong; nothing was changed.
    """
    from flowhost.services.flow_door import open_flows
    from flowhost.services.flow_files import ImportChoices

    conflicts = _conflicts(replace=replace, copy=copy, skip=skip)
    choices = ImportChoices(
        conflicts=conflicts, connections="host" if host_connections else "own", missing_ok=missing_ok, confirm=confirm
    )
    sources = _sources(files)
    with open_flows(data_folder(data), create=not dry_run) as door:
        items = door.plan(sources)
        if not as_json:
            for item in items:
                print(_line(item))
        broken = any(item.refused for item in items)
        if dry_run:
            if as_json:
                print(json.dumps([asdict(item) for item in items], indent=2))
            raise typer.Exit(2 if broken else REFUSED if _undecided(items, conflicts, missing_ok) else 0)
        try:
            done = door.take(sources, choices)
        except FlowFileError:
            raise
        except (ConflictError, ConfigError) as error:
            if broken:
                raise
            print(f"flowhost: {error}", file=sys.stderr)
            print(_help(items, conflicts), file=sys.stderr)
            raise typer.Exit(REFUSED) from None
    if as_json:
        print(json.dumps([asdict(one) for one in done], indent=2))
        return
    for one in done:
        print(f"{one.source}: {one.done}{f' as {one.flow}' if one.done == 'copied' else ''}")


def export(
    flows: Annotated[list[str] | None, typer.Argument(metavar="[FLOW]...", help="Ids of flows.")] = None,
    data: Data = None,
    every: Annotated[bool, typer.Option("--all", help="All flows.")] = False,
    out: Annotated[
        Path, typer.Option(help="Folder; each flow becomes FLOW/flow.yaml in it. - prints a single flow.")
    ] = Path(),
    draft: Annotated[
        bool, typer.Option("--draft", help="As they are being edited, instead of as deployed.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that say something else.")] = False,
) -> None:  # fmt: skip
    """Export flows of a host as files: of one that runs, or from the data folder of one that does not.

    Exit code 0: written. 1: a file is there with other content; nothing was written. 2: no such flow, or the arguments
    are wrong.
    """
    from flowhost.services.flow_door import open_flows

    if bool(flows) == every:
        raise typer.BadParameter("name flows, or give --all")
    with open_flows(data_folder(data), create=False) as door:
        found = door.export(None if every else flows, draft=draft)
    if out == STDIN:
        if len(found) != 1:
            raise typer.BadParameter("only a single flow can be printed; give --out a folder")
        print(found[0].text, end="")
        return
    _write(found, out, force=force)


def _conflicts(*, replace: bool, copy: bool, skip: bool) -> Conflicts:
    if sum((replace, copy, skip)) > 1:
        raise typer.BadParameter("give one of --replace, --copy and --skip")
    return "replace" if replace else "copy" if copy else "skip" if skip else "refuse"


def _sources(files: Sequence[Path]) -> list[FlowSource]:
    from flowhost.services.flow_files import FlowSource

    found = []
    for path in [one for given in files for one in ([given] if given == STDIN else flow_files(given))]:
        try:
            text = sys.stdin.read() if path == STDIN else path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FlowFileError(f"cannot be read: {error}", str(path)) from None
        found.append(FlowSource(name=str(path), text=text))
    return found


def _line(item: ImportItem) -> str:
    """What is to be known of a file, and below it what is wrong where."""
    if item.refused:
        return f"{item.source}: cannot be imported: {item.refused}"
    states = {"new": "new", "same": "there already, the same", "exists": "there already with other content"}
    parts = [f"{item.flow} ({item.nodes} nodes): {states[item.state]}"]
    if item.running and item.state == "exists":
        parts.append("runs now")
    if item.edited and item.state == "exists":
        parts.append("has edits that are not deployed; replaced, they stay among its versions")
    if item.differing:
        parts.append(f"keeps its own {', '.join(item.differing)}, which differs from the host's (--host-connections)")
    if item.missing:
        parts.append(f"missing plugins for {', '.join(item.missing)}")
    if item.comments and item.state != "same":
        parts.append("its comments are not kept")
    if item.errors:
        parts.append("cannot start yet:")
    return "\n  ".join([f"{item.source}: {'; '.join(parts)}", *item.errors])


def _undecided(items: Sequence[ImportItem], conflicts: Conflicts, missing_ok: bool) -> bool:
    there = conflicts == "refuse" and any(item.state == "exists" for item in items)
    return there or (not missing_ok and any(item.missing for item in items))


def _help(items: Sequence[ImportItem], conflicts: Conflicts) -> str:
    if conflicts == "refuse" and any(item.state == "exists" for item in items):
        return "give --replace, --copy or --skip"
    if any(item.missing for item in items):
        return "install the plugins, or give --missing-ok"
    return "give --confirm if that is what you want"


def _write(flows: Sequence[ExportedFlow], out: Path, *, force: bool) -> None:
    """Each into a folder of its own; nothing is written if a file would be overwritten."""
    targets = [(out / one.flow / FLOW_FILE, one.text) for one in flows]
    others = [path for path, text in targets if path.exists() and _says_other(path, text)]
    if others and not force:
        print(f"flowhost: nothing was written: {others[0]} is there with other content; give --force", file=sys.stderr)
        raise typer.Exit(REFUSED)
    for path, text in targets:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
        print(path)


def _says_other(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") != text
    except (OSError, UnicodeDecodeError):
        return True
