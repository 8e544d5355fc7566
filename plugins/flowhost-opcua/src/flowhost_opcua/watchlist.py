"""The items of one node: which are watched, which the server refused, and why."""

from __future__ import annotations

import time

from flowhost.sdk import NodeContext
from flowhost_opcua import driver as ua
from flowhost_opcua.config import SubscribeConfig
from flowhost_opcua.connection import OpcUaConnection
from flowhost_opcua.link import Link
from flowhost_opcua.monitoring import Answer, Wanted, watch
from flowhost_opcua.nodeids import UnknownNamespaceError, parse_node
from flowhost_opcua.values import Tag

NAMED = 20
"""So many nodes are named in one notice."""


class Watchlist:
    """Creates the monitored items of a node and tries refused ones again.

    Attributes:
        tags: what messages of an item have in common, by the handle that comes with every value.
    """

    def __init__(self, config: SubscribeConfig, context: NodeContext, connection: OpcUaConnection) -> None:
        self._config = config
        self._context = context
        self._connection = connection
        self._refs = {handle: parse_node(item.node) for handle, item in enumerate(config.items, start=1)}
        self.tags = {
            handle: Tag(f"{context.flow}.{context.node}:{item.node}", item.topic_name, item.unit)
            for handle, item in enumerate(config.items, start=1)
        }
        self._refused: dict[int, str] = {}
        self._remarked: dict[int, str] = {}
        self._subscription_id = 0
        self._retry_at = 0.0

    async def start(self, link: Link, subscription_id: int) -> None:
        """Watch all items in a new subscription. One refused item never blocks the rest. Raises as `Link.request`."""
        self._subscription_id = subscription_id
        await self._watch(link, list(self._refs))

    async def retry(self, link: Link) -> None:
        """Try the refused items again when it is time. Raises as `Link.request`."""
        if self._refused and time.monotonic() >= self._retry_at:
            await self._watch(link, list(self._refused))

    def health(self) -> str:
        """How many items the server refuses."""
        return f"{len(self._refused):,} of {len(self._refs):,} items refused by the server" if self._refused else ""

    async def _watch(self, link: Link, handles: list[int]) -> None:
        self._retry_at = time.monotonic() + self._config.retry_refused_s
        wanted: list[Wanted] = []
        answers: list[Answer] = []
        for handle in handles:
            try:
                wanted.append(self._wanted(handle))
            except UnknownNamespaceError as error:
                answers.append(Answer(handle, refused=str(error)))
        if wanted:
            answers += await watch(link, self._subscription_id, wanted)
        self._judge(answers)

    def _wanted(self, handle: int) -> Wanted:
        ref, item = self._refs[handle], self._config.items[handle - 1]
        node_id = ua.node_id(ref.identifier, self._connection.namespaces.index_of(ref), ref.kind)
        return Wanted(handle, node_id, self._config.sampling_ms, self._config.queue_size, item.deadband)

    def _judge(self, answers: list[Answer]) -> None:
        """Say every new refusal once, every item that came back once, every remark once."""
        refused = {answer.handle: answer.refused for answer in answers if answer.refused}
        back = [answer.handle for answer in answers if not answer.refused and answer.handle in self._refused]
        new = {handle: reason for handle, reason in refused.items() if self._refused.get(handle) != reason}
        remarks = {a.handle: a.remark for a in answers if a.remark and self._remarked.get(a.handle) != a.remark}
        for handle in back:
            del self._refused[handle]
        self._refused |= refused
        self._remarked |= remarks
        board, again = self._context.board, f"tried again every {self._config.retry_refused_s:g} s"
        for reason, handles in _by_text(new).items():
            board.notice("warning", f"not delivered: {self._names(handles)}: {reason}; {again}")
        if back:
            board.notice("info", f"delivered now: {self._names(back)}")
        for remark, handles in _by_text(remarks).items():
            board.notice("info", f"{remark}: {self._names(handles, 2)}")

    def _names(self, handles: list[int], named: int = NAMED) -> str:
        names = ", ".join(self._refs[handle].text for handle in handles[:named])
        return f"{names} and {len(handles) - named} more" if len(handles) > named else names


def _by_text(texts: dict[int, str]) -> dict[str, list[int]]:
    """Handles of each text: a mistyped namespace gives one notice, not a thousand."""
    groups: dict[str, list[int]] = {}
    for handle, text in texts.items():
        groups.setdefault(text, []).append(handle)
    return groups
