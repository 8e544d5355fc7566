"""Small pure parts of the pages."""

from __future__ import annotations

import ast
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flowhost import ui as package
from flowhost.graph.document import FlowDocument, NodeEntry, Wire
from flowhost.services.host_views import NodeTypeView
from flowhost.services.views import NodeView, ValueView, WireView
from flowhost.ui import config_view
from flowhost.ui.graph_view import describe
from flowhost.ui.graph_view.figures import figures_text, passed
from flowhost.ui.icons import bundled
from flowhost.ui.overview_row import keep_places
from flowhost.ui.overview_sums import added
from flowhost.ui.own_connections import ails_words, state_words
from flowhost.ui.recent import RecentValues
from flowhost.ui.sparkline import HEIGHT, WIDTH, curve
from flowhost.ui.texts import TEXTS

SOURCES = sorted(Path(package.__file__).parent.rglob("*.py"))


def test_every_text_is_there_and_every_one_is_used() -> None:
    used: set[str] = set()
    stems: set[str] = set()
    for path in SOURCES:
        if path.parent.name == "texts":
            continue
        source = path.read_text()
        used |= set(re.findall(r'["\']((?:[a-z_]+\.)+[a-z_]+)["\']', source))
        stems |= set(re.findall(r'f"((?:[a-z_]+\.)+)\{', source))
    wanted = {name for name in used if name.split(".")[0] in {key.split(".")[0] for key in TEXTS} and name in TEXTS}
    asked = {
        node.args[0].value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "t" and isinstance(node.args[0], ast.Constant)
    }
    assert asked <= TEXTS.keys()
    names = {key.removesuffix(".one") for key in TEXTS}
    unused = {key for key in names if key not in wanted and not any(key.startswith(stem) for stem in stems)}
    assert not unused


def test_values_keep_their_line_while_newer_ones_come() -> None:
    assert keep_places([], ["c", "a", "b", "d"], 3) == ["a", "b", "c"]
    assert keep_places(["a", "b", "c"], ["d", "c", "a"], 3) == ["a", "d", "c"]
    assert keep_places(["a", "b"], ["b", "a", "z"], 3) == ["a", "b", "z"]
    assert keep_places(["a", "b", "c"], ["c"], 3) == ["c"]
    assert keep_places(["a"], ["x", "y"], 3) == ["x", "y"]


def test_rates_add_up_from_the_newest_on() -> None:
    assert added([(1.0, 2.0, 3.0), (10.0,)]) == [1.0, 2.0, 13.0]
    assert added([]) == []


def test_a_curve_ends_at_the_right_and_starts_from_zero() -> None:
    path = curve([0, 5, 10, 10, 10, 10, 10, 10], 8)
    points = [tuple(map(float, spot.split())) for spot in path[1:].split("L")]
    assert points[0][0] == 0
    assert points[-1] == (WIDTH, 1.5)
    assert points[0][1] == HEIGHT - 1.5
    assert curve([1] * 7, 60) == ""  # a dash that says nothing
    assert curve([0] * 8, 60) != ""


def test_secrets_are_never_shown() -> None:
    schema = {"properties": {"pin": {"format": "password"}, "hash": {"anyOf": [{"writeOnly": True}, {"type": "null"}]}}}
    config = {
        "pin": "1234", "hash": "abcd", "password": "hunter2", "auth": {"token": "t0k", "user": "ann"},
        "list": [{"api_key": "k3y", "name": "a"}], "url": "postgresql://u:pw@h/db", "where": "payload.value > 0",
        "broker": {"secret": "broker_password"}, "host": {"env": "HOST", "default": "127.0.0.1"}, "qos": 1,
        "retain": False, "topics": ["a/+", "b/#"], "empty": {},
    }  # fmt: skip
    shown = dict(config_view.rows(config, schema))
    text = json.dumps(shown)
    assert not [secret for secret in ("1234", "abcd", "hunter2", "t0k", "k3y", "u:pw") if secret in text]
    assert shown["auth.user"] == "ann"
    assert shown["list[0]"] == "api_key: •••••• (set, never shown)\nname: a"
    assert shown["broker"] == "secret “broker_password”"
    assert shown["host"] == "environment HOST, else 127.0.0.1"
    assert shown["topics"] == "a/+, b/#"
    assert shown["retain"] == "no"
    assert shown["where"] == "payload.value > 0"


