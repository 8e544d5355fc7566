"""Counters of nodes, kept per batch; what can be derived is derived when somebody asks."""

from __future__ import annotations

import time
from typing import Literal

from flowhost.engine.snapshot import NodeSnapshot, NodeState


class NodeCounters:
    """Counters of one node since the run began; see `NodeSnapshot` for their meaning.

    `rerouted` are failed messages that left by the error port; in the snapshot they are part of `out`. `resting` ones
    wait on disk before a node that is switched off; in the snapshot they are part of `in` and `pending`. `refused` ones
    could not be put into its queue, `refused_dead` of them became dead letters; all of that is in the other counters.
    `before` of them were here when the run began. `repeated` ones are part of `out`.
    `attempts` are tries that did not reach the target or the origin at all.
    """

    __slots__ = (
        "attempts", "batches", "before", "busy_s", "dead", "down_since_ns", "dropped",
        "errors", "filtered", "in_", "last_error", "made", "node_id",
        "out", "reason", "refused", "refused_dead", "repeated", "rerouted", "resting", "state", "text", "used",
    )  # fmt: skip

    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        self.in_ = self.out = self.made = self.used = 0
        self.filtered = self.dead = self.dropped = self.errors = self.batches = self.rerouted = self.resting = 0
        self.refused = self.refused_dead = self.before = self.repeated = self.attempts = self.down_since_ns = 0
        self.busy_s = 0.0
        self.state: NodeState = "starting"
        self.text = self.reason = ""
        self.last_error = ""

    def ail(self, state: Literal["retrying", "failed"], reason: str, text: str = "") -> None:
        """The node does not get on.

        Args:
            state: whether it is tried again.
            reason: why, without what changes by itself.
            text: the state in words; empty where the reason says it all.
        """
        self.state, self.reason, self.text = state, reason, text or reason

    def lost(self, number: int, reason: str) -> None:
        """Messages that waited before the node are gone: their rows are damaged or missing."""
        self.dropped += number
        self.errors += 1
        self.last_error = reason

    @property
    def pending(self) -> int:
        """Messages inside: what came and has not left in any way."""
        gone = self.out + self.rerouted + self.used + self.filtered + self.dead + self.dropped
        return self.in_ + self.resting + self.made - gone

    def clear_passed(self) -> None:
        """Forget what is about to be derived anew."""
        self.in_ = self.out = self.made = self.filtered = self.batches = 0

    def add_passed(self, came: int, left: int, made: int, filtered: int, batches: int) -> None:
        """Add what has passed the node on one of its ways."""
        self.in_ += came
        self.out += left
        self.made += made
        self.filtered += filtered
        self.batches += batches

    def snapshot(self) -> NodeSnapshot:
        """The figures at this moment."""
        return NodeSnapshot(
            in_=self.in_ + self.resting,
            out=self.out + self.rerouted,
            made=self.made,
            used=self.used,
            filtered=self.filtered,
            dead=self.dead,
            dropped=self.dropped,
            pending=self.pending,
            before=self.before,
            repeated=self.repeated,
            attempts=self.attempts,
            down_s=max(0, time.time_ns() - self.down_since_ns) / 1e9 if self.down_since_ns else 0.0,
            errors=self.errors,
            state=self.state,
            text=self.text,
            reason=self.reason if self.state in ("retrying", "failed") else "",
            last_error=self.last_error,
            busy_s=self.busy_s,
            batches=self.batches,
        )
