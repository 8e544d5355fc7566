"""Built-in transforms and sinks pass the kit that vendors use."""

from __future__ import annotations

from typing import Any

import pytest

from flowhost.catalog import load_catalog
from flowhost.sdk import Message, Meta
from flowhost.testing.clock import SECOND_NS, START_NS
from flowhost.testing.conformance import SinkConformance, StatefulTransformConformance, TransformConformance

NODES = load_catalog().nodes


class TestFilter(TransformConformance):
    node_type = NODES["filter"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"where": "payload.value > 3"}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"n": 1}, Meta("line1"))


class TestSwitch(TransformConformance):
    node_type = NODES["switch"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        rules = [{"port": "low", "where": "payload.value < 5"}, {"port": "even", "where": "payload.n == 8"}]
        return {"rules": rules, "mode": "all"}

    @pytest.fixture
    def poison(self) -> Message:
        return Message("text", Meta("line1"))


class TestMap(TransformConformance):
    node_type = NODES["map"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"set": {"f": "payload.value * 1.8 + 32", "where": "topic"}, "keep": True, "meta": {"key": "topic"}}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"value": "hot"}, Meta("line1"))


class TestConvert(TransformConformance):
    node_type = NODES["convert"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"field": "value", "from": "Cel", "to": "[degF]"}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"value": "hot"}, Meta("line1"))


class TestTemplate(TransformConformance):
    node_type = NODES["template"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"text": "{topic}: {payload.value}", "into": "text"}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"n": 1}, Meta("line1"))


class TestChanged(TransformConformance):
    node_type = NODES["changed"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"value": "payload.value > 6"}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"n": 1}, Meta("line1"))


class TestDelta(TransformConformance):
    node_type = NODES["delta"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"value": "payload.value", "into": "delta"}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"value": "many"}, Meta("line1"))


class TestDeadband(TransformConformance):
    node_type = NODES["deadband"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"value": "payload.value", "absolute": 5}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"value": "far"}, Meta("line1"))


class TestThrottle(TransformConformance):
    node_type = NODES["throttle"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"every_s": 5}


class TestDedupe(TransformConformance):
    node_type = NODES["dedupe"]

    @pytest.fixture
    def messages(self) -> list[Message]:
        return [Message({"n": n}, Meta("line1", START_NS + n * SECOND_NS, id=f"id-{n % 5}")) for n in range(12)]


class TestJoin(StatefulTransformConformance):
    node_type = NODES["join"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        fields = {"even": {"where": "payload.n % 2 == 0", "value": "payload.value"},
                  "odd": {"where": "payload.n % 2 == 1", "value": "payload.value"}}  # fmt: skip
        return {"by": "'line'", "fields": fields}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"value": 1}, Meta("line1"))


class TestWindow(StatefulTransformConformance):
    node_type = NODES["window"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"every_s": 4, "late_s": 2, "compute": {"mean": "mean(payload.value)", "n": "count()"}}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"n": 1}, Meta("line1", START_NS + 6 * SECOND_NS))


class TestLog(SinkConformance):
    node_type = NODES["log"]

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"level": "warning", "text": "{topic} is {payload.n}"}

    @pytest.fixture
    def poison(self) -> Message:
        return Message("no object", Meta("line1"))


class TestDiscard(SinkConformance):
    node_type = NODES["discard"]
