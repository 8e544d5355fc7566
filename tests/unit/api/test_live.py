"""The editor's socket, with a real server, a real host and several tabs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState
from websockets.asyncio.client import ClientConnection, connect

from flowhost.api import Guard, live_router
from flowhost.api.live.room import Room
from flowhost.api.live.route import Tab as ServedTab
from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings

FLOW = """\
flowhost: 1
id: line
nodes:
  gen: {type: sim.generate, config: {tags: 1, rate_hz: 50}}
  end: {type: discard}
wires: [gen -> end]
"""
NAME = [{"op": "set", "path": ["name"], "value": "New name"}]


class Tab:
    """A browser tab on the socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []

    async def send(self, kind: str, **parts: Any) -> None:
        await self.socket.send(json.dumps({"t": kind, **parts}))

    async def next(self, kind: str, fits: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The next frame of a kind, read past others."""
        async with asyncio.timeout(20):
            while True:
                frame = json.loads(await self.socket.recv())
                self.seen.append(frame)
                if frame["t"] == kind and fits(frame):
                    return frame


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    settings = await asyncio.to_thread(load_settings, data_dir=tmp_path / "data", workers=1, shutdown_drain_s=1)
    host = Host(settings)
    await host.start()
    await host.flows.import_file(LOCAL_USER, FLOW)
    yield host
    await host.stop()


@pytest.fixture
async def open_tab(host: Host) -> AsyncIterator[Any]:
    app = FastAPI()
    app.include_router(live_router(host))
    app.add_middleware(Guard, names=[], origins=[])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws_per_message_deflate=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    @asynccontextmanager
    async def tab(
        name: str = "t1", rev: int = -1, flow: str = "line", origin: str = "", **hello: Any
    ) -> AsyncIterator[Tab]:
        origin = origin or f"http://127.0.0.1:{port}"
        async with connect(f"ws://127.0.0.1:{port}/api/v1/flows/{flow}/live", origin=origin) as socket:  # type: ignore[arg-type]
            opened = Tab(socket)
            await opened.send("hello", tab=name, rev=rev, **hello)
            yield opened

    yield tab
    server.should_exit = True
    await serving


async def test_a_new_tab_gets_the_draft_and_the_figures(open_tab: Any, host: Host) -> None:
    await host.flows.start(LOCAL_USER, "line")
    async with open_tab() as tab:
        draft = await tab.next("draft")
        assert (draft["rev"], draft["deployed"], draft["changed"], draft["problems"]) == (0, 1, False, [])
        assert list(draft["document"]["nodes"]) == ["gen", "end"]
        status = await tab.next("status", lambda frame: frame["of"].get("f:", {}).get("state") == "running")
        assert {"f:", "n:gen", "n:end", "w:gen -> end"} == set(status["of"]) or status.get("all") is None
        moving = await tab.next("status", lambda frame: frame["of"].get("w:gen -> end", {}).get("rate", 0) > 0)
        assert "all" not in moving, "only what is new is sent"


async def test_an_edit_reaches_every_tab_and_its_author_once(open_tab: Any) -> None:
    async with open_tab("t1") as one, open_tab("t2") as two:
        await one.next("draft")
        await two.next("draft")
        await one.send("ops", id="b1", ops=NAME)
        for tab in (one, two):
            told = await tab.next("ops")
            assert (told["rev"], told["id"], told["ops"], told["by"]) == (1, "b1", NAME, "local")
        assert (await one.next("ack"))["rev"] == 1
        await one.send("ops", id="b1", ops=NAME)
        assert (await one.next("ack"))["rev"] == 1
        await two.send("ops", id="b2", ops=[{"op": "del_node", "id": "end"}])
        assert (await one.next("ops"))["id"] == "b2", "the repeated batch was told nobody"
        problems = await one.next("problems", lambda frame: frame["rev"] == 2)
        assert [problem["place"] for problem in problems["problems"]] == ["nodes.gen"]


async def test_what_a_tab_sent_as_it_went_is_done_though_nothing_can_be_sent_to_it(host: Host) -> None:
    unreachable = asyncio.Event()
    edits = [{"t": "ops", "id": f"b{number}", "ops": NAME} for number in (1, 2)]
    frames = iter([{"t": "hello", "tab": "t1", "rev": -1}, *edits])

    async def receive() -> dict[str, Any]:
        if socket.client_state == WebSocketState.CONNECTING:
            return {"type": "websocket.connect"}
        frame = next(frames, None)
        if frame is None:
            return {"type": "websocket.disconnect", "code": 1001}
        if frame["t"] == "ops":
            await unreachable.wait()
        return {"type": "websocket.receive", "text": json.dumps(frame)}

    async def send(message: Any) -> None:
        if message["type"] == "websocket.send":
            unreachable.set()
            raise OSError

    socket = WebSocket({"type": "websocket"}, receive, send)
    await socket.accept()
    with pytest.raises(WebSocketDisconnect):
        await ServedTab(host, "line", socket, Room(host, "line")).serve()
    view = await host.drafts.look(LOCAL_USER, "line")
    assert (view.rev, view.document["name"]) == (2, "New name")


async def test_a_refused_edit_is_told_to_its_author_alone(open_tab: Any) -> None:
    async with open_tab("t1") as one, open_tab("t2") as two:
        await two.next("draft")
        for ops, words in [
            ([{"op": "add_wire", "wire": "end -> gen"}], "circle"),
            ([{"op": "del_node", "id": "x"}], "no node 'x'"),
            ({"not": "a list"}, "not a list of operations"),
            (None, "not a list of operations"),
        ]:
            await one.send("ops", id="b1", ops=ops)
            assert words in (await one.next("nack"))["reason"]
        await one.send("ops", id="b2", ops=NAME)
        assert (await two.next("ops"))["id"] == "b2"
        assert not [frame for frame in two.seen if frame["t"] == "nack"]


async def test_a_tab_that_was_away_gets_what_it_missed(open_tab: Any) -> None:
    async with open_tab("t1") as one:
        await one.next("draft")
    async with open_tab("t2") as two:
        for number in range(3):
            await two.send("ops", id=f"b{number}", ops=NAME)
            await two.next("ack")
    async with open_tab("t1", rev=1) as one:
        missed = [await one.next("ops"), await one.next("ops")]
        assert [frame["rev"] for frame in missed] == [2, 3]
        assert (await one.next("caught_up"))["rev"] == 3
        assert not [frame for frame in one.seen if frame["t"] == "draft"]
    async with open_tab("t1", rev=99) as one:
        assert (await one.next("draft"))["rev"] == 3, "a number from another life: all of it again"


async def test_presence(open_tab: Any) -> None:
    async with open_tab("t1") as one:
        async with open_tab("t2") as two:
            await two.send("presence", selected=["gen"], node="gen")
            both = await one.next("presence", lambda frame: any(p.get("node") for p in frame["people"]))
            assert [(p["id"], p.get("selected")) for p in both["people"]] == [("t1", None), ("t2", ["gen"])]
        left = await one.next("presence", lambda frame: len(frame["people"]) == 1)
        assert left["people"][0]["id"] == "t1"


async def test_values_of_watched_nodes(open_tab: Any, host: Host) -> None:
    await host.flows.start(LOCAL_USER, "line")
    async with open_tab() as tab:
        await tab.send("watch", nodes=["gen"])
        first = await tab.next("values")
        assert {value["node"] for value in first["values"]} == {"gen"}
        assert isinstance(first["values"][0]["payload"]["seq"], int)
        await tab.next("values")


async def test_an_unknown_flow_a_foreign_page_and_noise_are_sent_away(open_tab: Any) -> None:
    async with open_tab(flow="nobody") as tab:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await tab.next("draft")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4404
    with pytest.raises(websockets.InvalidStatus):
        async with open_tab(origin="http://evil.example"):
            pass
    for noise in ("{", "[]", "[" * 50_000):
        async with open_tab() as tab:
            await tab.socket.send(noise)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await tab.next("never")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4400
