"""How messages stand on their way through a flow: what could lose them, and what could bring them twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flowhost.graph.answers import Answers
from flowhost.graph.wiring import ERROR_PORT


@dataclass(frozen=True)
class Reason:
    """Why a guarantee is no better.

    Attributes:
        node: whose doing it is.
        type: of the node.
        text: what can happen.
        remedy: what would change it; empty where nothing in the flow would.
    """

    node: str
    type: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Way:
    """What holds for the messages of one source at one place of the flow.

    Attributes:
        source: where they began.
        route: one way they can have come, as written in wires: `a`, or `a.port`.
        failed: they have left some node by its error port.
        missed: why the source does not see all that happens.
        losses: why a kill can lose them.
        doubles: why one can count twice, whatever follows.
        new_ids: why one that comes again may have another id.
        unordered: why one can overtake an earlier one of its key.
        repeats: one can come again here.
        backed: what is lost further on is brought again, by the origin or from disk.
    """

    source: str
    route: tuple[str, ...]
    failed: bool = False
    missed: tuple[Reason, ...] = ()
    losses: tuple[Reason, ...] = ()
    doubles: tuple[Reason, ...] = ()
    new_ids: tuple[Reason, ...] = ()
    unordered: tuple[Reason, ...] = ()
    repeats: bool = False
    backed: bool = False

    @property
    def kind(self) -> tuple[object, ...]:
        """Ways of one kind promise the same."""
        return (
            self.source, self.failed, self.repeats, self.backed,
            bool(self.losses), bool(self.doubles), bool(self.new_ids),
        )  # fmt: skip

    def merged(self, other: Way) -> Way:
        """One way for two of a kind: the shorter route, all reasons."""
        route = min(self.route, other.route, key=len)
        return replace(
            self,
            route=route,
            losses=_joined(self.losses, other.losses),
            doubles=_joined(self.doubles, other.doubles),
            new_ids=_joined(self.new_ids, other.new_ids),
            unordered=_joined(self.unordered, other.unordered),
        )


def begin(source: Answers) -> Way:
    """Messages come into the flow."""
    missed: tuple[Reason, ...] = ()
    new_ids: tuple[Reason, ...] = ()
    if not source.known:
        missed = (_unknown(source),)
    elif not source.replayable:
        text = "cannot bring a message again: what comes while FlowHost or its link is down is missed"
        missed = (reason(source, text, "is_replayable"),)
    if source.known and not source.stable_ids:
        text = "a message that comes again may have another id" if source.replayable else "messages may have no id"
        new_ids = (reason(source, text, "has_stable_ids"),)
    return Way(
        source=source.entry.id, route=(source.entry.id,), missed=missed, new_ids=new_ids,
        repeats=source.replayable, backed=source.replayable,
    )  # fmt: skip


def enter(way: Way, node: Answers) -> Way:
    """Messages come to a node that is not disabled."""
    way = replace(way, route=(*way.route, node.entry.id))
    losses = list(_losses_at(way, node))
    way = replace(way, losses=_joined(way.losses, losses), unordered=_joined(way.unordered, tuple(_disorder_at(node))))
    if node.outbox:
        way = replace(way, repeats=True, backed=True)
    if node.makes_ids:
        way = _held(way, node)
    if node.drops_repeats and not (node.by_id and way.new_ids):
        way = replace(way, new_ids=(), repeats=False)
    return way


def leave(way: Way, port: str) -> Way:
    """Messages go on by a port."""
    if port == "out":
        return way
    route = (*way.route[:-1], f"{way.route[-1]}.{port}")
    return replace(way, route=route, failed=way.failed or port == ERROR_PORT)


def reason(node: Answers, text: str, question: str = "", remedy: str = "") -> Reason:
    """A reason with the remedy the node type knows."""
    known = remedy or node.node_type.remedies.get(question, "")
    return Reason(node.entry.id, node.entry.type, text, known)


def join(ways: Iterator[Way]) -> list[Way]:
    """One way for each kind."""
    kinds: dict[tuple[object, ...], Way] = {}
    for way in ways:
        known = kinds.get(way.kind)
        kinds[way.kind] = way if known is None else known.merged(way)
    return list(kinds.values())


def _unknown(node: Answers) -> Reason:
    return reason(node, "what it promises cannot be known here: its settings need a secret or variable of the run")


def _losses_at(way: Way, node: Answers) -> Iterator[Reason]:
    """What a node, or the queue before it, may lose."""
    if not node.known:
        yield _unknown(node)
    if node.waits_in_memory and not way.backed:
        text = "messages wait for it in memory, and nobody can bring them again: a kill loses them"
        switched_off = node.policy.outbox is False
        remedy = "take out `outbox: false`" if switched_off else "add `delivery: {outbox: true}`"
        yield reason(node, text, remedy=remedy)
    if node.drops_oldest:
        text = "when its queue is full, the oldest messages are given up, counted as dropped"
        yield reason(node, text, remedy="use `when_full: block`")


def _disorder_at(node: Answers) -> Iterator[Reason]:
    """How messages overtake each other in the queue before a node."""
    if node.overtakes == "live_first":
        text = "after an outage new messages go before those that waited: order is given up"
        yield reason(node, text, remedy="take out `backlog: live_first`")
    elif node.overtakes == "none":
        text = "a message that has to be tried again is overtaken by later ones of its key: order is given up"
        yield reason(node, text, remedy="take out `order: none`")


def _held(way: Way, node: Answers) -> Way:
    """Messages go into others, which have ids of their own."""
    doubles = way.doubles
    if way.repeats:
        text = "takes a message that comes again for another one"
        doubles = _joined(doubles, (reason(node, text, remedy="put a `dedupe` before it"),))
    return replace(way, doubles=doubles, new_ids=(), repeats=True)


def _joined(first: Iterable[Reason], second: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys((*first, *second)))
