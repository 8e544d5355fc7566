"""`/api/v1/flows/{id}/live`: the WebSocket of the editor."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from flowhost.api.live.frames import draft_frame, encode, news_frame
from flowhost.api.live.member import Member, TooSlowError
from flowhost.api.live.room import Room
from flowhost.errors import ForbiddenError, NotFoundError
from flowhost.graph.ops import OpError
from flowhost.services.access import LOCAL_USER

if TYPE_CHECKING:
    from flowhost.services.host import Host

log = logging.getLogger(__name__)

MAX_FRAME = 2 * 1024 * 1024
MAX_WATCHED = 50
MAX_ASKS = 16
NOT_FOUND, FORBIDDEN, BAD_FRAME, TOO_SLOW = 4404, 4403, 4400, 4429
"""Codes a socket is closed with (4000 to 4999 are for applications, RFC 6455 section 7.4.2)."""


def live_router(host: Host) -> APIRouter:
    """The socket. Its origin has been checked by the guard before it gets here."""
    router = APIRouter()
    rooms: dict[str, Room] = {}

    @router.websocket("/api/v1/flows/{flow_id}/live")
    async def live(socket: WebSocket, flow_id: str) -> None:
        await socket.accept()
        room = rooms.setdefault(flow_id, Room(host, flow_id))
        try:
            await Tab(host, flow_id, socket, room).serve()
        except WebSocketDisconnect:
            log.debug("a tab on %s is gone", flow_id)
        finally:
            if room.empty and rooms.get(flow_id) is room:
                del rooms[flow_id]

    return router


class Tab:
    """The conversation with one browser tab."""

    def __init__(self, host: Host, flow_id: str, socket: WebSocket, room: Room) -> None:
        self._host = host
        self._flow_id = flow_id
        self._socket = socket
        self._room = room
        self._member = Member("", LOCAL_USER)
        self._asks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until the tab goes, or is sent away."""
        hello = await self._receive()
        if hello is None or hello.get("t") != "hello":
            await self._socket.close(BAD_FRAME, "the first frame is a hello")
            return
        self._member = Member(_text(hello.get("tab"), 64) or "tab", LOCAL_USER)
        try:
            await self._room.enter(self._member)
        except NotFoundError as error:
            await self._socket.close(NOT_FOUND, str(error)[:120])
            return
        except ForbiddenError as error:
            await self._socket.close(FORBIDDEN, str(error)[:120])
            return
        sending = asyncio.create_task(self._send(), name=f"editor socket of {self._flow_id}")
        try:
            await self._catch_up(hello.get("rev"))
            await self._listen()
        finally:
            tasks = [sending, *self._asks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._room.leave(self._member)

    async def _catch_up(self, rev: Any) -> None:
        """What the tab has missed: the edits since then, or the whole draft."""
        member = self._member
        missed = None
        if isinstance(rev, int) and rev >= 0:
            missed = await self._host.drafts.since(member.principal, self._flow_id, rev)
        if missed is None:
            view = await self._host.drafts.look(member.principal, self._flow_id)
            member.send(draft_frame(view))
            return
        for news in missed:
            member.send(news_frame(news))
        member.send(encode("caught_up", rev=missed[-1].rev if missed else rev))

    async def _listen(self) -> None:
        while True:
            frame = await self._receive()
            if frame is None:
                await self._socket.close(BAD_FRAME, "not a frame of this protocol")
                return
            match frame.get("t"):
                case "ops":
                    await self._edit(frame)
                case "presence":
                    self._member.presence = _presence(frame)
                    self._room.tell_presence()
                case "watch":
                    self._member.watching = frozenset(_names(frame.get("nodes")))
                case "ask":
                    self._ask(frame)
                case "resync":
                    await self._catch_up(None)
                case other:
                    log.debug("a tab on %s sent a frame of unknown kind %r", self._flow_id, other)

    def _ask(self, frame: dict[str, Any]) -> None:
        """Questions take their time: each has a task of its own, and edits do not wait for it."""
        if len(self._asks) >= MAX_ASKS:
            error = "too many questions at once: wait for an answer, then try again"
            self._member.send(encode("answer", n=frame.get("n"), ok=False, error=error, place=""))
            return
        task = asyncio.create_task(self._answer(frame), name=f"question about {self._flow_id}")
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)

    async def _answer(self, frame: dict[str, Any]) -> None:
        args = frame.get("args")
        args = {**args, "flow": self._flow_id} if isinstance(args, dict) else args
        try:
            answer = await self._host.asks.answer(self._member.principal, frame.get("what"), args)
        except Exception:
            log.exception("a question about %s failed: %s", self._flow_id, frame.get("what"))
            answer = {"ok": False, "error": "something went wrong inside FlowHost; its log says what", "place": ""}
        self._member.send(encode("answer", n=frame.get("n"), **answer))

    async def _edit(self, frame: dict[str, Any]) -> None:
        batch = _text(frame.get("id"), 64)
        member = self._member
        try:
            rev = await self._host.drafts.edit(member.principal, self._flow_id, batch, frame.get("ops"))
        except OpError as error:
            member.send(encode("nack", id=batch, reason=error.message, gone=error.gone))
        except (ForbiddenError, NotFoundError) as error:
            member.send(encode("nack", id=batch, reason=str(error), gone=False))
        else:
            # an edit that was done before, sent again after a lost line, is not told to all: this answers it
            member.send(encode("ack", id=batch, rev=rev))

    async def _send(self) -> None:
        try:
            while True:
                await self._socket.send_text(await self._member.next())
        except TooSlowError:
            await self._socket.close(TOO_SLOW, "this browser takes less than it is sent")
        except (WebSocketDisconnect, RuntimeError) as error:
            log.debug("a tab on %s can no longer be sent to: %s", self._flow_id, error)

    async def _receive(self) -> dict[str, Any] | None:
        """The next frame; None for what is none."""
        # not `receive_text`, which gives up what has come already once something could not be sent to a tab that goes
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        text = message.get("text") or ""
        if len(text) > MAX_FRAME:
            return None
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return frame if isinstance(frame, dict) else None


def _text(value: Any, limit: int) -> str:
    return value[:limit] if isinstance(value, str) else ""


def _names(value: Any) -> list[str]:
    return [_text(name, 64) for name in value[:MAX_WATCHED]] if isinstance(value, list) else []


def _presence(frame: dict[str, Any]) -> dict[str, Any]:
    return {"selected": _names(frame.get("selected")), "node": _text(frame.get("node"), 64)}
