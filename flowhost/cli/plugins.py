"""`flowhost plugin`: what is installed."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flowhost.services.node_reference import list_plugins

app = typer.Typer(help="Installed plugins.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List plugins with their versions and node types, and those that could not be loaded with the reason."""
    listing = list_plugins()
    if as_json:
        print(json.dumps(listing, indent=2))
        return
    for plugin in listing["plugins"]:
        print(f"{plugin['name']} {plugin['version']}: {', '.join(plugin['node_types']) or 'no node types'}")
    for broken in listing["broken"]:
        print(f"{broken['name']} {broken['version']}: not loaded: {broken['reason']}")


@app.callback()
def _group() -> None:
    """Keep `plugin` a group although it has one command today."""
