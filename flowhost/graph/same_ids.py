"""Finds sinks that would take two messages for one: copies of a message that come by two wires, with one id."""

from __future__ import annotations

from collections.abc import Mapping

from flowhost.graph.answers import Answers
from flowhost.graph.document import FlowDocument
from flowhost.graph.report import Report
from flowhost.graph.topology import successors, topological_order
from flowhost.graph.wiring import ERROR_PORT


def check_same_ids(report: Report, document: FlowDocument, nodes: Mapping[str, Answers]) -> None:
    """Warn of sinks that count an id once and are reached twice from one output.

    Messages that failed are left out (a message rarely fails in two branches), and so are different ports of one node,
    which are taken for alternatives.

    Args:
        report: takes the problems.
        document: a flow without errors.
        nodes: what its nodes answered.
    """
    reached: dict[str, dict[str, None]] = {}
    warned: set[str] = set()
    for node_id in reversed(topological_order(document)):
        node = nodes[node_id]
        following = {} if node.entry.disabled == "block" else successors(document, node_id)
        following.pop(ERROR_PORT, None)
        for targets in following.values():
            for sink, ways in _meeting(targets, reached).items():
                if len(ways) > 1 and sink not in warned:
                    warned.add(sink)
                    _warn(report, node_id, sink, ways)
        on = dict.fromkeys(sink for targets in following.values() for target in targets for sink in reached[target])
        reached[node_id] = {} if node.makes_ids or node.is_sink else on
        if node.is_sink and node.idempotent and node.by_id and node.is_target and node.entry.disabled is None:
            reached[node_id] = {node_id: None}


def _meeting(targets: tuple[str, ...], reached: Mapping[str, Mapping[str, None]]) -> dict[str, list[str]]:
    """By sink, the targets of one output that lead to it."""
    found: dict[str, list[str]] = {}
    for target in targets:
        for sink in reached[target]:
            found.setdefault(sink, []).append(target)
    return found


def _warn(report: Report, start: str, sink: str, ways: list[str]) -> None:
    branches = " and ".join(repr(way) for way in ways[:2])
    message = (
        f"copies of one message of {start!r} come here by {branches} with the same id, and {sink!r} counts an id once: "
        "only one of them is written; give each branch a sink of its own, or choose the branch with a switch"
    )
    report.warning(("nodes", sink), "same-id-twice", message, at_key=True)
