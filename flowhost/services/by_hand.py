"""Sending by hand: what a source of a running flow has saved is sent now, for real."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowhost.engine.by_hand import SendByHand
from flowhost.errors import ConflictError, HostError, NotFoundError
from flowhost.fleet import Fleet, RunGoneError
from flowhost.graph.document import NodeEntry
from flowhost.graph.jsonform import same
from flowhost.services.access import Principal, demand, in_words
from flowhost.services.drafts import DraftService
from flowhost.services.keeper import FlowKeeper
from flowhost.services.live import LiveFlow

LABEL = 72
"""Characters of a saved message that are shown to pick it by."""
UNSURE = "whether the messages were sent is not known: look at the flow's figures before sending again"


@dataclass(frozen=True, kw_only=True)
class SavedMessages:
    """What would be sent.

    Attributes:
        messages: each in short, as deployed; empty where a source has none to choose from.
        differs: the draft says something else than what is deployed.
    """

    messages: tuple[str, ...]
    differs: bool


@dataclass(frozen=True, kw_only=True)
class HandSent:
    """What was sent.

    Attributes:
        messages: how many.
        waiting: the flow has taken them, but a queue is full: they go on once there is room.
        differs: the draft says something else than what was sent.
    """

    messages: int
    waiting: bool
    differs: bool


class HandService:
    """Sends by hand. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(self, keeper: FlowKeeper, fleet: Fleet, drafts: DraftService) -> None:
        self._keeper = keeper
        self._fleet = fleet
        self._drafts = drafts

    async def saved(self, principal: Principal, flow_id: str, node: str) -> SavedMessages:
        """What `send` would send. Raises `NotFoundError`: no such flow, or no such node in what is deployed."""
        demand(principal, "flow.read")
        entry = _node(self._flow(flow_id), node)
        return SavedMessages(messages=saved_in(entry), differs=await self._differs(flow_id, entry))

    async def send(self, principal: Principal, flow_id: str, node: str, only: int | None = None) -> HandSent:
        """Have a source of a running flow send now; the run's history says who did.

        Args:
            principal: the caller.
            flow_id: the flow.
            node: the source; the deployed one is sent, whatever the draft says.
            only: number of one of its saved messages, from 0; None for all.

        Raises:
            NotFoundError: no such flow, or the node is in the draft only.
            ConflictError: the flow does not run, the source is not ready, or the queues are full; nothing was sent.
            ConfigError: it has no saved message of that number.
            HostError: the worker went away: nobody knows whether they were sent.
        """
        demand(principal, "flow.send")
        live = self._flow(flow_id)
        entry = _node(live, node)
        if live.run is None:
            raise ConflictError(f"nothing was sent: flow {flow_id} does not run; start it first")
        request = SendByHand(node=node, by=in_words(principal.name), only=only)
        try:
            sent = await self._fleet.send_by_hand(live.run, request)
        except RunGoneError:
            raise ConflictError(f"nothing was sent: flow {flow_id} is just being stopped or started anew") from None
        except HostError as error:
            raise HostError(f"{error}; {UNSURE}") from error
        return HandSent(messages=sent.messages, waiting=sent.waiting, differs=await self._differs(flow_id, entry))

    def _flow(self, flow_id: str) -> LiveFlow:
        live = self._keeper.flows.get(flow_id)
        if live is None:
            raise NotFoundError(f"flow {flow_id}: there is none of this id on this host")
        return live

    async def _differs(self, flow_id: str, deployed: NodeEntry) -> bool:
        draft = await self._drafts.document(flow_id)
        node = draft.get("nodes", {}).get(deployed.id) if draft is not None else None
        if not isinstance(node, Mapping):
            return draft is not None
        return node.get("type") != deployed.type or not same(node.get("config") or {}, deployed.config)


def _node(live: LiveFlow, node: str) -> NodeEntry:
    entry = live.document.nodes.get(node)
    if entry is None:
        raise NotFoundError(f"nothing was sent: node {node} is in the draft only; deploy it first")
    return entry


def saved_in(entry: NodeEntry) -> tuple[str, ...]:
    """The saved messages of a node, each in short; empty where it has none to choose from."""
    listed = entry.config.get("messages")
    return tuple(_label(one) for one in listed) if isinstance(listed, list) else ()


def _label(message: Any) -> str:
    """A saved message on one line."""
    if not isinstance(message, Mapping):
        return str(message)[:LABEL]
    topic, payload = message.get("topic"), json.dumps(message.get("payload"), ensure_ascii=False, default=str)
    text = f"{topic}: {payload}" if topic else payload
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"
