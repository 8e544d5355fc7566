"""How a node's queue delivers: what a node's `delivery` in the flow file says, and what of it contradicts itself."""

from __future__ import annotations

from typing import Any, Literal

from flowhost.graph.place import Place
from flowhost.graph.report import Report
from flowhost.sdk import AsyncTransform, Config, Node, Sink, setting

Order = Literal["strict", "key", "none"]


class RetryPolicy(Config):
    """How often and for how long a message is tried that its target did not take."""

    first_s: float = setting(0.5, title="First wait", unit="s", gt=0, le=3600)
    """Wait before the second try. Each further wait is twice as long, shortened by chance up to a half."""
    max_s: float = setting(60.0, title="Longest wait", unit="s", gt=0, le=86_400)
    """Longest wait between two tries. A target that says how long to wait is waited for as long as it says."""
    max_tries: int | None = setting(None, ge=1, example=20)
    """Tries of one message before it becomes a dead letter of kind `gave-up`; without end where left out."""


class DeliveryPolicy(Config):
    """How messages wait before a node and what happens if it cannot take them."""

    outbox: bool | None = setting(None)
    """Messages wait on disk and survive a kill and a power cut. By default before every sink whose target is beyond
    this machine; `false` keeps them in memory."""
    order: Order = setting("key")
    """What waits behind a message that has to be tried again: `key`: later messages of its key (`meta.key`, else the
    topic), while all others go on; `strict`: everything; `none`: nothing, it is delivered out of turn."""
    retry: RetryPolicy = setting(default_factory=RetryPolicy)
    """Waits between tries, and whether to give up."""
    expire_after_s: float | None = setting(None, unit="s", gt=0, example=86_400)
    """A message older than this since it came to the queue is not sent any more: it becomes a dead letter of kind
    `expired`. Never where left out."""
    max_messages: int | None = setting(None, ge=1, example=1_000_000)
    """Messages the queue may hold. Where left out, 10,000 in memory; on disk the free space is the limit."""
    max_bytes: int | None = setting(None, unit="By", ge=1024, example=1_000_000_000)
    """Size the queue may reach. Where left out, 16 MiB in memory; on disk the free space is the limit."""
    when_full: Literal["block", "drop_oldest"] = setting("block")
    """At the limit: `block` stops the producers up to their sources; `drop_oldest` gives up the oldest messages,
    counted as dropped and said."""
    drain_per_s: float | None = setting(None, title="Drain rate", unit="1/s", gt=0, example=500)
    """Most messages a second while a backlog is worked off, so that a target that is back is not overrun. Choose more
    than usually arrive, or the backlog never ends. No limit where left out."""
    backlog: Literal["in_order", "live_first"] = setting("in_order")
    """After an outage: `in_order` delivers what waited first; `live_first` delivers what arrives now at once and the
    backlog beside it, which gives up order."""

    def on_disk(self, node_type: type[Node[Any]]) -> bool:
        """Whether the queue before a node of this type is durable, where the run has an outbox at all."""
        return issubclass(node_type, Sink) and node_type.spec.leaves_machine if self.outbox is None else self.outbox

    def order_kept(self, node_type: type[Node[Any]]) -> Order:
        """The order that really holds: without an outbox there is nowhere to put a message aside."""
        if not self.on_disk(node_type):
            return "strict"
        return "none" if self.backlog == "live_first" else self.order


def check_delivery(report: Report, place: Place, node_type: type[Node[Any]], policy: DeliveryPolicy) -> None:
    """Report what of a valid policy contradicts itself or has no effect.

    Args:
        report: takes the problems.
        place: of the policy.
        node_type: of the node.
        policy: as written, valid in itself.
    """
    if not has_queue(node_type):
        message = f"{node_type.spec.id} writes at once, no queue stands before it; remove 'delivery'"
        report.warning(place, "delivery-without-queue", message, at_key=True)
        return
    written = policy.model_fields_set
    on_disk = policy.on_disk(node_type)
    if policy.retry.first_s > policy.retry.max_s:
        message = f"must be at most max_s ({policy.retry.max_s:g}), not {policy.retry.first_s:g}"
        report.error((*place, "retry", "first_s"), "wrong-value", message)
    if "order" in written and policy.order != "strict" and not on_disk:
        message = (
            f"without an outbox a message that must be tried again has nowhere to wait: all behind it wait too, "
            f"as with 'strict'; set outbox: true, or remove 'order: {policy.order}'"
        )
        report.warning((*place, "order"), "delivery-contradiction", message)
    if policy.backlog == "live_first":
        _check_live_first(report, place, policy, on_disk=on_disk)
    if policy.when_full == "drop_oldest" and on_disk and policy.max_messages is None and policy.max_bytes is None:
        message = "the queue has no limit to be full at; set max_messages or max_bytes"
        report.warning((*place, "when_full"), "delivery-contradiction", message)


def has_queue(node_type: type[Node[Any]]) -> bool:
    """Whether a queue stands before nodes of this type, to which a policy can apply."""
    if issubclass(node_type, Sink):
        return node_type.spec.leaves_machine or node_type.spec.connection is not None
    return issubclass(node_type, AsyncTransform)


def _check_live_first(report: Report, place: Place, policy: DeliveryPolicy, *, on_disk: bool) -> None:
    place = (*place, "backlog")
    if not on_disk:
        message = "'live_first' needs the backlog on disk; set outbox: true, or remove it"
        report.error(place, "delivery-contradiction", message)
    if "order" in policy.model_fields_set and policy.order != "none":
        message = (
            f"'live_first' delivers new messages before older ones, which breaks 'order: {policy.order}'; "
            "choose one of the two"
        )
        report.error(place, "delivery-contradiction", message)
