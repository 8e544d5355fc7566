"""The benchmarks' flows as Node-RED writes them: switch, function and change nodes, as its users would.

Where the two differ, Node-RED has less to do: its filters look at the value alone, messages are handed on without the
copy its function nodes make by default, and its mapping keeps the object instead of building another.
"""

from __future__ import annotations

from typing import Any

Flow = list[dict[str, Any]]

READY = """
const tick = global.get('tick'), batches = [];
for (let seq = 0; seq < TOTAL;) {
  const batch = [];
  for (let i = 0; i < BATCH && seq < TOTAL; i++, seq++) {
    batch.push({topic: 'plant/line1/tag' + seq % 10, time_ns: seq, quality: 'good', unit: 'Cel',
                payload: {value: 20 + seq % 50, seq}});
  }
  batches.push(batch);
}
let next = 0;
function more() {
  node.send([batches[next]], false);
  batches[next++] = null;
  if (next < batches.length) tick(more);
}
tick(more);
return null;
"""
"""Messages made before the clock starts, sent a batch at a time; the loop runs between batches."""

COUNT = """
const count = (context.count || 0) + 1;
context.count = count;
if (count === WARM || count === TOTAL) global.get('say')(count);
return null;
"""

TO_FAHRENHEIT = "msg.payload.value = msg.payload.value * 1.8 + 32; msg.unit = '[degF]'; return msg;"
TO_CELSIUS = "msg.payload.value = (msg.payload.value - 32) / 1.8; msg.unit = 'Cel'; return msg;"
TO_UNS = "msg.payload.value = msg.payload.value * 1.8 + 32; msg.topic = 'uns/' + msg.topic; return msg;"


def chain(fours: int, total: int, warm: int, batch: int) -> Flow:
    """Filter, convert, map, filter; again and again."""
    nodes = [source(total, batch)]
    for index in range(fours):
        nodes += [
            switch(f"good{index}", "payload.value", "gt", 0),
            function(f"unit{index}", TO_CELSIUS if index % 2 else TO_FAHRENHEIT),
            change(f"map{index}", [put("payload.tag", "topic", "msg")]),
            switch(f"limit{index}", "payload.value", "lt", 1000),
        ]
    return tab(in_a_row([*nodes, sink(total, warm)]), "start")


def fan_out(branches: int, total: int, warm: int, batch: int) -> Flow:
    """One source, many mappings; counted together."""
    names = [f"map{index}" for index in range(branches)]
    start = {**source(total, batch), "wires": [names]}
    maps = [
        change(name, [put("payload.tag", "topic", "msg"), put("payload.branch", str(index), "num")])
        for index, name in enumerate(names)
    ]
    ends = [{**node, "wires": [["sink"]]} for node in maps]
    return tab([start, *ends, sink(total * branches, warm * branches)], "start")


def mqtt(port: int, qos: int) -> Flow:
    """MQTT, filter, map, convert, MQTT."""
    broker = {
        "id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(port), "clientid": "",
        "autoConnect": True, "usetls": False, "protocolVersion": "4", "keepalive": "60", "cleansession": True,
    }  # fmt: skip
    mapping = [put("payload.tag", "topic", "msg"), *(drop(f"payload.{name}") for name in ("quality", "ts", "text"))]
    nodes = [
        {"id": "temps", "type": "mqtt in", "broker": "broker", "topic": "plant/#", "qos": str(qos), "datatype": "json",
         "inputs": 0},
        switch("running", "payload.value", "gt", 0),
        change("mapped", mapping),
        function("unit", TO_UNS),
        {"id": "out", "type": "mqtt out", "broker": "broker", "topic": "", "qos": str(qos), "retain": "false"},
    ]  # fmt: skip
    return [broker, *tab(in_a_row(nodes))]


# -- nodes


def source(total: int, batch: int) -> dict[str, Any]:
    return function("source", READY.replace("TOTAL", str(total)).replace("BATCH", str(batch)))


def sink(total: int, warm: int) -> dict[str, Any]:
    return function("sink", COUNT.replace("TOTAL", str(total)).replace("WARM", str(warm)))


def function(name: str, code: str) -> dict[str, Any]:
    return {"id": name, "type": "function", "func": code, "outputs": 1, "noerr": 0, "libs": []}


def switch(name: str, field: str, test: str, value: float) -> dict[str, Any]:
    rule = {"t": test, "v": str(value), "vt": "num"}
    return {"id": name, "type": "switch", "property": field, "propertyType": "msg", "rules": [rule], "outputs": 1,
            "checkall": "true"}  # fmt: skip


def change(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": name, "type": "change", "rules": rules}


def put(field: str, value: str, kind: str) -> dict[str, Any]:
    return {"t": "set", "p": field, "pt": "msg", "to": value, "tot": kind}


def drop(field: str) -> dict[str, Any]:
    return {"t": "delete", "p": field, "pt": "msg"}


# -- flows


def in_a_row(nodes: Flow) -> Flow:
    """Wire each node to the next."""
    following = [*(node["id"] for node in nodes[1:]), None]
    return [{**node, "wires": [[name]] if name else []} for node, name in zip(nodes, following, strict=True)]


def tab(nodes: Flow, start: str = "") -> Flow:
    """All nodes on one page; with `start`, the first one is set off once after start-up."""
    once = {"id": start, "type": "inject", "props": [], "once": True, "onceDelay": 0.5, "repeat": "", "crontab": "",
            "wires": [[nodes[0]["id"]]]}  # fmt: skip
    placed = [once, *nodes] if start else nodes
    return [{"id": "page", "type": "tab", "label": "bench"}, *({"z": "page", "x": 0, "y": 0, **n} for n in placed)]
