"""http.client: configs that are refused, opening, testing, encryption, what is never logged."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest
from flowhost_http.config import ClientConfig, SendConfig
from pydantic import ValidationError

from flowhost.sdk import AuthenticationError, ConnectionTest, NotConnectedError, PermanentError, TemporaryError


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"base_url": "https://flow:s3cret@mes.example/"}, "password: {secret: name}"),
        ({"base_url": "https://flow@mes.example/"}, "password: {secret: name}"),
        ({"base_url": "mes.example"}, "must begin with http"),
        ({"base_url": "ftp://mes.example"}, "must begin with http"),
        ({"base_url": "https://"}, "must begin with http"),
        ({"base_url": "https://mes.example:70000"}, "is no address"),
        ({"base_url": "https://mes.example/a b"}, "%20"),
        ({"base_url": "https://mes.example/?key=s3cret"}, "ends before"),
        ({"base_url": ""}, "is empty"),
        ({"proxy": "http://u:s3cret@proxy:3128"}, "holds a user or password"),
        ({"auth": "basic", "username": "flow"}, "needs 'username' and 'password'"),
        ({"auth": "bearer"}, "needs 'token'"),
        ({"token": "s3cret"}, "not 'bearer'"),
        ({"username": "flow"}, "not 'basic'"),
        ({"auth": "basic", "username": "a:b", "password": "s3cret"}, "colon"),
        ({"headers": {"X Y": "1"}}, "no name of a header"),
        ({"headers": {"Host": "x"}}, "follows from the request"),
        ({"headers": {"X": "s3cret\r\nY: 1"}}, "line break"),
        ({"headers": {"X": "1", "x": "2"}}, "named once"),
        ({"auth": "bearer", "token": "s3cret", "headers": {"authorization": "x"}}, "exclude each other"),
        ({"timeout_s": 0}, "greater than 0"),
    ],
)
def test_wrong_settings_say_what_to_write_and_show_no_secret(config, words) -> None:
    with pytest.raises(ValidationError) as caught:
        ClientConfig(**({"base_url": "https://mes.example/api"} | config))
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        {"method": "GET"}, {"headers": {"Content-Length": "1"}}, {"headers": {"idempotency-key": "{id}"}},
        {"parallel": 0},        {"path": "a/{"}, {"ok_statuses": [99]}, {"idempotency_header": "X Y"},
    ],
)  # fmt: skip
def test_wrong_settings_of_the_node_are_refused(config) -> None:
    with pytest.raises(ValidationError):
        SendConfig(**config)


def test_secrets_are_not_shown_by_a_config() -> None:
    config = ClientConfig(base_url="https://m", auth="bearer", token="s3cret", headers={"X-Api-Key": "k3y-1"})
    assert "s3cret" not in repr(config)
    assert "k3y-1" not in repr(config)


async def test_opening_needs_somebody_who_listens(connect, service) -> None:
    connection = connect(f"http://127.0.0.1:{service.port}/api")
    assert connection.health() == ""
    await connection.open()
    assert connection.health() == f"ready: http://127.0.0.1:{service.port}"
    await connection.close()
    await connection.close()
    with pytest.raises(NotConnectedError, match="nothing listens there: start the service"):
        await connect(f"http://127.0.0.1:{free_port()}").open()


async def test_an_unknown_name_says_so(connect) -> None:
    with pytest.raises(NotConnectedError, match="name that is not known here: check `base_url`"):
        await connect("http://no-such-host.invalid/").open()


async def test_a_closed_connection_sends_nothing(connect, service) -> None:
    from flowhost_http.exchange import Request

    with pytest.raises(NotConnectedError, match="is not open"):
        await connect(f"http://127.0.0.1:{service.port}").send(Request("POST", "http://127.0.0.1/"))


async def test_the_test_button_says_what_came(connect, service, behave) -> None:
    connection = connect(f"http://127.0.0.1:{service.port}/api")
    assert isinstance(connection, ConnectionTest)
    service.always = behave.reply(404, phrase="Not Found")
    assert "answers: HEAD gave 404 Not Found after" in await connection.test()
    assert service.seen[-1].target == "/api"
    service.always = behave.reply(301, Location="https://mes.example/api?x=1")
    assert "it points to https://mes.example/api, which belongs into `base_url`" in await connection.test()


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(401, AuthenticationError, "check `auth`"), (403, AuthenticationError, "right"), (503, TemporaryError, "503"),
     (404, PermanentError, "check `test_path`")],
)  # fmt: skip
async def test_the_test_button_says_what_is_wrong(connect, service, behave, status, kind, words) -> None:
    connection = connect(f"http://127.0.0.1:{service.port}/api", test_path="/health")
    service.always = behave.reply(status)
    with pytest.raises(kind, match=words):
        await connection.test()
    assert (service.seen[-1].method, service.seen[-1].target) == ("GET", "/api/health")


async def test_the_test_button_meets_silence(connect, service, behave) -> None:
    service.always = behave.hang
    with pytest.raises(NotConnectedError, match="did not answer within"):
        await connect(f"http://127.0.0.1:{service.port}", timeout_s=0.2).test()
    with pytest.raises(NotConnectedError, match="nothing listens"):
        await connect(f"http://127.0.0.1:{free_port()}").test()


async def test_tls_with_our_ca_without_and_by_another_name(connect, certificate, service, behave) -> None:
    ca_file, tls = certificate
    await service.stop()
    service.port = 0
    service.always = behave.reply(200)
    await service.start(tls)
    url = f"https://localhost:{service.port}/"
    # the server listens on IPv4 only; localhost may mean both
    assert "HEAD gave 200" in await connect(url, ca_file=ca_file.name).test()
    assert "HEAD gave 200" in await connect(url, verify=False).test()
    with pytest.raises(NotConnectedError, match="not trusted: give its CA in `ca_file`"):
        await connect(url).test()
    with pytest.raises(NotConnectedError, match="not trusted"):
        await connect(url.replace("localhost", "127.0.0.1"), ca_file=ca_file.name).test()


async def test_http_and_https_mixed_up(connect, service) -> None:
    with pytest.raises(NotConnectedError, match=r"check http or https|broke the connection|cannot be reached"):
        await connect(f"https://127.0.0.1:{service.port}/", timeout_s=1).test()


@pytest.mark.parametrize("content", [None, b"no certificate"])
async def test_a_ca_file_that_cannot_be_read(connect, service, tmp_path, content) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(PermanentError, match="`ca_file` names a PEM file"):
        await connect(f"http://127.0.0.1:{service.port}", ca_file="ca.pem").open()


async def test_what_counts_stands_in_the_flow_and_not_in_the_environment(connect, service, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert "HEAD gave 200" in await connect(f"http://127.0.0.1:{service.port}/").test()


async def test_a_proxy_is_used_and_its_refusal_is_not_ours(connect, service, behave, board) -> None:
    connection = connect("http://mes.invalid/api", proxy=f"http://127.0.0.1:{service.port}")
    await connection.open()
    assert "HEAD gave 200" in await connection.test()
    assert service.seen[-1].target == "http://mes.invalid/api"
    service.always = behave.reply(407, phrase="Proxy Authentication Required")
    tunnel = connect("https://mes.invalid/api", proxy=f"http://127.0.0.1:{service.port}")
    await tunnel.open()
    from flowhost_http.exchange import Request

    with pytest.raises(NotConnectedError, match="the proxy refused"):
        await tunnel.send(Request("POST", "https://mes.invalid/api"))
    assert service.seen[-1].method == "CONNECT"


async def test_nothing_secret_is_logged(send, service, msg, behave, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    node = await send(
        client={"auth": "bearer", "token": "tok-123", "headers": {"X-Api-Key": "key-456"}, "timeout_s": 0.3},
        path="x?sig={payload}",
    )
    service.script = [
        behave.reply(),
        behave.reply(500),
        behave.reply(400, b"tok-123"),
        behave.reset,
        behave.reply(),  # to HEAD, which asks whether anybody is there
        behave.hang,
        behave.reply(),
        behave.reply(401),
    ]
    for _ in range(5):
        await node.write([msg("pay-789", id="i")])
    with pytest.raises(AuthenticationError):
        await node.write([msg("pay-789", id="i")])
    for secret in ("tok-123", "key-456", "pay-789"):
        assert secret not in caplog.text
    assert "no answer to line/confirm/i" in caplog.text


async def test_a_kept_connection_the_server_has_closed_is_not_used(send, service, msg) -> None:
    node = await send()
    for number in range(5):

        async def close_after(_: Any, writer: Any) -> bool:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return False

        service.always = close_after
        assert await node.write([msg(number)]) is None
        await asyncio.sleep(0.02)
    assert len(service.requests) == 5
