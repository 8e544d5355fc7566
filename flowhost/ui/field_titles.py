"""Fields of nodes as their forms call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Facts = Mapping[str, Any]


def field_title(kind: Facts, place: Sequence[str | int]) -> str:
    """What the form of a node type calls a place within its node: `config.items[0].node` is "Items 1 Node".

    Args:
        kind: as `flowhost.catalog.describe` gives it; empty for a type that is not installed.
        place: from the node, `config` or `delivery` first.
    """
    part, *steps = place
    fields: Sequence[Facts] = kind.get("fields" if part == "config" else "delivery", ())
    titles = []
    for step in steps:
        fact = next((one for one in fields if one["name"] == step), None)
        titles.append(str(step + 1) if isinstance(step, int) else str((fact or {}).get("title") or step))
        fields = (fact or {}).get("fields") or fields
    return " ".join(titles)
