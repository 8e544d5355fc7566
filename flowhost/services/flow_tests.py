"""Runs the tests beside a flow (`test.yaml`): what `flowhost test` does."""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flowhost.catalog import load_catalog
from flowhost.errors import ConfigError, FlowFileError
from flowhost.graph.document import FlowDocument
from flowhost.graph.library import NodeLibrary
from flowhost.sdk import Message, Meta
from flowhost.services.flow_check import flow_files
from flowhost.services.local_run import prepare
from flowhost.testing import FlowHarness
from flowhost.testing.clock import SECOND_NS, START_NS

TEST_FILE = "test.yaml"
CASE_KEYS = {"name", "given", "advance", "expect", "dead"}
GIVEN_KEYS = {"topic", "payload", "quality", "at", "unit", "key", "headers", "port"}
EXPECT_KEYS = {"topic", "payload", "quality", "unit", "key", "headers", "contains"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """How one test went.

    Attributes:
        flow: path of the flow file.
        name: of the test.
        failures: what differs, in words; empty if it passed.
    """

    flow: Path
    name: str
    failures: Sequence[str] = field(default=())


def test_flows(paths: Sequence[Path]) -> list[CaseResult]:
    """Run the tests beside every flow.

    Raises:
        ConfigError: a flow or a test file cannot be read.
    """
    library = load_catalog()
    return [
        result
        for given in paths
        for path in flow_files(given)
        for result in asyncio.run(_test_flow(path, library))
    ]  # fmt: skip


async def _test_flow(path: Path, library: NodeLibrary) -> list[CaseResult]:
    flow, _ = prepare(path, (), os.environ)
    cases = read_cases(path.parent / TEST_FILE, flow)
    return [
        CaseResult(flow=path, name=str(case["name"]), failures=await run_case(case, flow, library, path.parent))
        for case in cases
    ]


def read_cases(path: Path, flow: FlowDocument) -> list[dict[str, Any]]:
    """The tests of a flow, checked for shape and for nodes that exist.

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
    if not isinstance(cases, list) or not cases:
        raise FlowFileError("must be a list of tests, each {name, given, expect}", str(path))
    for index, case in enumerate(cases):
        _check_case(case, f"{path}[{index}]", flow)
    return cases


def _check_case(case: Any, place: str, flow: FlowDocument) -> None:
    if not isinstance(case, dict) or "name" not in case or "expect" not in case:
        raise ConfigError("a test is {name, given, advance, expect}; name and expect are needed", place)
    _check_keys(case, CASE_KEYS, place)
    for part, known in (("given", GIVEN_KEYS), ("expect", EXPECT_KEYS)):
        for node_id, items in (case.get(part) or {}).items():
            if node_id not in flow.nodes:
                nodes = ", ".join(flow.nodes)
                raise ConfigError(f"the flow has no node {node_id!r}; it has {nodes}", f"{place}.{part}")
            if not isinstance(items, list):
                raise ConfigError("must be a list of messages", f"{place}.{part}.{node_id}")
            for index, item in enumerate(items):
                _check_keys(item, known, f"{place}.{part}.{node_id}[{index}]")


def _check_keys(item: Any, known: set[str], place: str) -> None:
    if not isinstance(item, dict):
        raise ConfigError("must be an object", place)
    for key in item:
        if key not in known:
            raise ConfigError(f"unknown key {key!r}; known are {', '.join(sorted(known))}", place)


async def run_case(case: Mapping[str, Any], flow: FlowDocument, library: NodeLibrary, base_dir: Path) -> list[str]:
    """Run one test.

    Returns:
        What differs from the expectation; empty if nothing does.
    """
    async with FlowHarness(flow, library, os.environ, base_dir) as harness:
        for moment_ns, node_id, port, message in given_messages(case):
            await harness.move_to(moment_ns)
            await harness.feed(node_id, [message], port)
        if "advance" in case:
            await harness.move_to(harness.clock.now_ns() + duration_ns(case["advance"]))
        failures = [line for node_id in case["expect"] for line in _compare(node_id, case["expect"][node_id], harness)]
        dead = harness.dead()
        if len(dead) != case.get("dead", 0):
            failures += [f"dead: {line}" for line in dead] or [
                f"expected {case['dead']} dead messages, there were none"
            ]
        if not harness.snapshot().balanced():
            failures.append("the ledger does not add up: a node lost or made messages without saying so")
        return failures


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
    """`at` as nanoseconds: a duration since the start of the test, or an ISO 8601 time."""
    if at is None:
        return START_NS
    if isinstance(at, datetime):
        return round(at.timestamp() * SECOND_NS)
    if isinstance(at, str) and "T" in at:
        return round(datetime.fromisoformat(at).timestamp() * SECOND_NS)
    return START_NS + duration_ns(at)


def duration_ns(text: Any) -> int:
    """Nanoseconds of `60s`, `500ms`, `2m` or a number of seconds."""
    if isinstance(text, int | float):
        return round(text * SECOND_NS)
    match = _DURATION.fullmatch(str(text).strip())
    if match is None:
        raise ConfigError(f"{text!r} is not a duration; write for example 60s, 500ms or 2m")
    return round(float(match[1]) * _UNITS[match[2]] * SECOND_NS)


def _compare(node_id: str, expected: Sequence[Mapping[str, Any]], harness: FlowHarness) -> list[str]:
    received = harness.received(node_id)
    failures = [
        f"{node_id}[{index}].{key}: expected {want!r}, got {got!r}"
        for index, (item, message) in enumerate(zip(expected, received, strict=False))
        for key, want, got in _differences(item, message)
    ]
    if len(received) != len(expected):
        extra = received[len(expected) :]
        more = f"; the first one more is {extra[0].meta.topic!r} {extra[0].payload!r}" if extra else ""
        failures.append(f"{node_id}: expected {len(expected)} messages, got {len(received)}{more}")
    return failures


def _differences(item: Mapping[str, Any], message: Message) -> list[tuple[str, Any, Any]]:
    found = []
    for key, want in item.items():
        got = message.payload if key in ("payload", "contains") else getattr(message.meta, key)
        same = contains(got, want) if key == "contains" else equal(got, want)
        if not same:
            found.append((key, want, got))
    return found


def equal(got: Any, want: Any) -> bool:
    """Equal, with numbers compared to nine digits."""
    if isinstance(want, bool) or isinstance(got, bool):
        return got is want
    if isinstance(want, int | float) and isinstance(got, int | float):
        return math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(equal(got[key], want[key]) for key in want)
    if isinstance(want, list) and isinstance(got, list | tuple):
        return len(want) == len(got) and all(map(equal, got, want))
    return bool(got == want)


def contains(got: Any, want: Any) -> bool:
    """Every field of `want` is in `got`; lists are compared whole."""
    if isinstance(want, dict) and isinstance(got, dict):
        return all(key in got and contains(got[key], item) for key, item in want.items())
    return equal(got, want)
