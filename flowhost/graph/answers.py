"""What the nodes of a flow say of themselves that decides what a path can promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flowhost.graph.delivery import DeliveryPolicy, has_queue
from flowhost.graph.document import NodeEntry
from flowhost.graph.place import Place
from flowhost.graph.report import Report
from flowhost.sdk import Node, Sink, Source


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One node, as it is configured; what it is not asked is False.

    Attributes:
        entry: the node in the flow.
        node_type: its class.
        policy: how its queue delivers.
        known: its config could be read; it may need a secret, or a variable of the environment.
        replayable: a source whose origin delivers again what was not confirmed.
        stable_ids: a source whose messages keep their ids when they come again.
        idempotent: a sink at whose target a repeated message counts once.
        confirmed: a sink that calls done what its target has confirmed.
        drops_repeats: a transform behind which a message does not come again.
        by_id: such a sink or transform knows a repeated message by its id.
    """

    entry: NodeEntry
    node_type: type[Node[Any]]
    policy: DeliveryPolicy
    known: bool = True
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
        """Messages are delivered to something beyond the flow; `log` and `discard` write at once, on this machine."""
        return self.is_sink and has_queue(self.node_type)

    @property
    def outbox(self) -> bool:
        """Messages wait for it on disk."""
        return has_queue(self.node_type) and self.policy.on_disk(self.node_type)

    @property
    def waits_in_memory(self) -> bool:
        """Messages wait for it, and not on disk."""
        return has_queue(self.node_type) and not self.outbox

    @property
    def drops_oldest(self) -> bool:
        """Its queue gives up messages when it is full, and there is a limit to be full at."""
        policy = self.policy
        limited = self.waits_in_memory or policy.max_messages is not None or policy.max_bytes is not None
        return has_queue(self.node_type) and policy.when_full == "drop_oldest" and limited

    @property
    def overtakes(self) -> Literal["", "live_first", "none"]:
        """What of its policy lets a message pass an earlier one of its key; empty where nothing does."""
        policy = self.policy
        if not has_queue(self.node_type) or policy.order_kept(self.node_type) != "none":
            return ""
        return "live_first" if policy.backlog == "live_first" else "none"

    @property
    def makes_ids(self) -> bool:
        """What leaves has ids of its own, made of key and time."""
        return self.node_type.spec.holds_messages


def ask(
    report: Report, entry: NodeEntry, node_type: type[Node[Any]], config: Any | None, policy: DeliveryPolicy
) -> Answers:
    """Ask a node's class about delivery; a plugin that fails is reported and counts as a no.

    Args:
        report: takes the problems.
        entry: the node.
        node_type: its class.
        config: validated; None where that was not possible.
        policy: how its queue delivers.
    """
    if config is None:
        return Answers(entry=entry, node_type=node_type, policy=policy, known=False)
    asked = _Questions(report, ("nodes", entry.id), config)
    found: dict[str, bool] = {}
    if issubclass(node_type, Source):
        found = {"replayable": asked.of(node_type.is_replayable), "stable_ids": asked.of(node_type.has_stable_ids)}
    elif issubclass(node_type, Sink):
        found = {"idempotent": asked.of(node_type.is_idempotent), "confirmed": asked.of(node_type.is_confirmed)}
    else:
        found = {"drops_repeats": asked.of(node_type.drops_repeats)}
    if found.get("idempotent") or found.get("drops_repeats"):
        found["by_id"] = asked.of(node_type.goes_by_id)
    return Answers(entry=entry, node_type=node_type, policy=policy, **found)


class _Questions:
    def __init__(self, report: Report, place: Place, config: Any) -> None:
        self._report = report
        self._place = place
        self._config = config

    def of(self, question: Callable[[Any], Any]) -> bool:
        try:
            return bool(question(self._config))
        except Exception as error:  # noqa: BLE001 - plugin code: its fault becomes a problem, lint of the rest goes on
            what = f"{question.__name__}() failed in the plugin: {type(error).__name__}: {error}"
            self._report.error(self._place, "plugin-fault", what, at_key=True)
            return False
