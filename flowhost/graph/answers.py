"""What the nodes of a flow say of themselves that decides what a path can promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowhost.graph.document import NodeEntry
from flowhost.graph.place import Place
from flowhost.graph.report import Report
from flowhost.sdk import AsyncTransform, Node, Sink, Source


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One node, as it is configured; what it is not asked is False.

    Attributes:
        entry: the node in the flow.
        node_type: its class.
        replayable: a source whose origin delivers again what was not confirmed.
        stable_ids: a source whose messages keep their ids when they come again.
        idempotent: a sink at whose target a repeated message counts once.
        confirmed: a sink that calls done what its target has confirmed.
        drops_repeats: a transform behind which a message does not come again.
        by_id: such a sink or transform knows a repeated message by its id.
    """

    entry: NodeEntry
    node_type: type[Node[Any]]
    replayable: bool = False
    stable_ids: bool = False
    idempotent: bool = False
    confirmed: bool = False
    drops_repeats: bool = False
    by_id: bool = False

    @property
    def is_source(self) -> bool:
        """Messages begin here."""
        return issubclass(self.node_type, Source)

    @property
    def is_sink(self) -> bool:
        """Messages are delivered here, be it to this machine."""
        return issubclass(self.node_type, Sink)

    @property
    def is_target(self) -> bool:
        """Messages leave the machine here; `log` and `discard` keep them on it."""
        spec = self.node_type.spec
        return self.is_sink and (spec.leaves_machine or spec.connection is not None)

    @property
    def outbox(self) -> bool:
        """Its queue is on disk."""
        return self.is_target and bool(self.entry.delivery.get("outbox", self.node_type.spec.leaves_machine))

    @property
    def waits_in_memory(self) -> bool:
        """Messages wait for it, and their queue is not on disk."""
        return issubclass(self.node_type, AsyncTransform) or (self.is_target and not self.outbox)

    @property
    def makes_ids(self) -> bool:
        """What leaves has ids of its own, made of key and time."""
        return self.node_type.spec.holds_messages


def ask(report: Report, entry: NodeEntry, node_type: type[Node[Any]], config: Any) -> Answers | None:
    """Ask a node's class about delivery.

    Returns:
        None where the plugin failed, which has been reported.
    """
    asked = _Questions(report, ("nodes", entry.id), config)
    if issubclass(node_type, Source):
        answers = Answers(
            entry=entry,
            node_type=node_type,
            replayable=asked.of(node_type.is_replayable),
            stable_ids=asked.of(node_type.has_stable_ids),
        )
    elif issubclass(node_type, Sink):
        answers = Answers(
            entry=entry,
            node_type=node_type,
            idempotent=asked.of(node_type.is_idempotent),
            confirmed=asked.of(node_type.is_confirmed),
            by_id=asked.of(node_type.goes_by_id),
        )
    else:
        drops = asked.of(node_type.drops_repeats)
        by_id = drops and asked.of(node_type.goes_by_id)
        answers = Answers(entry=entry, node_type=node_type, drops_repeats=drops, by_id=by_id)
    return None if asked.failed else answers


class _Questions:
    def __init__(self, report: Report, place: Place, config: Any) -> None:
        self._report = report
        self._place = place
        self._config = config
        self.failed = False

    def of(self, question: Callable[[Any], Any]) -> bool:
        try:
            return bool(question(self._config))
        except Exception as error:  # noqa: BLE001 - plugin code: its fault becomes a problem, lint of the rest goes on
            self.failed = True
            what = f"{question.__name__}() failed in the plugin: {type(error).__name__}: {error}"
            self._report.error(self._place, "plugin-fault", what, at_key=True)
            return False
