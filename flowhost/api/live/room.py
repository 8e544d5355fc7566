"""All tabs that look at one flow: every frame is written once, however many there are."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from flowhost.api.live.frames import Picture, changed, encode, news_frame, picture_of, value_of
from flowhost.api.live.member import Member
from flowhost.errors import FlowHostError
from flowhost.services.access import Principal
from flowhost.services.draft_views import DraftNews
from flowhost.services.views import FlowDetail

if TYPE_CHECKING:
    from flowhost.services.host import Host

log = logging.getLogger(__name__)

PERIOD_S = 0.2
"""Between two looks at the figures: as often as workers tell theirs."""


class Room:
    """The tabs of one flow.

    Args:
        host: gives the services.
        flow_id: the flow.
    """

    def __init__(self, host: Host, flow_id: str) -> None:
        self._host = host
        self._flow_id = flow_id
        self._members: set[Member] = set()
        self._shown: Picture = {}
        self._told: dict[tuple[str, str], str] = {}
        self._task: asyncio.Task[None] | None = None
        self._deaf: Callable[[], None] | None = None
        self._door = asyncio.Lock()

    @property
    def empty(self) -> bool:
        """Nobody looks."""
        return not self._members

    async def enter(self, member: Member) -> None:
        """One more tab. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._door:
            if self._deaf is None:
                self._deaf = await self._host.drafts.listen(member.principal, self._flow_id, self._news)
            self._members.add(member)
        if self._task is None or self._task.done():
            name = f"figures of {self._flow_id} for the editor"
            self._task = asyncio.create_task(self._look(member.principal), name=name)
        self.tell_presence()

    async def leave(self, member: Member) -> None:
        """A tab is gone."""
        async with self._door:
            self._members.discard(member)
            if not self._members:
                await self._close()
        self.tell_presence()

    def tell_presence(self) -> None:
        """Who is here, to all."""
        people = [{"id": m.id, "name": m.principal.name, **m.presence} for m in self._members]
        self._send(encode("presence", people=sorted(people, key=lambda person: person["id"])))

    async def _close(self) -> None:
        if self._deaf is not None:
            self._deaf()
            self._deaf = None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _news(self, news: DraftNews) -> None:
        self._send(news_frame(news))

    def _send(self, frame: str) -> None:
        for member in self._members:
            member.send(frame)

    async def _look(self, principal: Principal) -> None:
        async with AsyncExitStack() as watching:
            watched = False
            while True:
                due = time.monotonic() + PERIOD_S
                wanted = any(member.watching for member in self._members)
                if wanted and not watched:
                    await watching.enter_async_context(self._host.flows.watch(principal, self._flow_id))
                elif watched and not wanted:
                    await watching.aclose()
                watched = wanted
                try:
                    detail = await self._host.flows.detail(principal, self._flow_id)
                except FlowHostError as error:
                    self._send(encode("gone", reason=str(error)))
                    return
                self._show(detail)
                self._show_values(detail)
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _show(self, detail: FlowDetail) -> None:
        picture = picture_of(detail)
        news = changed(self._shown, picture)
        gone = [key for key in self._shown if key not in picture]
        self._shown = picture
        part = encode("status", of=news, gone=gone) if news or gone else ""
        whole = ""
        for member in self._members:
            if member.behind:
                whole = whole or encode("status", of=picture, all=True)
                member.show(whole, whole=True)
            elif part:
                member.show(part, whole=False)

    def _show_values(self, detail: FlowDetail) -> None:
        """Values that left a watched node since the last look."""
        fresh: dict[str, list[dict[str, object]]] = {}
        for node in detail.nodes:
            for value in node.values:
                written = f"{value.time.isoformat()} {value.text}"
                if self._told.get((node.id, value.port)) != written:
                    self._told[node.id, value.port] = written
                    fresh.setdefault(node.id, []).append(value_of(value))
        for member in self._members:
            mine = [value for node in sorted(member.watching) for value in fresh.get(node, ())]
            if mine:
                member.send(encode("values", values=mine))
