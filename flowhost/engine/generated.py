"""A chain of inline transforms as one generated function."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from types import FrameType, TracebackType
from typing import Any

from flowhost.engine.counters import NodeCounters
from flowhost.engine.failure import Failure
from flowhost.engine.segment import Ported, failure_of
from flowhost.engine.writer import NodePlace, SegmentWriter
from flowhost.errors import EvaluationError, MessageError
from flowhost.expr.values import describe, names_of
from flowhost.sdk import InlineTransform, Message, Meta, Template

_serial = count(1)


class ChainNode:
    """One link of the chain.

    Attributes:
        node_id: id in the flow.
        node: the inline transform, or None where a disabled node stands.
        passes: what a disabled node does: True lets messages through, False ends them here.
        state: the node's state by key.
        counters: of the node.
    """

    def __init__(
        self,
        node_id: str,
        node: InlineTransform[Any] | None,
        counters: NodeCounters,
        *,
        passes: bool = False,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.node_id = node_id
        self.node = node
        self.passes = passes
        self.counters = counters
        self.state = {} if state is None else state

    def write(self, writer: SegmentWriter) -> None:
        """Write this node's part."""
        writer.begin_node(self.node_id, self.state)
        if self.node is not None:
            self.node.write_code(writer)
        elif not self.passes:
            writer.drop()
        writer.end_node()


