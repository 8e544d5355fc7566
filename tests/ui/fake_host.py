"""A host with the services' signatures and made-up, moving figures, to look at pages without a plant."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from flowhost.errors import ConfigError, ConflictError, HostError, NotFoundError
from flowhost.graph.document import FlowDocument, NodeEntry, Wire
from flowhost.graph.guarantee import PathGuarantee
from flowhost.graph.ways import Reason
from flowhost.services.access import Principal
from flowhost.services.connection_views import OwnConnectionView, TestView
from flowhost.services.dead_lately import lately_words
from flowhost.services.deploy import DeletePlan
from flowhost.services.flow_files import ImportedFlow, ImportItem
from flowhost.services.flow_search import Found, Hit
from flowhost.services.host_views import (
    AlarmView,
    DemoSwitchView,
    FlowRef,
    HostStatus,
    NodeTypeView,
    PluginView,
    WorkerView,
)
from flowhost.services.letter_views import (
    BulkStep,
    CauseView,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLetterRow,
    ImportResult,
    LetterCountView,
    LetterEditView,
    LetterMetaView,
    LetterQuery,
    PayloadView,
    RetryView,
)
from flowhost.services.secret_views import SecretView
from flowhost.services.views import (
    SPARK_POINTS,
    ConnectionView,
    EventView,
    FlowDetail,
    FlowOverview,
    FlowSums,
    FlowTotals,
    NodeView,
    ProblemView,
    RunDetail,
    RunSummary,
    TotalsView,
    ValueView,
    WireView,
)

NASTY = '<img src=x onerror="window.hacked=1">'


def node_type(
    id_: str, title: str, kind: Any, icon: str, summary: str, ports: tuple[str, ...] = ("out",), **more: Any
) -> NodeTypeView:
    return NodeTypeView(
        id=id_, title=title, summary=summary, category="plant", icon=icon, kind=kind, ports=ports, connection=None,
        stability="beta", schema=more.get("schema", {}),
    )  # fmt: skip


TYPES = (
    node_type("mqtt.subscribe", "MQTT subscribe", "source", "sensors", "Receives messages of topics from a broker."),
    node_type("opcua.subscribe", "OPC UA subscribe", "source", "precision_manufacturing", "Receives value changes."),
    node_type("filter", "Filter", "transform", "filter_alt", "Lets messages pass that meet a condition."),
    node_type("map", "Map", "transform", "transform", "Builds a new payload from expressions."),
    node_type("switch", "Switch", "transform", "alt_route", "Sends messages by rules.", ("high", "low", "rest")),
    node_type("window", "Window", "transform", "timelapse", "Sums up what came within a span of time."),
    node_type("sql.write", "SQL write", "sink", "storage", "Writes payload fields to a table.", ()),
    node_type("mqtt.publish", "MQTT publish", "sink", "send", "Publishes to a topic of a broker.", ()),
    node_type("log", "Log", "sink", "notes", "Writes messages to the log.", ()),
)

TELEMETRY = FlowDocument(
    id="line-telemetry", name="Line 1 telemetry", area="plant1/line1",
    description="Temperatures and pressures of the filler to the historian, in Fahrenheit for the US office.",
    nodes={
        "temps": NodeEntry(
            id="temps", type="mqtt.subscribe", name="Temperatures", connection="broker",
            config={"topics": ["plant/+/temp", "plant/+/press"], "qos": 1, "password": "hunter2",
                    "url": "mqtt://ann:hunter2@broker/x"},
        ),
        "running": NodeEntry(id="running", type="filter", config={"where": "quality == 'good' and payload.value > 0"}),
        "sort": NodeEntry(id="sort", type="switch", name="By limit", config={"rules": [
            {"port": "high", "where": "payload.value > 80"}, {"port": "low", "where": "payload.value < 10"}]}),
        "fahren": NodeEntry(id="fahren", type="map", name="To Fahrenheit", config={
            "set": {"tag": "topic", "value": "convert(payload.value, 'Cel', '[degF]')"}}),
        "mean": NodeEntry(id="mean", type="window", name="Mean of 10 s", config={"every_s": 10, "by": "topic"}),
        "out": NodeEntry(id="out", type="mqtt.publish", connection="broker", name="Unified namespace",
                         config={"topic": "uns/{topic}", "qos": 1}, delivery={"outbox": True}),
        "rows": NodeEntry(id="rows", type="sql.write", name="Historian", config={
            "table": "temperatures", "mode": "upsert", "url": {"secret": "historian_url"}}),
        "problems": NodeEntry(id="problems", type="log", name="Problems"),
    },
    wires=(
        Wire(source="temps", target="running"), Wire(source="running", target="sort"),
        Wire(source="sort", target="fahren", port="high"), Wire(source="sort", target="mean", port="low"),
        Wire(source="sort", target="mean", port="rest"), Wire(source="fahren", target="out"),
        Wire(source="mean", target="rows"), Wire(source="fahren", target="problems", port="error"),
        Wire(source="temps", target="problems", port="error"),
    ),
)  # fmt: skip

PROMISED = (
    PathGuarantee(
        source="temps", sink="out", route=("temps", "running", "sort.high", "fahren", "out"), failed=False,
        level="at least once", received="at least once", reasons=(
            Reason("out", "mqtt.publish", "a message that is sent again counts again at the target", "send an id"),
        ),
    ),
    PathGuarantee(
        source="temps", sink="rows", route=("temps", "running", "sort.low", "mean", "rows"), failed=False,
        level="best effort", received="effectively once", reasons=(
            Reason("temps", "mqtt.subscribe", "cannot bring a message again", "set `qos: 1`"),
        ),
    ),
    PathGuarantee(
        source="temps", sink="rows", route=("temps.error", "rows"), failed=True,
        level="effectively once", received="effectively once", reasons=(),
    ),
)  # fmt: skip


def _small(id_: str, name: str, area: str, nodes: list[tuple[str, str]]) -> FlowDocument:
    return FlowDocument(
        id=id_, name=name, area=area, nodes={n: NodeEntry(id=n, type=kind) for n, kind in nodes},
        wires=tuple(Wire(source=a[0], target=b[0]) for a, b in pairwise(nodes)),
    )  # fmt: skip


DOCUMENTS = {
    doc.id: doc
    for doc in (
        TELEMETRY,
        _small("energy", "Energy per 10 s", "plant1/utilities",
               [("meter", "modbus.poll"), ("ten", "window"), ("rows", "sql.write")]),
        _small("production", "Production per order", "plant1/line1",
               [("counts", "opcua.subscribe"), ("delta", "map"), ("orders", "sql.write")]),
        _small("opcua-to-sql", "Machine states to SQL", "plant1/line2",
               [("states", "opcua.subscribe"), ("changed", "filter"), ("rows", "sql.write")]),
        _small("refuses", "Refuses to start", "tests", [("a", "filter")]),
    )
}  # fmt: skip


class FakeFlows:
    def __init__(self) -> None:
        self.documents = dict(DOCUMENTS)
        self.deleted: list[str] = []
        self.looks = 0
        self.import_errors: tuple[str, ...] = ()
        self.states: dict[str, Any] = dict.fromkeys(self.documents, "running")
        self.states["opcua-to-sql"] = "failed"
        self.states["refuses"] = "stopped"
        self.watched: set[str] = set()
        self.troubles: dict[str, str] = {}
        self.dead_lately: dict[str, int] = {}
        self.letters = {"line-telemetry": LETTERS}
        self.erred_at: datetime | None = None
        self.drain_until = datetime.now(UTC) + timedelta(seconds=10)
        self.began = time.monotonic() - 4000
        self.delay_s = 0.3

    async def list(self, principal: Principal) -> tuple[FlowOverview, ...]:
        assert isinstance(principal, Principal)
        return tuple(self._overview(flow_id) for flow_id in self.documents)

    async def detail(self, principal: Principal, flow_id: str) -> FlowDetail:
        self.looks += 1
        if flow_id not in self.documents or flow_id in self.deleted:
            raise NotFoundError(f"there is no flow {flow_id!r}")
        flow, doc = self._overview(flow_id), self.documents[flow_id]
        kinds = {kind.id: kind for kind in TYPES}
        nodes = tuple(self._node(flow, entry, kinds.get(entry.type)) for entry in doc.nodes.values())
        waits = {"out": 34} if flow.state == "running" else {}
        return FlowDetail(
            overview=flow, document=doc, nodes=nodes,
            totals=FlowTotals(
                since=datetime.now(UTC) - timedelta(days=12), messages_in=flow.in_total + 40_000,
                messages_out=flow.out_total + 39_950, dead=13, dropped=0, drift=12,
                sums=FlowSums(
                    in_total=flow.in_total + 40_000, out_total=flow.out_total + 39_950, dead=13, pending=37
                ),
            ),
            wires=tuple(
                WireView(source=w.source, port=w.port, target=w.target, pending=waits.get(w.target, 0),
                         rate_per_s=0 if w.port == "error" else flow.rate_per_s / (1 + len(w.port) % 3))
                for w in doc.wires
            ),
            connections=(
                ConnectionView(name="broker", type="mqtt.broker", up=True, text="connected to 127.0.0.1:1883"),
                ConnectionView(name="historian", type="sql.database", up=flow.state == "running", text=""),
            ),
            problems=(ProblemView(place="nodes.temps.config.password", message="password in clear text",
                                  severity="warning"),) if flow_id == "line-telemetry" else (),
            guarantees=PROMISED if flow_id == "line-telemetry" else (),
            events=(
                EventView(time=datetime.now(UTC) - timedelta(minutes=4), kind="lost", node="out",
                          text="Link to 127.0.0.1:1883 lost"),
                EventView(time=datetime.now(UTC) - timedelta(minutes=3), kind="restored", node="out",
                          text="Link to 127.0.0.1:1883 is back after 42 s"),
                EventView(time=datetime.now(UTC) - timedelta(minutes=1), kind="dead", node="fahren", count=3,
                          topic="plant/filler/temp", text="payload.value is text, not a number"),
            ),
        )  # fmt: skip

    async def create(self, principal: Principal, flow_id: str, name: str, area: str) -> FlowOverview:
        raise ConflictError(f"there is a flow {name!r} in {area!r} already")

    async def start(self, principal: Principal, flow_id: str) -> FlowOverview:
        if flow_id == "refuses":
            raise ConfigError("unknown node type 'nope': did you mean 'map'?", "nodes.a.type")
        self.states[flow_id] = "starting"
        await asyncio.sleep(self.delay_s)
        self.states[flow_id] = "running"
        return self._overview(flow_id)

    async def stop(self, principal: Principal, flow_id: str) -> FlowOverview:
        self.states[flow_id] = "draining"
        await asyncio.sleep(self.delay_s)
        self.states[flow_id] = "stopped"
        return self._overview(flow_id)

    async def plan_delete(self, principal: Principal, flow_id: str) -> DeletePlan:
        still = self.states[flow_id] in ("stopped", "failed")
        return DeletePlan(
            stands_still=still, waiting={"rows": 37}, held={}, dead_letters=0, retried=0, drain_s=0 if still else 10
        )  # fmt: skip

    async def delete(self, principal: Principal, flow_id: str, *, confirm: bool = False) -> Path | None:
        self.deleted.append(flow_id)
        return Path("outbox/deleted/kept.db")

    async def find(self, principal: Principal, words: str, limit: int = 30) -> Found:
        hits = [
            Hit(kind="node", flow=doc.id, flow_name=doc.name, node=node.id, title=node.name or node.id, type=node.type)
            for doc in self.documents.values() for node in doc.nodes.values() if words in f"{node.name} {node.type}"
        ]  # fmt: skip
        return Found(hits=tuple(hits[:limit]), total=len(hits))

    async def plan(self, principal: Principal, files: Any) -> tuple[ImportItem, ...]:
        refused = "" if "nodes" in files[0].text else "the flow has no nodes"
        return (ImportItem(source=files[0].name, flow="imported", refused=refused, errors=self.import_errors),)

    async def take(self, principal: Principal, files: Any, choices: Any) -> tuple[ImportedFlow, ...]:
        doc = _small("imported", "Imported", "", [("a", "filter"), ("b", "log")])
        self.documents[doc.id], self.states[doc.id] = doc, "stopped"
        return (ImportedFlow(source=files[0].name, flow=doc.id, done="made"),)

    @contextlib.asynccontextmanager
    async def watch(self, principal: Principal, flow_id: str) -> AsyncIterator[None]:
        self.watched.add(flow_id)
        try:
            yield
        finally:
            self.watched.discard(flow_id)

    def _overview(self, flow_id: str) -> FlowOverview:
        doc, state = self.documents[flow_id], self.states[flow_id]
        on = state == "running"
        seconds = time.monotonic() - self.began
        scale = 3 + 90 * (list(self.documents).index(flow_id) % 3)
        spark = tuple(scale * (1.5 + math.sin((seconds + i) / 7) + 0.3 * math.sin((seconds + i) * 2.1))
                      for i in range(SPARK_POINTS)) if on else ()  # fmt: skip
        total = round(seconds * scale)
        failed = state == "failed"
        waiting = 37 if on else 0
        sums = FlowSums(in_total=total, out_total=total // 10, used=total - total // 10 - waiting, pending=waiting)
        return FlowOverview(
            id=doc.id, name=doc.name, area=doc.area, state=state,
            state_text="opc.tcp://10.1.2.3:4840 refused the certificate: trust it first" if failed
            else self.troubles.get(flow_id, lately_words(self.dead_lately.get(flow_id, 0))) if on else "",
            ails=on and flow_id in self.troubles, dead_lately=self.dead_lately.get(flow_id, 0) if on else 0,
            desired="running" if on or failed else "stopped",
            rate_per_s=spark[-1] if spark else 0, out_rate_per_s=spark[-2] if spark else 0,
            sums=sums, in_total=total, out_total=total - 37 if on else total,
            pending=37 if state in ("running", "draining") and scale > 90 else 0,
            errors=5 if flow_id == "line-telemetry" else 0, dead=3 if flow_id == "line-telemetry" else 0,
            dead_letters=self.letters.get(flow_id, 0),
            last_error="fahren: is text" if flow_id == "line-telemetry" else "", last_error_at=self.erred_at,
            drain_until=self.drain_until if state == "draining" else None,
            spark=spark, last_values=self._values(flow_id, seconds) if on else (),
            run_id=12 if on else 11, started_at=datetime.now(UTC) - timedelta(seconds=seconds),
            nodes_count=len(doc.nodes), revision=3, description=doc.description,
        )  # fmt: skip

    def _values(self, flow_id: str, seconds: float) -> tuple[ValueView, ...]:
        def value(topic: str, payload: Any, unit: str, age: float, quality: str = "good") -> ValueView:
            moment = datetime.now(UTC) - timedelta(seconds=age)
            return ValueView(node=next(iter(self.documents[flow_id].nodes)), port="out", topic=topic,
                             text=str(payload), payload=payload, unit=unit, quality=quality, time=moment)  # fmt: skip

        if flow_id == "line-telemetry":
            return (
                value("plant/filler/temp", 71.4 + 3 * math.sin(seconds / 5), "Cel", 0.4),
                value("plant/capper/press", 4.1 + 0.2 * math.cos(seconds), "bar", 2.3, "uncertain"),
                value(f"plant/{NASTY}/temp", NASTY, "", 0.1, "bad"),
                value("plant/label/temp", {"value": 20.1, "seq": int(seconds)}, "", 3),
            )
        return (value("energy/active", 12.345678 + math.sin(seconds), "kW", 1),)

    def _node(self, flow: FlowOverview, entry: NodeEntry, kind: NodeTypeView | None) -> NodeView:
        on = flow.state == "running"
        source = kind is not None and kind.kind == "source"
        total = flow.in_total
        return NodeView(
            id=entry.id, type=entry.type, title=entry.name or entry.id, kind=kind.kind if kind else "unknown",
            state=("retrying" if entry.id == "out" else "running") if on else "idle",
            text="waiting for the broker, next try in 4 s" if entry.id == "out" and on else "",
            rate_per_s=flow.rate_per_s, in_total=0 if source else total, made=total if source else 0,
            out=total - 37 if entry.id == "out" else total, pending=37 if entry.id == "out" else 0,
            waiting=34 if entry.id == "out" and on else 0,
            errors=5 if entry.id == "fahren" else 0, dead=0,
            last_error="payload.value is text, not a number: 'n/a' (plant/filler/temp)" if entry.id == "fahren" else "",
            values=flow.last_values,
            totals=TotalsView(
                in_total=0 if source else total + 40_000, made=total + 40_000 if source else 0, used=0, filtered=0,
                out=total + 39_950, dead=13, dropped=0, pending=37 if entry.id == "out" else 0,
                drift=-12 if entry.id == "out" else 0,
            ),
        )  # fmt: skip


class FakeRuns:
    async def list(self, principal: Principal, flow_id: str | None = None, limit: int = 50) -> tuple[RunSummary, ...]:
        runs = [self._run(i) for i in range(12, 0, -1)]
        return tuple(run for run in runs if flow_id in (None, run.flow_id))[:limit]

    async def detail(self, principal: Principal, run_id: int) -> RunDetail:
        if not 0 < run_id < 13:
            raise NotFoundError(f"there is no run {run_id}")
        flows = FakeFlows()
        detail = await flows.detail(principal, "line-telemetry")
        return RunDetail(summary=self._run(run_id), events=detail.events, events_left_out=3, nodes=detail.nodes)

    def _run(self, run_id: int) -> RunSummary:
        doc = list(DOCUMENTS.values())[run_id % 4]
        began = datetime.now(UTC) - timedelta(hours=9 * (12 - run_id), minutes=12)
        outcome: Any = ("stopped", "ended", "failed", "interrupted")[run_id % 4] if run_id < 12 else "running"
        reason = {"failed": "opc.tcp://10.1.2.3:4840 refused the certificate", "interrupted": "power went away"}
        return RunSummary(
            id=run_id, flow_id=doc.id, flow_name=doc.name, revision=3, started_at=began,
            ended_at=None if outcome == "running" else began + timedelta(minutes=37 * run_id),
            outcome=outcome, messages_in=123_456 * run_id, messages_out=123_450 * run_id, errors=run_id % 3,
            dead=run_id % 2, reason=reason.get(outcome, ""),
        )  # fmt: skip


class FakeAlarms:
    """Three alarms: a broker that is away, a queue that fills, dead letters."""

    def __init__(self) -> None:
        began = datetime.now(UTC) - timedelta(minutes=4)
        self.over: list[AlarmView] = []
        self.standing = [
            replace(alarm(1, "connection_down", "critical", "broker", began,
                  "Connection broker of Line 1 telemetry is down",
                  "Check the device, the network and the settings of the connection; FlowHost goes on trying."),
                  reason="10.1.2.3:1883 does not answer", waiting=12_034),
            alarm(2, "waiting_long", "error", "out", began,
                  f"Messages for Unified namespace in {NASTY} wait for 4 min",
                  "See why its target does not take them; they arrive in order once it does."),
            alarm(3, "dead_letters", "warning", "", began, "Line 1 telemetry has 3 dead letters",
                  "Look at them in the work list: mend and retry them, or discard them with a reason."),
        ]  # fmt: skip

    async def list(self, principal: Principal) -> tuple[AlarmView, ...]:
        return tuple(self.standing)

    async def lately(self, principal: Principal) -> tuple[AlarmView, ...]:
        return tuple(self.over)

    async def acknowledge(self, principal: Principal, alarm_id: int) -> AlarmView:
        for index, one in enumerate(self.standing):
            if one.id == alarm_id:
                known = replace(one, acknowledged_by=principal.name, acknowledged_at=datetime.now(UTC))
                self.standing[index] = known
                return known
        raise NotFoundError(f"alarm {alarm_id} is over")


def alarm(id_: int, kind: str, severity: Any, subject: str, since: datetime, text: str, advice: str) -> AlarmView:
    return AlarmView(
        id=id_, kind=kind, flow_id="line-telemetry", flow_name="Line 1 telemetry", subject=subject, severity=severity,
        text=text, advice=advice, since=since, raised_at=since,
    )  # fmt: skip


LETTERS = 130


def letter(number: int, **more: Any) -> DeadLetterRow:
    node, kind, reason = (
        ("rows", "Reject", f"table 'orders': {NASTY}"),
        ("fahren", "EvaluationError", "payload.value is text, not a number"),
        ("out", "unknown-outcome", "no answer came, so the target may have it; look there"),
    )[number % 3]
    made = DeadLetterRow(
        id=f"line-telemetry:{number}", flow_id="line-telemetry", flow_name="Line 1 telemetry", node=node,
        node_title=node.title(), state="dead", at=datetime.now(UTC) - timedelta(minutes=LETTERS - number), kind=kind,
        reason=reason, attempts=1 + number % 4, topic=f"plant/m{number}/temp", key="", message_id=f"id/{number}",
        preview=f'{{"value": "{NASTY}", "seq": {number}}}', edits=0, changed_at=None, changed_by="", note="",
    )  # fmt: skip
    return replace(made, **more)


class FakeLetters:
    """Open letters of one flow, changed in memory."""

    def __init__(self) -> None:
        self.rows = {row.id: row for row in map(letter, range(LETTERS, 0, -1))}
        self.texts: dict[str, str] = {}
        self.problems: tuple[str, ...] = ()
        self.refuses = ""
        self.step_s = 0.0
        self.step_size = 1000

    def found(self, query: LetterQuery) -> list[DeadLetterRow]:
        if query.ids is not None:
            return [row for row in self.rows.values() if row.id in query.ids]
        return [
            row for row in self.rows.values()
            if query.flow in ("", row.flow_id) and query.node in ("", row.node) and query.kind in ("", row.kind)
            and query.text in f"{row.reason} {row.topic} {row.message_id}"
            and (not query.states or row.state in query.states) and (query.since is None or row.at >= query.since)
        ]  # fmt: skip

    async def list(
        self, principal: Principal, query: LetterQuery, *, after: str = "", limit: int = 100
    ) -> DeadLetterPage:
        begin = int(after or 0)
        rows = self.found(query)
        more = str(begin + limit) if len(rows) > begin + limit else ""
        return DeadLetterPage(rows=tuple(rows[begin : begin + limit]), next=more, problems=self.problems)

    async def counts(self, principal: Principal, query: LetterQuery) -> tuple[LetterCountView, ...]:
        groups = Counter((row.flow_id, row.node, row.kind, row.state) for row in self.found(query))
        return tuple(
            LetterCountView(flow_id=flow, node=node, kind=kind, state=state, number=number)
            for (flow, node, kind, state), number in groups.items()
        )

    async def show(self, principal: Principal, id: str) -> DeadLetterDetail:  # noqa: A002 - as the service
        if id not in self.rows:
            raise NotFoundError(f"dead letter {id}: there is none of this id")
        row = self.rows[id]
        payload = PayloadView(text=self.texts.get(id, ""), size=20)
        cause = CauseView(at=row.at, node=row.node, kind=row.kind, reason=row.reason, attempts=1, flow_revision=3)
        return DeadLetterDetail(
            row=row, flow_revision=3, revision=row.edits, original=PayloadView(text='{"value": "n/a"}', size=20),
            edits=(LetterEditView(revision=1, at=row.at, by="ann", payload=payload),) if row.edits else (),
            causes=(cause,),
            meta=LetterMetaView(topic=row.topic, time=row.at, quality="bad", status=0x80000000, unit="Cel", key="k",
                                id=row.message_id, headers={"h": NASTY}),
            retry=RetryView(possible=row.state == "dead", text="it goes to the input of Rows again"),
        )  # fmt: skip

    async def edit(self, principal: Principal, id: str, revision: int, text: str) -> DeadLetterDetail:  # noqa: A002
        if revision != self.rows[id].edits:
            raise ConflictError(f"letter {id} was edited by ann meanwhile")
        self.texts[id] = text
        self.rows[id] = replace(self.rows[id], edits=revision + 1, changed_at=datetime.now(UTC), changed_by="ann")
        return await self.show(principal, id)

    async def retry(self, principal: Principal, query: LetterQuery, *, after: str = "", limit: int = 1000) -> BulkStep:
        return await self._step(query, after, state="retried")

    async def discard(
        self, principal: Principal, query: LetterQuery, reason: str, *, after: str = "", limit: int = 1000
    ) -> BulkStep:
        return await self._step(query, after, state="discarded", note=reason)

    async def _step(self, query: LetterQuery, after: str, **change: Any) -> BulkStep:
        await asyncio.sleep(self.step_s)
        if self.refuses:
            raise HostError(self.refuses)
        rows = [row for row in self.found(query) if row.state == "dead" and (not after or row.id < after)]
        rows.sort(key=lambda row: row.id, reverse=True)
        now, left = rows[: self.step_size], rows[self.step_size :]
        for row in now:
            self.rows[row.id] = replace(row, **change)
        return BulkStep(done=len(now), skipped=(), left=len(left), next=now[-1].id if left else "")

    async def export(self, principal: Principal, query: LetterQuery) -> AsyncIterator[str]:
        if query.ids == ("nobody:1",):
            raise HostError("the outbox cannot be read")
        yield "["
        yield ", ".join(f'"{row.id}"' for row in self.found(query)) + "]"

    async def import_(self, principal: Principal, text: str) -> ImportResult:
        if not text.startswith("{"):
            raise ConfigError("this is not JSON", "line 1, column 1")
        return ImportResult(taken=2, known=1)


class FakePlugins:
    async def list(self, principal: Principal) -> tuple[PluginView, ...]:
        return (
            PluginView(name="flowhost", version="0.1.0", node_types=("filter", "map", "switch", "window", "log")),
            PluginView(name="flowhost-mqtt", version="0.1.0", node_types=("mqtt.subscribe", "mqtt.publish"),
                       connection_types=("mqtt.broker",)),
            PluginView(name="flowhost-sql", version="0.1.0", node_types=("sql.write",),
                       connection_types=("sql.database",)),
            PluginView(name="acme-plc", version="2.3.1", error="it cannot be imported: No module named 'acme_driver'",
                       detail="Traceback (most recent call last):\n  …\nModuleNotFoundError: acme_driver"),
        )  # fmt: skip

    async def node_types(self, principal: Principal) -> tuple[NodeTypeView, ...]:
        return TYPES


class FakeSystem:
    ready = True

    async def status(self, principal: Principal) -> HostStatus:
        workers = (
            WorkerView(name="worker-1", state="running", pid=4711, heartbeat_age_s=0.3, flows=4, restarts=0),
        )  # fmt: skip
        reasons = () if self.ready else ("worker-1 does not answer",)
        return HostStatus(host_id="h1", version="0.1.0", uptime_s=4000, ready=self.ready, not_ready=reasons,
                          workers=workers, data_dir="/var/lib/flowhost", dead_letters=LETTERS)  # fmt: skip


class FakeDemo:
    def __init__(self) -> None:
        self.states: dict[Any, tuple[bool, str]] = dict.fromkeys(
            ("broker", "plc", "meter", "database", "sensor"), (True, "")
        )
        self.comes_back = True

    async def switches(self, principal: Principal) -> tuple[DemoSwitchView, ...]:
        return tuple(self._view(name) for name in self.states)

    async def switch(self, principal: Principal, name: Any, *, on: bool) -> DemoSwitchView:
        await asyncio.sleep(0.05)
        failed = on and not self.comes_back
        self.states[name] = (on and not failed, "cannot come back: port 1883 is taken" if failed else "")
        return self._view(name)

    def _view(self, name: Any) -> DemoSwitchView:
        on, fault = self.states[name]
        since = None if on and not fault else datetime.now(UTC)
        flow = FlowRef(id="line-telemetry", name="Line 1 telemetry")
        return DemoSwitchView(name=name, address="127.0.0.1:1883", on=on, turning=False, fault=fault, since=since,
                              readers=(flow,) if name == "broker" else ())  # fmt: skip


class FakeConnections:
    """None of the host's; two that a flow brings."""

    def __init__(self) -> None:
        self.tests: list[tuple[str, str]] = []

    async def list(self, principal: Principal) -> tuple[()]:
        return ()

    async def of_flows(self, principal: Principal) -> tuple[OwnConnectionView, ...]:
        broker = OwnConnectionView(
            flow_id="line-telemetry", flow_name="Line 1 telemetry", name="broker", type="mqtt.broker",
            title="MQTT broker", state="down", text="nothing listens at 127.0.0.1:1883; 1,204 messages wait",
            nodes=("temps", "out"),
        )  # fmt: skip
        return (broker, replace(broker, name="spare", state="idle", text="", nodes=()))

    async def test_own(self, principal: Principal, flow_id: str, name: str) -> TestView:
        self.tests.append((flow_id, name))
        return TestView(ok=False, text="connection refused", at=datetime.now(UTC))