def test_the_picture_has_ports_and_wires_but_no_config() -> None:
    kinds = {
        "src": NodeTypeView(id="src", title="S", summary="", category="", icon="sensors", kind="source",
                            ports=("out",), connection=None, stability="beta"),
    }  # fmt: skip
    flow = FlowDocument(
        id="f",
        nodes={
            "a": NodeEntry(id="a", type="src", config={"password": "hunter2"}),
            "b": NodeEntry(id="b", type="gone.type"),
        },
        wires=(Wire(source="a", target="b"), Wire(source="a", target="b", port="error"), Wire(source="a", target="x")),
        layout={"nodes": {"a": [10, 20], "b": "wrong"}},
    )
    text = describe(flow, kinds)
    picture = json.loads(text)
    assert "hunter2" not in text
    assert [port["name"] for port in picture["nodes"][0]["ports"]] == ["out", "error"]
    assert picture["nodes"][0]["input"] is None
    assert picture["nodes"][1]["kind"] == "unknown"
    assert [wire["id"] for wire in picture["wires"]] == ["a.out>b", "a.error>b"]


def test_what_waits_before_a_node_is_said_on_one_wire_and_what_it_holds_on_its_card() -> None:
    def node(name: str, pending: int, waiting: int) -> NodeView:
        return NodeView(id=name, type="map", title=name, kind="transform", pending=pending, waiting=waiting)

    wires = (
        WireView(source="a", port="out", target="b", pending=5),
        WireView(source="a", port="error", target="b", pending=5),
    )
    overview: Any = SimpleNamespace(id="f")
    detail: Any = SimpleNamespace(overview=overview, nodes=(node("a", 2, 2), node("b", 8, 5)), wires=wires)
    figures = json.loads(figures_text(detail))
    said = {name: [words for _, words, _ in facts["notes"]] for name, facts in figures["nodes"].items()}
    assert said == {"a": ["2 waiting"], "b": ["3 held"]}, "without a wire the card says what waits"
    assert [facts["waiting"] for facts in figures["wires"].values()] == ["5 waiting", ""]
    assert all(facts["waits"] for facts in figures["wires"].values())


def test_pages_never_hand_data_to_html_or_javascript() -> None:
    for path in SOURCES:
        source = path.read_text()
        assert "ui.html(" not in source, path
        assert "run_javascript" not in source, path
        assert "add_body_html" not in source, path
    for path in Path(package.__file__).parent.rglob("*.js"):
        assert "innerHTML" not in path.read_text(), path


def test_icons_are_those_of_the_bundled_font() -> None:
    assert bundled("sensors") == "sensors"
    assert bundled("database") == "storage"
    assert bundled("no_such_icon", "sink") == "output"
    for path in SOURCES:
        for name in re.findall(r'\bicon\("([a-z_]+)"', path.read_text()):
            assert bundled(name) == name


def test_a_page_remembers_values_of_topics_that_are_silent_now() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def value(topic: str, age_s: float, payload: int = 0) -> ValueView:
        return ValueView(
            node="n", port="out", topic=topic, text=str(payload), payload=payload, unit="", quality="good",
            time=now - timedelta(seconds=age_s),
        )  # fmt: skip

    recent = RecentValues(kept=2)
    assert [v.topic for v in recent.take([value("a", 5)], now).values()] == ["a"]
    assert [v.topic for v in recent.take([value("b", 1)], now).values()] == ["b", "a"]
    assert [v.payload for v in recent.take([value("a", 9, 7)], now).values()] == [0, 0]
    assert [v.topic for v in recent.take([value("c", 0)], now).values()] == ["c", "b"]
    assert recent.take([], now + timedelta(hours=1)) == {}
    # the clock of the device is wrong; the value came now
    assert [v.topic for v in recent.take([value("old", 86_400)], now).values()] == ["old"]
    assert recent.take([value("old", 86_400)], now + timedelta(hours=1)) == {}


def test_the_card_of_a_target_counts_what_was_delivered() -> None:
    facts: Any = {"id": "out", "type": "sql.write", "title": "Out", "in_total": 3860, "out": 3673, "made": 5}
    assert [passed(NodeView(kind=kind, **facts)) for kind in ("sink", "transform", "source")] == [3673, 3860, 5]


def test_a_connection_that_ails_says_why() -> None:
    text = state_words("up", "connected to /data/plant.db")
    assert text == "Connected to /data/plant.db"
    assert ails_words(text, (), "") == text
    assert ails_words(text, ("telemetry",), "") == f"{text}; tries again: telemetry"
    cause = "/data/plant.db is locked by another program (database is locked)"
    assert ails_words(text, ("telemetry",), cause) == f"{text}; telemetry tries again: {cause}"
