"""What is looked at before another revision takes over, and before a flow is deleted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowhost.engine.outbox.census import Census, erase, set_aside, take_census
from flowhost.engine.snapshot import FlowSnapshot
from flowhost.errors import ConfigError, ConfirmationError
from flowhost.graph.diff import Change, diff, restarts
from flowhost.graph.document import FlowDocument
from flowhost.graph.library import NodeLibrary
from flowhost.graph.lint import lint
from flowhost.sdk import AsyncTransform, Sink, StatefulTransform
from flowhost.store import FlowRecord

QUEUED = (Sink, AsyncTransform, StatefulTransform)
"""Kinds of nodes that may have a queue on disk before them."""
FLOWS_S = 5.0
"""A queue whose oldest message is younger is being delivered."""


@dataclass(frozen=True, kw_only=True)
class RollBackPlan:
    """What making a kept revision the deployed one again would do.

    Attributes:
        revision: that revision.
        deployed: the one it replaces.
        changes: differences from that one.
        restarts: a running flow starts anew.
        running: it runs now.
        orphans: messages by the node they wait before or are held by, which would become dead letters; such a roll-back
            has to be confirmed.
        drain_s: how long stopping the flow waits at most for what is on its way, seconds.
    """

    revision: int
    deployed: int
    changes: tuple[Change, ...]
    restarts: bool
    running: bool
    orphans: Mapping[str, int] = field(default_factory=dict)
    drain_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class DeletePlan:
    """What a flow still has; its deletion has to be confirmed unless it has nothing.

    Attributes:
        stands_still: it does not run and is not to run; others are not deleted.
        waiting: messages by the node they wait before.
        held: messages by the node that holds them.
        dead_letters: open ones.
        retried: dead letters that are on their way again.
        drain_s: while it runs: how long stopping it waits for what is on its way, seconds.
    """

    stands_still: bool
    waiting: Mapping[str, int]
    held: Mapping[str, int]
    dead_letters: int
    retried: int
    drain_s: float = 0.0

    @property
    def empty(self) -> bool:
        """Nothing goes with the flow."""
        return not (self.waiting or self.held or self.dead_letters or self.retried)


async def plan_delete(outbox: Path, flow_id: str, *, stands_still: bool) -> DeletePlan:
    """Count what a flow has. Raises `HostError`: its file cannot be read."""
    census = await asyncio.to_thread(take_census, outbox, flow_id)
    return DeletePlan(
        stands_still=stands_still, waiting=census.waiting, held=census.held, dead_letters=census.dead_letters,
        retried=census.retried,
    )  # fmt: skip


async def refuse_faulty(document: FlowDocument, library: NodeLibrary, shared: Mapping[str, str]) -> None:
    """A revision that cannot run must not take the place of one that does. Raises `ConfigError`.

    Args:
        document: the revision.
        library: the installed types.
        shared: the host's connections, type id by name.
    """
    found = await asyncio.to_thread(lint, document, library, os.environ, shared)
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more; `flowhost lint` lists them)" if len(errors) > 1 else ""
        raise ConfigError(f"not taken, the running revision goes on: {errors[0].message}{more}", errors[0].place)


async def find_orphans(
    document: FlowDocument, library: NodeLibrary, outbox: Path, running: FlowSnapshot | None
) -> dict[str, int]:
    """Messages that wait before nodes a revision has no queue for, or are held by nodes it has no longer, by node.

    Args:
        document: the revision.
        library: the installed types.
        outbox: file of the flow.
        running: figures of the run that is on; a queue of it that flows is left out, it is empty when the run stops.
    """
    census = await asyncio.to_thread(take_census, outbox, document.id)
    types = {node: entry.type for node, entry in document.nodes.items()}
    lost = {node: number for node, number in census.held.items() if types.get(node) != census.types.get(node)}
    flowing = {edge.node for edge in running.edges if edge.oldest_s < FLOWS_S} if running is not None else set()
    for node, number in census.waiting.items():
        if node not in flowing and not _served(document, library, node):
            lost[node] = lost.get(node, 0) + number
    return lost


def refuse_orphans(orphans: Mapping[str, int]) -> None:
    """Messages would become dead letters: somebody has to want that. Raises `ConfirmationError`."""
    if orphans:
        places = ", ".join(f"{number:,} at {node}" for node, number in orphans.items())
        raise ConfirmationError(
            f"not taken, nothing was changed: messages wait for or are held by nodes this revision has no place for "
            f"({places}); let them be delivered first, or confirm: they become dead letters that can be replayed"
        )


async def remove_outbox(outbox: Path, flow_id: str, *, confirm: bool) -> Path | None:
    """See to the outbox of a flow that is deleted.

    Returns:
        Where the file was moved to because it still held messages; None if it held nothing and is gone.

    Raises:
        ConfirmationError: it holds messages; nothing was changed.
        HostError: the file cannot be read or moved.
    """
    census = await asyncio.to_thread(take_census, outbox, flow_id)
    if census.empty:
        await asyncio.to_thread(erase, outbox)
        return None
    if not confirm:
        raise ConfirmationError(
            f"flow {flow_id} is not deleted: it has {_in_words(census)}; let them be delivered, replay or discard "
            "them, or confirm: its file is then kept aside"
        )
    return await set_aside(outbox)


def has_to_restart(before: FlowRecord, now: FlowRecord) -> bool:
    """Whether the run of one revision cannot go on as the run of another."""
    return before.base_dir != now.base_dir or restarts(diff(before.document, now.document))


def _served(document: FlowDocument, library: NodeLibrary, node: str) -> bool:
    entry = document.nodes.get(node)
    kind: Any = library.nodes.get(entry.type) if entry is not None else None
    return kind is not None and issubclass(kind, QUEUED)


def _in_words(census: Census) -> str:
    parts = []
    if census.waiting:
        parts.append(f"{sum(census.waiting.values()):,} messages waiting before {', '.join(census.waiting)}")
    if census.held:
        parts.append(f"{sum(census.held.values()):,} messages held by {', '.join(census.held)}")
    if census.dead_letters:
        parts.append(f"{census.dead_letters:,} open dead letters")
    if census.retried:
        parts.append(f"{census.retried:,} retried dead letters")
    return " and ".join(parts)
