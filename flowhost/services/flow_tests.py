"""Runs the tests beside a flow (`test.yaml`): what `flowhost test` does."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowhost.graph.document import FlowDocument
from flowhost.graph.library import NodeLibrary
from flowhost.sdk import Message
from flowhost.services.flow_cases import TEST_FILE, duration_ns, given_messages, read_cases
from flowhost.services.flow_check import flow_files
from flowhost.services.local_run import prepare
from flowhost.testing import FlowHarness


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
    results = []
    for path in (found for given in paths for found in flow_files(given)):
        flow, library = prepare(path, (), os.environ)
        cases = read_cases(path.parent / TEST_FILE, flow, library)
        results += asyncio.run(_run_cases(cases, path, flow, library))
    return results


async def _run_cases(
    cases: Sequence[Mapping[str, Any]], path: Path, flow: FlowDocument, library: NodeLibrary
) -> list[CaseResult]:
    return [
        CaseResult(flow=path, name=str(case["name"]), failures=await run_case(case, flow, library, path.parent))
        for case in cases
    ]


async def run_case(case: Mapping[str, Any], flow: FlowDocument, library: NodeLibrary, base_dir: Path) -> list[str]:
    """Run one test.

    Returns:
        What differs from the expectation; empty if nothing does.
    """
    async with await asyncio.to_thread(FlowHarness, flow, library, os.environ, base_dir) as harness:
        for moment_ns, node_id, port, message in given_messages(case):
            await harness.move_to(moment_ns)
            await harness.feed(node_id, [message], port)
        if "advance" in case:
            await harness.move_to(harness.clock.now_ns() + duration_ns(case["advance"]))
        expect = case["expect"] or {}
        failures = [line for node_id in expect for line in _compare(node_id, expect[node_id], harness)]
        dead = harness.dead()
        if len(dead) != case.get("dead", 0):
            failures += [f"dead: {line}" for line in dead]
            if "dead" in case:
                failures.append(f"expected {case['dead']} dead messages, got {len(dead)}")
        if not harness.snapshot().balanced():
            failures.append("the ledger does not add up: a node lost or made messages without saying so")
        return failures


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
        failures.append(f"{node_id}: expected {len(expected):,} messages, got {len(received):,}{more}")
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