class FakeSecrets:
    """A store nobody has put anything into."""

    async def list(self, principal: Principal) -> tuple[SecretView, ...]:
        return ()


class FakeDrafts:
    def __init__(self) -> None:
        self.edited: set[str] = set()

    async def changed(self, principal: Principal, flow_id: str) -> bool:
        return flow_id in self.edited


class FakeHost:
    def __init__(self) -> None:
        self.flows = self.files = self.search = FakeFlows()
        self.runs, self.plugins, self.system = FakeRuns(), FakePlugins(), FakeSystem()
        self.demo, self.plant = FakeDemo(), None
        self.alarms = FakeAlarms()
        self.dead_letters = FakeLetters()
        self.connections, self.asks = FakeConnections(), None
        self.secrets = FakeSecrets()
        self.drafts = FakeDrafts()


def app() -> Any:
    """For `uvicorn --factory`: the pages over a fake host."""
    from fastapi import FastAPI

    from flowhost.ui import install

    made = FastAPI()
    install(made, FakeHost())  # type: ignore[arg-type]  # same signatures, by duck
    return made


__all__ = ["NASTY", "FakeHost", "app", "replace"]


def main() -> None:
    """Serve the pages on a free port and print it once it answers."""
    import socket

    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            print(sockets[0].getsockname()[1], flush=True)

    listener = socket.create_server(("127.0.0.1", 0))
    Server(uvicorn.Config(app(), log_level="warning", ws_per_message_deflate=False)).run(sockets=[listener])


if __name__ == "__main__":
    main()
