"""`flowhost plugin`: what is installed, a new one, and whether one is in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flowhost.services.node_reference import list_plugins
from flowhost.services.plugin_check import check_plugin
from flowhost.services.plugin_scaffold import KINDS, new_plugin

app = typer.Typer(help="Installed plugins; new ones.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List plugins with their versions and types, and those that could not be loaded with the reason."""
    listing = list_plugins()
    if as_json:
        print(json.dumps(listing, indent=2))
        return
    for plugin in listing["plugins"]:
        brings = [", ".join(plugin["node_types"]) or "no node types"]
        if plugin["connection_types"]:
            brings.append(f"connections: {', '.join(plugin['connection_types'])}")
        print(f"{plugin['name']} {plugin['version']}: {'; '.join(brings)}")
    for broken in listing["broken"]:
        print(f"{broken['name']} {broken['version']}: not loaded: {broken['reason']}")


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Short name of the protocol or product, e.g. lab.")],
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help=f"What it brings, several times: {', '.join(KINDS)}. Default: all."),
    ] = None,
    directory: Annotated[Path, typer.Option("--dir", help="Where its folder is made.")] = Path(),
) -> None:
    """Write a small connector that works and passes the conformance kit, to be changed into yours."""
    place = new_plugin(name, kind or (), directory)
    print(f"{place} is a plugin that works. Next:")
    print(f"  pip install -e '{place}[test]'")
    print(f"  pytest {place}")
    print(f"  flowhost plugin check {place}")


@app.command("check")
def check(
    plugin: Annotated[str, typer.Argument(help="Folder of a distribution, or name of an installed plugin.")],
) -> None:
    """Check what can be checked without running it: specs, help texts, names, secrets, papers, tests present.

    Exit code 0: nothing to change. 1: findings, printed one per line.
    """
    report = check_plugin(plugin)
    for finding in report.findings:
        print(finding)
    if report.findings:
        raise typer.Exit(1)
    print(f"{report.plugin} is in order: {', '.join(report.types)}. Its behaviour is tested by pytest.")
