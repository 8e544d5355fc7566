"""Reads the tests beside a flow (`test.yaml`) and checks them, so that a slip in a test never looks like a pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flowhost.errors import ConfigError, FlowFileError
from flowhost.graph.document import FlowDocument
from flowhost.graph.library import NodeLibrary
from flowhost.sdk import Message, Meta, Node, Sink, Source
from flowhost.testing.clock import SECOND_NS, START_NS

TEST_FILE = "test.yaml"
CASE_KEYS = {"name", "given", "advance", "expect", "dead"}
GIVEN_KEYS = {"topic", "payload", "quality", "at", "unit", "key", "headers", "port"}
EXPECT_KEYS = {"topic", "payload", "quality", "unit", "key", "headers", "contains"}
TEXT_KEYS = ("topic", "unit", "key", "port")
QUALITIES = ("good", "uncertain", "bad")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_cases(path: Path, flow: FlowDocument, library: NodeLibrary) -> list[dict[str, Any]]:
    """The tests of a flow, checked: keys, times, sources and sinks that exist.

    Raises:
        ConfigError: what is wrong, and where.
    """
    if not path.is_file():
        raise FlowFileError(
            f"there is no {TEST_FILE} beside the flow; write a list of {{name, given, expect}}", str(path)
        )
    try:
        cases = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise FlowFileError(f"not YAML: {error}", str(path)) from None
    except UnicodeDecodeError as error:
        raise FlowFileError(f"is not UTF-8 text (byte {error.start}); save it as UTF-8", str(path)) from None
    if not isinstance(cases, list) or not cases:
        raise FlowFileError("must be a list of tests, each {name, given, expect}", str(path))
    for index, case in enumerate(cases):
        check_case(case, flow, library, f"{path}[{index}]")
    return cases


def check_case(case: Any, flow: FlowDocument, library: NodeLibrary, place: str) -> None:
    """Refuse a test that does not fit its flow. Raises `ConfigError`."""
    _CaseCheck(flow, library).check(case, place)


class _CaseCheck:
    def __init__(self, flow: FlowDocument, library: NodeLibrary) -> None:
        self._flow = flow
        self._library = library

    def check(self, case: Any, place: str) -> None:
        if not isinstance(case, dict) or "name" not in case or "expect" not in case:
            raise ConfigError("a test is {name, given, advance, expect, dead}; name and expect are needed", place)
        _check_keys(case, CASE_KEYS, place)
        for item, item_place in self._items(case, "given", Source, GIVEN_KEYS, place):
            _check_given(item, item_place)
        for node_id, items in (case.get("given") or {}).items():
            self._check_ports(node_id, items, f"{place}.given.{node_id}")
        for _ in self._items(case, "expect", Sink, EXPECT_KEYS, place):
            pass
        if "advance" in case:
            _placed(duration_ns, case["advance"], f"{place}.advance")
        dead = case.get("dead", 0)
        if not isinstance(dead, int) or isinstance(dead, bool) or dead < 0:
            raise ConfigError(f"how many messages must fail, a whole number, not {dead!r}", f"{place}.dead")

    def _items(self, case: dict[str, Any], part: str, base: type[Node[Any]], known: set[str], place: str) -> Any:
        """Every message of a part with its place; refuses what is not {node: [message, ...]} of the right kind."""
        nodes = case.get(part) or {}
        if not isinstance(nodes, dict):
            raise ConfigError("must be {node: [message, ...]}", f"{place}.{part}")
        for node_id, items in nodes.items():
            self._check_node(node_id, base, f"{place}.{part}")
            if not isinstance(items, list):
                raise ConfigError("must be a list of messages; [] where none are meant", f"{place}.{part}.{node_id}")
            for index, item in enumerate(items):
                item_place = f"{place}.{part}.{node_id}[{index}]"
                _check_keys(item, known, item_place)
                yield item, item_place

    def _check_node(self, node_id: str, base: type[Node[Any]], place: str) -> None:
        kinds = {name: self._library.nodes.get(entry.type) for name, entry in self._flow.nodes.items()}
        fitting = [name for name, kind in kinds.items() if kind is not None and issubclass(kind, base)]
        if node_id in fitting:
            return
        word = "source" if base is Source else "sink"
        names = ", ".join(fitting) or "none"
        if node_id in kinds:
            raise ConfigError(f"{node_id!r} is no {word}; the {word}s of this flow are {names}", place)
        raise ConfigError(f"the flow has no node {node_id!r}; its {word}s are {names}", place)

    def _check_ports(self, node_id: str, items: list[dict[str, Any]], place: str) -> None:
        wired = [wire.port for wire in self._flow.wires if wire.source == node_id]
        for index, item in enumerate(items):
            port = item.get("port", "out")
            if port not in wired:
                names = ", ".join(dict.fromkeys(wired)) or "none"
                raise ConfigError(f"no wire leaves {node_id}.{port}; wired are {names}", f"{place}[{index}].port")


def _check_keys(item: Any, known: set[str], place: str) -> None:
    if not isinstance(item, dict):
        raise ConfigError("must be an object", place)
    for key in item:
        if key not in known:
            raise ConfigError(f"unknown key {key!r}; known are {', '.join(sorted(known))}", place)


def _check_given(item: dict[str, Any], place: str) -> None:
    for name in TEXT_KEYS:
        if not isinstance(item.get(name, ""), str):
            raise ConfigError(f"must be text, not {item[name]!r}; put it in quotes", f"{place}.{name}")
    if item.get("quality", "good") not in QUALITIES:
        raise ConfigError(f"must be one of {', '.join(QUALITIES)}, not {item['quality']!r}", f"{place}.quality")
    if not isinstance(item.get("headers") or {}, dict):
        raise ConfigError("must be an object of texts", f"{place}.headers")
    _placed(moment_of, item.get("at"), f"{place}.at")


def _placed(read: Callable[[Any], int], value: Any, place: str) -> None:
    try:
        read(value)
    except ConfigError as error:
        raise ConfigError(error.message, place) from None


def given_messages(case: Mapping[str, Any]) -> list[tuple[int, str, str, Message]]:
    """Messages in the order of their time; those without `at` come at the start, in the order of the file."""
    timed: list[tuple[int, str, str, Message]] = []
    for node_id, items in (case.get("given") or {}).items():
        for item in items:
            moment_ns = moment_of(item.get("at"))
            meta = Meta(
                topic=item.get("topic", ""), time_ns=moment_ns, quality=item.get("quality", "good"),
                unit=item.get("unit", ""), key=item.get("key", ""), headers=dict(item.get("headers") or {}),
                id=f"{node_id}/{len(timed)}",
            )  # fmt: skip
            timed.append((moment_ns, node_id, item.get("port", "out"), Message(item.get("payload"), meta)))
    return sorted(timed, key=lambda entry: entry[0])


def moment_of(at: Any) -> int:
    """`at` as nanoseconds: a duration since the start of the test, or an ISO 8601 time with its zone.

    Raises:
        ConfigError: neither of them.
    """
    if at is None:
        return START_NS
    moment = at
    if isinstance(at, str) and "T" in at:
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            raise ConfigError(f"{at!r} is not an ISO 8601 time; write for example 2026-01-01T00:00:05Z") from None
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ConfigError(f"{str(at)!r} has no zone; add Z or an offset such as +01:00")
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    return START_NS + duration_ns(at)


def duration_ns(text: Any) -> int:
    """Nanoseconds of `60s`, `500ms`, `2m` or a number of seconds.

    Raises:
        ConfigError: no duration.
    """
    if isinstance(text, int | float) and not isinstance(text, bool) and text >= 0:
        return round(text * SECOND_NS)
    match = _DURATION.fullmatch(str(text).strip())
    if match is None:
        raise ConfigError(f"{text!r} is not a duration; write for example 60s, 500ms or 2m")
    return round(float(match[1]) * _UNITS[match[2]] * SECOND_NS)
