"""What travels on the socket, as JSON objects with a `t` that names their kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import Any

from flowhost.graph.guarantee import PathGuarantee
from flowhost.services.draft_views import DraftChecked, DraftDeployed, DraftEdited, DraftNews, DraftView
from flowhost.services.views import FlowDetail, NodeView, ProblemView, ValueView

Picture = dict[str, dict[str, Any]]
"""What a screen shows of each node, wire and of the flow, by kind and id (`n:temps`, `w:a -> b`, `f:`)."""


def encode(kind: str, **parts: Any) -> str:
    """One frame."""
    return json.dumps({"t": kind, **parts}, ensure_ascii=False, separators=(",", ":"), default=str)


def draft_frame(view: DraftView) -> str:
    """The whole draft: for one who begins, or was away too long."""
    return encode(
        "draft", rev=view.rev, base=view.base, deployed=view.deployed, changed=view.changed, document=view.document,
        problems=problems_of(view.problems), ports=view.ports, guarantees=guarantees_of(view.guarantees),
        last_put=None if view.last_put is None else asdict(view.last_put),
    )  # fmt: skip


def news_frame(news: DraftNews) -> str:
    """Something that happened to the draft."""
    match news:
        case DraftEdited(ops=[]):
            return encode("replaced", rev=news.rev, by=news.by)
        case DraftEdited():
            back = {} if news.way_back is None else {"way_back": asdict(news.way_back), "tab": news.tab}
            return encode("ops", rev=news.rev, id=news.batch, ops=news.ops, by=news.by, **back)
        case DraftChecked():
            return encode(
                "problems", rev=news.rev, problems=problems_of(news.problems), ports=news.ports,
                guarantees=guarantees_of(news.guarantees),
            )  # fmt: skip
        case DraftDeployed():
            return encode("deployed", rev=news.rev, revision=news.revision, by=news.by, changed=news.changed)


def problems_of(problems: tuple[ProblemView, ...]) -> list[dict[str, Any]]:
    """Findings of lint."""
    return [asdict(problem) for problem in problems]


def guarantees_of(guarantees: tuple[PathGuarantee, ...]) -> list[dict[str, Any]]:
    """What each path promises."""
    return [
        {
            "source": path.source, "sink": path.sink, "failed": path.failed, "level": path.level,
            "received": path.received, "words": path.words,
            "reasons": [asdict(reason) for reason in path.reasons],
        }
        for path in guarantees
    ]  # fmt: skip


def picture_of(detail: FlowDetail) -> Picture:
    """The figures of this moment."""
    flow = detail.overview
    picture: Picture = {
        "f:": {
            "state": flow.state, "text": flow.state_text, "desired": flow.desired, "revision": flow.revision,
            "rate": round(flow.rate_per_s, 1), "out": round(flow.out_rate_per_s, 1), "pending": flow.pending,
            "errors": flow.errors, "dead": flow.dead, "dying": bool(flow.dead_lately),
            "letters": bool(flow.dead_letters), "ails": flow.ails,
            "run": flow.run_id, "since": local(flow.started_at) if flow.started_at else "",
        }
    }  # fmt: skip
    down = {link.name: link.text for link in detail.connections if not link.up}
    for node in detail.nodes:
        picture[f"n:{node.id}"] = _node(node, _waits_for(detail, node.id, down) if down else "")
    for wire in detail.wires:
        picture[_wire_key(wire.source, wire.port, wire.target)] = {"rate": round(wire.rate_per_s, 1)}
    return picture


def local(moment: datetime) -> str:
    """With the offset of the plant's zone, so that every browser shows the plant's time."""
    return moment.astimezone().isoformat()


def changed(before: Mapping[str, Any], now: Picture) -> Picture:
    """The part of a picture that is new."""
    return {key: figures for key, figures in now.items() if before.get(key) != figures}


def value_of(value: ValueView) -> dict[str, Any]:
    """A message that left a node a moment ago."""
    return {
        "node": value.node, "port": value.port, "topic": value.topic, "text": value.text, "payload": value.payload,
        "unit": value.unit, "quality": value.quality, "time": local(value.time),
    }  # fmt: skip


def _node(node: NodeView, waits_for: str) -> dict[str, Any]:
    """`waits_for`: what its connection says while it is down."""
    passed = node.made if node.kind == "source" else node.out if node.kind == "sink" else node.in_total
    return {
        "state": node.state, "text": node.text or waits_for, "rate": round(node.rate_per_s, 1), "total": passed,
        "out": node.out, "filtered": node.filtered, "waiting": node.waiting, "held": node.pending - node.waiting,
        "errors": node.errors, "dead": node.dead, "dropped": node.dropped,
        "error": node.last_error if node.errors else "", "down": bool(waits_for), "dying": bool(node.dead_lately),
        "letters": node.open_dead,
    }  # fmt: skip


def _waits_for(detail: FlowDetail, node_id: str, down: Mapping[str, str]) -> str:
    """What the node's connection says while it is down."""
    entry = detail.document.nodes.get(node_id)
    link = entry.connection if entry is not None else None
    return f"{link}: {down[link]}" if link is not None and link in down else ""


# asked for every wire, five times a second
@lru_cache(maxsize=20_000)
def _wire_key(source: str, port: str, target: str) -> str:
    return f"w:{source if port == 'out' else f'{source}.{port}'} -> {target}"
