"""The kit that vendors use, against a service behind a proxy that cuts and mutes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from flowhost_http.connection import HttpClient
from flowhost_http.exchange import Request
from flowhost_http.sink_send import HttpSend

from flowhost.sdk import Connection, Message
from flowhost.testing.conformance import CANARY, ConnectionConformance, ProxiedTarget, SinkConformance
from flowhost.testing.proxy import FaultProxy


class CountingService(ProxiedTarget):
    """A service that counts a request once by its key, and refuses what is no number."""

    def __init__(self, proxy: FaultProxy, service: Any, behave: Any) -> None:
        super().__init__(proxy)
        self._service = service
        self._behave = behave
        service.always = self._answer

    async def received(self) -> list[int]:
        posts = [seen for seen in self._service.requests if seen.method == "POST"]
        by_key = {seen.headers["idempotency-key"]: seen for seen in reversed(posts)}
        once = [seen for seen in posts if by_key[seen.headers["idempotency-key"]] is seen]
        return [json.loads(seen.body)["n"] for seen in once if b"poison" not in seen.body]

    async def _answer(self, seen: Any, writer: Any) -> bool:
        status = 422 if b"poison" in seen.body else 200
        if seen.method == "GET":
            status = 200 if int(seen.target.rpartition("/")[2]) in await self.received() else 404
        return bool(await self._behave.reply(status, b"")(seen, writer))


class HttpConformance:
    """What both have in common."""

    connection_type = HttpClient

    @pytest.fixture
    async def target(self, service: Any, behave: Any) -> AsyncIterator[CountingService]:
        async with FaultProxy("127.0.0.1", service.port) as proxy:
            yield CountingService(proxy, service, behave)

    @pytest.fixture
    def connection_config(self, target: CountingService) -> dict[str, Any]:
        return {"base_url": f"http://{target.proxy.host}:{target.proxy.port}/api", "timeout_s": 2}

    def with_secrets(self, tested: Any, written: Any) -> dict[str, Any]:
        return {**written, "auth": "bearer", "token": CANARY} if tested is HttpClient else dict(written)


class TestClient(HttpConformance, ConnectionConformance):
    async def use(self, connection: Connection[Any]) -> None:
        assert isinstance(connection, HttpClient)
        await connection.send(Request("POST", connection.base_url, {"Idempotency-Key": b"use"}, b'{"n": 0}'))


class TestSend(HttpConformance, SinkConformance):
    node_type = HttpSend

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        ask = {"path": "numbers/{payload.n}", "after_s": 0}
        return {"path": "numbers", "resend_unanswered": True, "ask": ask}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"poison": True}, self.message(99).meta)
