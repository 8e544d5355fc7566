"""`flowhost nodes`: what can be put in a flow."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flowhost.services.node_reference import describe_type, list_types


def nodes(
    type_id: Annotated[
        str, typer.Argument(metavar="[TYPE]", help="Node or connection type, such as sql.write or sql.database.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the installed node and connection types, or explain one: its fields, units, ports and examples."""
    if type_id:
        print(describe_type(type_id, as_json=as_json))
        return
    listing = list_types()
    if as_json:
        print(json.dumps(listing, indent=2))
        return
    entries = [*listing["nodes"], *({**entry, "kind": "connection"} for entry in listing["connections"])]
    width = max(len(entry["type"]) for entry in entries)
    for entry in entries:
        print(f"{entry['type']:<{width}}  {entry['kind']:<10}  {entry['summary']}  ({entry['plugin']})")
    for broken in listing["broken"]:
        print(f"{broken['name']}: not loaded: {broken['reason']}")