class GeneratedSegment:
    """Runs the generated function over batches and finds the node and message behind every failure.

    A failing message does not disturb its neighbours: the function is entered again with the rest of the same iterator,
    so nothing is processed twice and no state is touched twice.
    """

    def __init__(self, chain: Sequence[ChainNode], ports: Sequence[str], trunk: str | None) -> None:
        self.nodes = tuple(link.node_id for link in chain)
        self._chain = chain
        self._ports = tuple(ports)
        self._trunk = trunk
        self._function, self._places, self._offset, self._file = self._compile(traced=False)
        self._tracer: tuple[Callable[..., Any], list[NodePlace], int, str] | None = None
        self._trace_wanted = False
        self._traced: dict[tuple[str, str], Message] = {}
        self._came = 0
        self._batches = 0
        self._left = [0] * len(self._ports)
        self._dropped = [0] * len(chain)
        self._failed = [0] * len(chain)
        self._tails: dict[str, GeneratedSegment] = {}

    @property
    def remembering(self) -> list[ChainNode]:
        """Its nodes that keep state."""
        return [link for link, place in zip(self._chain, self._places, strict=True) if place.remembers]

    def run(self, messages: Sequence[Message], failures: list[Failure]) -> Ported:
        """Process a batch."""
        self._came += len(messages)
        self._batches += 1
        outs: list[list[Message]] = [[] for _ in self._ports]
        appenders = [out.append for out in outs]
        iterator = iter(messages)
        if self._trace_wanted:
            self._run_traced(iterator, appenders, failures)
        else:
            self._run_plain(iterator, appenders, failures)
        left = self._left
        for index, out in enumerate(outs):
            left[index] += len(out)
        return list(zip(self._ports, outs, strict=True))

    def _run_plain(self, iterator: Any, appenders: list[Any], failures: list[Failure]) -> None:
        while True:
            try:
                dropped = self._function(iterator, *appenders)
            except Exception as error:  # noqa: BLE001 - concerns one message; anything may come out of its data
                self._take_failure(error, self._places, self._offset, self._file, failures)
            else:
                self._add_dropped(dropped)
                return

    def _run_traced(self, iterator: Any, appenders: list[Any], failures: list[Failure]) -> None:
        self._trace_wanted = False
        if self._tracer is None:
            self._tracer = self._compile(traced=True)
        function, places, offset, file = self._tracer
        while True:
            try:
                dropped, seen = function(iterator, *appenders)
            except Exception as error:  # noqa: BLE001 - as above
                frame = self._take_failure(error, places, offset, file, failures)
                self._keep_traced([frame.f_locals.get(f"_x{index}") for index in range(len(self._chain))])
            else:
                self._add_dropped(dropped)
                self._keep_traced(seen)
                return

    def _keep_traced(self, seen: Sequence[Message | None]) -> None:
        for node_id, message in zip(self.nodes, seen, strict=True):
            if message is not None:
                self._traced[node_id, "out"] = message

    def _add_dropped(self, dropped: Sequence[int]) -> None:
        totals = self._dropped
        for index, number in enumerate(dropped):
            if number:
                totals[index] += number

    def _take_failure(
        self, error: Exception, places: list[NodePlace], offset: int, file: str, failures: list[Failure]
    ) -> FrameType:
        frame, line = generated_frame(error, file)
        variables = frame.f_locals
        self._add_dropped([variables[f"_f{index}"] for index in range(len(self._chain))])
        index = place_at(places, line - offset)
        place = places[index]
        self._failed[index] += 1
        scope = {**frame.f_globals, **variables}
        # both sources were written by SegmentWriter, never by a user
        message: Message = eval(place.input_message, scope)  # noqa: S307
        payload, meta = eval(place.input_pair, scope)  # noqa: S307
        failures.append(failure_of(place.node_id, message, explain(error, place, payload, meta)))
        return frame

    def from_node(self, node_id: str) -> GeneratedSegment:
        """The rest of the chain from one of its nodes on: the same nodes and counters, entered in their middle."""
        if node_id == self.nodes[0]:
            return self
        if node_id not in self._tails:
            links = self._chain[self.nodes.index(node_id) :]
            self._tails[node_id] = GeneratedSegment(links, self._ports, self._trunk)
        return self._tails[node_id]

    def settle_counters(self) -> None:
        """Derive every node's figures from what came, what was dropped and what failed on the way."""
        for link in self._chain:
            link.counters.clear_passed()
        for segment in (self, *self._tails.values()):
            segment.add_counters()

    def add_counters(self) -> None:
        """Add the figures of what entered at the head of this chain to the counters of its nodes."""
        came = self._came
        last = len(self._chain) - 1
        for index, link in enumerate(self._chain):
            ended = self._dropped[index] + self._failed[index]
            passed = sum(self._left) if index == last else came - ended
            made = max(0, passed + ended - came) if index == last else 0
            link.counters.add_passed(came, passed, made, self._dropped[index], self._batches)
            came = passed

    def trace_next(self) -> None:
        """Run the next batch through the tracing variant."""
        self._trace_wanted = True

    def traced(self) -> Mapping[tuple[str, str], Message]:
        """The newest message that left each node."""
        return self._traced

    def _compile(self, *, traced: bool) -> tuple[Callable[..., Any], list[NodePlace], int, str]:
        writer = SegmentWriter(self._ports, traced=traced)
        for link in self._chain:
            link.write(writer)
        writer.finish(self._trunk)
        source = writer.source("segment")
        file = f"<flowhost segment {next(_serial)}: {self.nodes[0]}>"
        # kept for tracebacks and debuggers only
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        namespace = dict(writer.bindings)
        exec(compile(source, file, "exec"), namespace)  # noqa: S102 - source comes from SegmentWriter alone
        return namespace["segment"], writer.places, writer.offset, file


def explain(error: Exception, place: NodePlace, payload: object, meta: Meta) -> Exception:
    """The clearest account of the failure: an expression that fails on this message explains itself."""
    if isinstance(error, MessageError):
        return error
    for expression in place.expressions:
        again = expression.render if isinstance(expression, Template) else expression.evaluate
        try:
            again(Message(payload, meta))
        except EvaluationError as explained:
            return explained
    for name in place.fields:
        if not isinstance(payload, dict):
            return MessageError(f"the payload is {describe(payload)}, not an object with a field {name!r}")
        if name not in payload:
            return MessageError(f"payload.{name} is missing; there are {names_of(payload) or 'no fields'}")
    return error


def generated_frame(error: Exception, file: str) -> tuple[FrameType, int]:
    """The generated function's frame within the error's traceback, and the line it failed at."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            return trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
    raise error


def place_at(places: Sequence[NodePlace], line: int) -> int:
    """Index of the node that owns this body line."""
    index = 0
    for candidate, place in enumerate(places):
        if place.first_line <= line:
            index = candidate
    return index
