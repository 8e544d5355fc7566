"""The figures on a picture, as short texts; written once per second for all who look."""

from __future__ import annotations

import json
from typing import Any

from flowhost.services.views import FlowDetail, NodeView, WireView
from flowhost.ui import format as fmt
from flowhost.ui.graph_view.picture import wire_id
from flowhost.ui.recent import is_recent
from flowhost.ui.state_mark import tone, word
from flowhost.ui.texts import t


def figures_text(detail: FlowDetail) -> str:
    """JSON text with what each node and each wire shows now."""
    wired = {wire.target for wire in detail.wires}
    first = {wire.target: wire for wire in reversed(detail.wires)}  # one queue, said once
    return json.dumps(
        {
            "flow": detail.overview.id,
            "nodes": {node.id: _node(node, node.id in wired) for node in detail.nodes},
            "wires": {
                wire_id(wire.source, wire.port, wire.target): _wire(wire, first[wire.target] is wire)
                for wire in detail.wires
            },
        }
    )


def _node(node: NodeView, wired: bool) -> dict[str, Any]:
    return {
        "tone": tone(node.state, doubt=bool(node.dead_lately or node.open_dead)),
        "state": f"{word(node.state)}: {node.text}" if node.text else word(node.state),
        "rate": fmt.rate(node.rate_per_s),
        "unit": t("graph.per_s"),
        "total": fmt.short_count(passed(node)),
        "notes": _notes(node, wired),
    }


def passed(node: NodeView) -> int:
    """The number on a node's card: what a source brought, what a target took, else what came in."""
    return {"source": node.made, "sink": node.out}.get(node.kind, node.in_total)


def _notes(node: NodeView, wired: bool) -> list[list[str]]:
    """What deserves a small mark on the card: tone, words, and what they mean; the worst first."""
    facts = (
        ("bad", "graph.dead", node.dead, ""),
        ("bad", "graph.dropped", node.dropped, ""),
        ("warn" if is_recent(node.last_error_at) else "busy", _errors_key(node.errors), node.errors, ""),
        ("busy", "graph.waiting", 0 if wired else node.waiting, t("graph.waiting_hint")),
        ("busy", "graph.held", node.pending - node.waiting, t("graph.held_hint")),
    )
    return [[mark, t(key, count=fmt.short_count(number)), meaning] for mark, key, number, meaning in facts if number]


def _errors_key(number: int) -> str:
    return "graph.errors.one" if number == 1 else "graph.errors"


def _wire(wire: WireView, first: bool) -> dict[str, Any]:
    return {
        "rate": f"{fmt.rate(wire.rate_per_s)}{t('graph.per_s')}" if wire.rate_per_s > 0 else "",
        "waiting": t("graph.waiting", count=fmt.short_count(wire.pending)) if wire.pending and first else "",
        "hint": t("graph.waiting_hint"),
        "waits": wire.pending > 0,
        "flows": wire.rate_per_s > 0,
    }
