"""Samples on the workbench: a message through one expression, or through a whole draft, with no target touched."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowhost.catalog import Catalog
from flowhost.engine.values import shown
from flowhost.errors import EvaluationError, ExpressionError, FlowHostError
from flowhost.expr import compile_expression, compile_template
from flowhost.graph.jsonform import from_json
from flowhost.graph.topology import topological_order
from flowhost.sdk import Message, Meta
from flowhost.services.flow_cases import check_case, duration_ns, given_messages
from flowhost.services.flow_tests import run_case
from flowhost.testing.clock import START_NS
from flowhost.testing.tapped import TappedHarness

SHOWN_MESSAGES = 50
"""Messages of each output that are shown."""
SHOWN_BYTES = 20_000
"""Payloads larger than this as JSON are cut."""


def _never_bool(text: str) -> bool:
    """Whether an expression that compiles certainly gives neither true nor false: sums, texts, lists."""
    found = ast.parse(text.strip(), mode="eval").body
    if isinstance(found, ast.Constant):
        return not isinstance(found.value, bool)
    return isinstance(found, ast.BinOp | ast.List | ast.Dict) or (
        isinstance(found, ast.UnaryOp) and not isinstance(found.op, ast.Not)
    )


class Samples:
    """Tries expressions and drafts out.

    Args:
        catalog: the installed types.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def evaluate(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """An expression or template on a message.

        Returns:
            `{value}`; `{}` where there is no message to try it on, `{never_bool}` if it never gives true or false;
            or `{error, column, text_wrong}`: the text is wrong, or does not fit this message.
        """
        text, message = facts["text"], facts["message"]
        compiled: Any
        try:
            if facts["template"]:
                compiled = compile_template(text, self._catalog.functions)
                run = compiled.render
            else:
                compiled = compile_expression(text, self._catalog.functions)
                run = compiled.evaluate
        except ExpressionError as error:
            return {"error": error.reason, "column": error.column, "text_wrong": True}
        if message is None and not compiled.constant:
            return {"never_bool": True} if not facts["template"] and _never_bool(text) else {}
        try:
            value = run(*_parts(message or {}))
        except EvaluationError as error:
            detail = error.detail if isinstance(error.detail, dict) else {}
            return {"error": str(error), "column": detail.get("column", 1), "text_wrong": False}
        return {"value": shown(value)}

    async def run(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """A sample through a draft. Raises `ConfigError` where draft or sample are wrong."""
        flow = from_json(facts["document"])
        case = {"name": "sample", "given": facts["given"], "expect": {}}
        check_case(case, flow, self._catalog, "sample")
        harness = TappedHarness(flow, self._catalog, os.environ, Path(facts["base_dir"]))
        async with harness:
            for moment_ns, node_id, port, message in given_messages(case):
                await harness.move_to(moment_ns)
                await harness.feed(node_id, [message], port)
            if facts["advance"]:
                await harness.move_to(max(START_NS, harness.clock.now_ns()) + duration_ns(facts["advance"]))
            return self._result(harness, topological_order(flow))

    async def cases(self, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Kept cases on a draft: `[{name, failures}]`, in their order."""
        flow, base_dir = from_json(facts["document"]), Path(facts["base_dir"])
        results = []
        for index, case in enumerate(facts["cases"]):
            try:
                check_case(case, flow, self._catalog, f"[{index}]")
                failures = await run_case(case, flow, self._catalog, base_dir)
            except FlowHostError as error:
                failures = [str(error)]
            results.append({"name": str(case.get("name", index + 1)), "failures": failures[:20]})
        return results

    def _result(self, harness: TappedHarness, order: Sequence[str]) -> dict[str, Any]:
        outputs: dict[tuple[str, str], list[Message]] = {}
        for tap in harness.taps:
            outputs.setdefault((tap.node, tap.port), []).append(tap.message)
        snapshot = harness.snapshot()
        nodes = []
        for node_id in order:
            figures = snapshot.nodes[node_id]
            received = harness.recorded(node_id)
            nodes.append({
                "node": node_id, "in": figures.in_, "filtered": figures.filtered, "dead": figures.dead,
                "errors": figures.errors, "error": figures.last_error, "pending": figures.pending,
                "outputs": [
                    {"port": port, "count": len(messages), "messages": _written(messages)}
                    for (name, port), messages in outputs.items() if name == node_id
                ],
                "received": None if received is None else {"count": len(received), "messages": _written(received)},
            })  # fmt: skip
        return {"nodes": nodes, "dead": harness.dead()[:SHOWN_MESSAGES], "balanced": snapshot.balanced()}


def _parts(message: Mapping[str, Any]) -> tuple[Any, Meta]:
    texts: dict[str, Any] = {name: str(message[name]) for name in ("topic", "unit", "key", "id") if message.get(name)}
    headers = message.get("headers")
    return message.get("payload"), Meta(
        **texts, time_ns=int(message.get("time_ns") or START_NS), quality=message.get("quality") or "good",
        headers=dict(headers) if isinstance(headers, dict) else {},
    )  # fmt: skip


def _written(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [_message(message) for message in messages[:SHOWN_MESSAGES]]


def _message(message: Message) -> dict[str, Any]:
    """As screens and kept cases have it; `exact` says that the payload is all of it."""
    meta = message.meta
    payload, exact = message.payload, True
    try:
        exact = len(json.dumps(payload, allow_nan=False)) <= SHOWN_BYTES
    except (TypeError, ValueError):
        exact = False
    if not exact:
        payload = shown(payload)
    return {
        "topic": meta.topic, "payload": payload, "quality": meta.quality, "unit": meta.unit, "key": meta.key,
        "headers": dict(meta.headers), "exact": exact,
    }  # fmt: skip
