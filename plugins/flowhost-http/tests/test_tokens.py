"""auth `oauth2`: one token for all, renewed in time and after a refusal; what the token service may say instead."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from flowhost_http.config import ClientConfig
from flowhost_http.exchange import Request
from pydantic import ValidationError

from flowhost.sdk import AuthenticationError, NotConnectedError


class TokenService:
    """Gives out tokens `t1`, `t2` and so on."""

    def __init__(self, service: Any, behave: Any) -> None:
        self.service = service
        self.given = 0
        self.life_s: float | None = 3600
        self._behave = behave
        service.always = self._give

    async def _give(self, seen: Any, writer: Any) -> bool:
        self.given += 1
        # as slow as a busy one: others come meanwhile
        await asyncio.sleep(0.02)
        grant = {"access_token": f"t{self.given}", "token_type": "bearer"}
        if self.life_s is not None:
            grant["expires_in"] = self.life_s
        return bool(await self._behave.reply(200, json.dumps(grant).encode())(seen, writer))


@pytest.fixture
def login(other_service: Any, behave: Any) -> TokenService:
    return TokenService(other_service, behave)


@pytest.fixture
async def client(connect: Any, service: Any, login: TokenService) -> Any:
    connection = connect(
        f"http://127.0.0.1:{service.port}/api",
        auth="oauth2", token_url=f"http://127.0.0.1:{login.service.port}/token", client_id="flow host",
        client_secret="s3cret:+", scope="orders.write", headers={"X-Api-Key": "k3y-1"},
    )  # fmt: skip
    await connection.open()
    return connection


def post(connection: Any) -> Any:
    return connection.send(Request("POST", connection.base_url, {"X": b"1"}, b"{}"))


def authorizations(service: Any) -> list[str]:
    return [seen.headers.get("authorization", "") for seen in service.requests]


async def test_all_requests_share_one_token(client: Any, service: Any, login: TokenService) -> None:
    answers = await asyncio.gather(*(post(client) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert authorizations(service) == ["Bearer t1"] * 20
    (asked,) = login.service.seen
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["orders.write"]}
    assert base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"flow+host:s3cret%3A%2B"
    assert "x-api-key" not in asked.headers, "a key of the web service is none of the token service's business"
    assert client.hide("t1 k3y-1 s3cret:+") == "t1 *** ***", "a token so short is in every text"


async def test_id_and_secret_may_go_in_the_body(connect: Any, service: Any, login: TokenService) -> None:
    connection = connect(
        f"http://127.0.0.1:{service.port}", auth="oauth2", token_url=f"http://127.0.0.1:{login.service.port}",
        client_id="a&b", client_secret="s=3", client_auth="body",
    )  # fmt: skip
    assert "answers: HEAD gave 200" in await connection.test()
    (asked,) = login.service.seen
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"], "client_id": ["a&b"], "client_secret": ["s=3"]
    }  # fmt: skip
    assert "authorization" not in asked.headers


async def test_a_token_is_renewed_before_it_runs_out(client: Any, service: Any, login: TokenService) -> None:
    login.life_s = 0.2
    await post(client)
    await post(client)
    await asyncio.sleep(0.2)
    await post(client)
    assert authorizations(service) == ["Bearer t1", "Bearer t1", "Bearer t2"]


async def test_a_token_without_an_end_is_kept(client: Any, service: Any, login: TokenService) -> None:
    login.life_s = None
    await post(client)
    await post(client)
    assert login.given == 1


async def test_a_token_that_is_not_taken_any_more_is_replaced_once(
    client: Any, service: Any, login: TokenService, behave: Any
) -> None:
    await post(client)
    service.script = [behave.reply(401)]
    assert (await post(client)).status == 200
    assert authorizations(service) == ["Bearer t1", "Bearer t1", "Bearer t2"]
    service.script = [behave.reply(401), behave.reply(401)]
    with pytest.raises(AuthenticationError, match="does not let us in"):
        await post(client)
    with pytest.raises(AuthenticationError):
        await post(client)
    assert len(service.requests) == 5, "repeated attempts lock accounts"


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, b'{"error":"invalid_client","hint":"s3cret:+"}', AuthenticationError, "refuses this client (401 Said"),
        (400, b'{"error":"invalid_scope"}', AuthenticationError, "invalid_scope"),
        (503, b"", NotConnectedError, "gives no token (503 Said)"),
        (404, b"", NotConnectedError, "look at `token_url`"),
        (200, b"<html>", NotConnectedError, "something that is no token"),
        (200, b'{"access_token":"x","token_type":"mac"}', NotConnectedError, "of type 'mac', not Bearer"),
    ],
)
async def test_what_a_token_service_may_say_instead(
    client: Any, service: Any, login: TokenService, behave: Any, status: int, body: bytes, error: Any, words: str
) -> None:
    login.service.always = behave.reply(status, body)
    with pytest.raises(error) as caught:
        await post(client)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert service.requests == [], "without a token nothing is sent"


async def test_a_token_service_that_hangs_leaves_nothing_in_doubt(
    connect: Any, service: Any, login: TokenService, behave: Any
) -> None:
    login.service.always = behave.hang
    connection = connect(
        f"http://127.0.0.1:{service.port}", auth="oauth2", token_url=f"http://127.0.0.1:{login.service.port}",
        client_id="a", client_secret="b", timeout_s=0.3,
    )  # fmt: skip
    await connection.open()
    with pytest.raises(NotConnectedError, match=r"the token service: .* did not answer within 0.3 s"):
        await post(connection)
    assert service.seen == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"auth": "oauth2", "token_url": "https://x/t", "client_id": "a"}, "needs 'token_url', 'client_id' and"),
        ({"client_id": "a"}, "'auth' is not 'oauth2'"),
        ({"auth": "oauth2", "token_url": "x", "client_id": "a", "client_secret": "s3cret"}, "must begin with http"),
        ({"key_file": "k.pem"}, "no 'cert_file'"),
    ],
)
def test_settings_that_cannot_be(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ClientConfig(base_url="https://mes.example/api", **config)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)
