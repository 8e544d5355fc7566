"""`mqtt.broker`: connecting, and why it does not work, in words."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from flowhost_mqtt.config import BrokerConfig
from flowhost_mqtt.connection import MqttBroker
from flowhost_mqtt.driver import PahoClient
from flowhost_mqtt.link import Link
from flowhost_mqtt.sink_publish import MqttPublish
from flowhost_mqtt.source_subscribe import MqttSubscribe
from flowhost_mqtt.terms import ClientTerms

from flowhost.sdk import AuthenticationError, ConnectionTest, NodeContext, PermanentError, TemporaryError

Board = Mosquitto = Probe = Any  # they live in conftest.py, which cannot be imported


@pytest.fixture
async def connect(connection_context: Any) -> AsyncIterator[Callable[..., Any]]:
    links: list[MqttBroker] = []

    def make(port: int, host: str = "127.0.0.1", **config: Any) -> MqttBroker:
        links.append(MqttBroker(BrokerConfig(host=host, port=port, **config), connection_context))
        return links[-1]

    yield make
    for link in links:
        await link.close()


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_health_and_test_say_what_was_found(connect: Any, broker: Mosquitto) -> None:
    link = connect(broker.port)
    assert isinstance(link, ConnectionTest)
    assert await link.test() == f"broker 127.0.0.1:{broker.port} answers, MQTT 5, not encrypted"
    assert link.health() == ""
    await link.open()
    assert link.health() == f"connected to broker 127.0.0.1:{broker.port} (MQTT 5)"


async def test_close_is_safe_at_any_time(connect: Any, broker: Mosquitto) -> None:
    link = connect(broker.port)
    await link.close()
    await link.open()
    await link.close()
    await link.close()
    await link.open()
    assert link.link.alive


async def test_nothing_listens(connect: Any) -> None:
    port = unused_port()
    with pytest.raises(TemporaryError) as caught:
        await connect(port).open()
    assert str(caught.value) == (
        f"broker 127.0.0.1:{port} refused the connection: nothing listens there; "
        "check host and port of connection 'broker', or start the broker"
    )


async def test_host_name_that_does_not_exist(connect: Any) -> None:
    with pytest.raises(TemporaryError, match=r"cannot be resolved; check 'host' of connection 'broker'"):
        await connect(1883, host="no-such-host.invalid").open()


async def test_silence_ends_at_the_time_limit(connect: Any) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        with pytest.raises(TemporaryError, match="did not answer in time"):
            await connect(sock.getsockname()[1], timeout_s=0.3).open()


async def test_something_that_is_not_a_broker(connect: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        with pytest.raises(TemporaryError, match="check that the port of connection 'broker' is an MQTT port"):
            await connect(server.sockets[0].getsockname()[1]).open()


@pytest.fixture
def guarded(new_broker: Any, tmp_path: Path) -> Mosquitto:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "plant", "right"], check=True)
    passwords.chmod(0o644)
    return new_broker(extra=f"allow_anonymous false\npassword_file {passwords}\n")


async def test_wrong_credentials_are_final(connect: Any, guarded: Mosquitto) -> None:
    for config in ({}, {"username": "plant", "password": "wrong"}):
        for version in ("3.1.1", "5"):
            with pytest.raises(AuthenticationError, match="check 'username' and 'password'") as caught:
                await connect(guarded.port, version=version, **config).open()
            assert "wrong'" not in str(caught.value)
    good = connect(guarded.port, username="plant", password="right")
    await good.open()
    assert good.link.alive


async def test_credentials_withdrawn_later_end_the_attempts(
    until: Any, connect: Any, guarded: Mosquitto, board: Board, tmp_path: Path
) -> None:
    link = connect(guarded.port, username="plant", password="right", reconnect_max_s=0.5)
    await link.open()
    guarded.kill()
    subprocess.run(["mosquitto_passwd", "-b", str(tmp_path / "passwords"), "plant", "changed"], check=True)
    guarded.start()
    await until(lambda: "error" in board.kinds())
    with pytest.raises(AuthenticationError):
        _ = link.link
    assert "user name" in link.health() or "authorised" in link.health()


async def test_version_falls_back_for_brokers_that_only_know_311(connect: Any, node_context: Any, until: Any) -> None:
    amqtt = pytest.importorskip("amqtt.broker")
    port = unused_port()
    old = amqtt.Broker(
        {"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "plugins": {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
        }}
    )  # fmt: skip
    await old.start()
    try:
        link = connect(port)
        await link.open()
        assert link.link.version == "3.1.1"
        source = MqttSubscribe(MqttSubscribe.Config.model_validate({"topics": ["t"]}), node_context(link))
        await source.open()
        await source.close()
        with pytest.raises((TemporaryError, PermanentError), match=r"version|answer"):
            await connect(port, version="5").open()
        await link.close()
    finally:
        await old.shutdown()


async def test_a_refused_subscription_names_the_filter(connect: Any, node_context: Callable[..., NodeContext]) -> None:
    amqtt = pytest.importorskip("amqtt.broker")
    port = unused_port()
    strict = amqtt.Broker(
        {"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "plugins": {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
            "amqtt.plugins.topic_checking.TopicTabooPlugin": {},
        }}
    )  # fmt: skip
    await strict.start()
    try:
        link = connect(port)
        await link.open()
        config = MqttSubscribe.Config.model_validate({"topics": ["fine", "prohibited"]})
        source = MqttSubscribe(config, node_context(link))
        with pytest.raises(PermanentError, match="refused to subscribe to 'prohibited'"):
            await source.open()
        await source.close()
        await link.close()
    finally:
        await strict.shutdown()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A CA and a server certificate for 127.0.0.1."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=tmp_path)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=Test CA")  # fmt: skip
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")  # fmt: skip
        (tmp_path / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.pem", "-days", "2", "-extfile", "ext")  # fmt: skip
    for file in tmp_path.glob("*.key"):
        file.chmod(0o644)
    return tmp_path


async def test_tls_trusts_only_the_named_ca_and_carries_messages(
    until: Any, connect: Any, new_broker: Any, certificates: Path, node_context: Any
) -> None:
    folder = certificates
    tls = (
        f"cafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\nrequire_certificate true\n"
    )
    broker: Mosquitto = new_broker(tls=tls)
    with pytest.raises(PermanentError, match=r"not trusted .*'tls.ca_file'"):
        await connect(broker.port, tls=True).open()
    with pytest.raises(PermanentError, match="a certificate file is missing"):
        await connect(broker.port, tls={"ca_file": "no.pem"}).open()
    with pytest.raises(TemporaryError):
        await connect(broker.port, tls={"ca_file": "ca.pem"}, timeout_s=2).open()
    link = connect(broker.port, tls={"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"})
    await link.open()
    source = MqttSubscribe(
        MqttSubscribe.Config.model_validate({"topics": ["t"], "format": "bytes"}), node_context(link)
    )
    await source.open()
    received: list[bytes] = []

    async def emit(messages: Any, position: Any = None, **_: Any) -> None:
        received.extend(message.payload for message in messages)

    running = asyncio.create_task(source.run(emit))
    big = b"x" * 900_000
    from flowhost_mqtt.packets import encode_text

    delivery = link.link.deliver([(encode_text("t"), big, b"\0"), (encode_text("t"), b"end", b"\0")], retain=False)
    await delivery.done
    await until(lambda: len(received) == 2)
    assert received == [big, b"end"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.wait_for(source.close(), 8)  # half closed, over TLS too: the broker ends it


async def test_a_second_client_with_our_id_is_named(until: Any, connect: Any, broker: Mosquitto, board: Board,
                                                    node_context: Any) -> None:  # fmt: skip
    link = connect(broker.port, reconnect_max_s=0.5)
    await link.open()
    config = MqttSubscribe.Config.model_validate({"topics": ["t"]})
    one, two = MqttSubscribe(config, node_context(link)), MqttSubscribe(config, node_context(link))
    await one.open()
    await two.open()
    await until(lambda: "lost" in board.kinds())
    assert "another client uses the client id 'test-flow-node'" in board.text("lost")
    await one.close()
    await two.close()


async def test_a_silent_broker_is_noticed_by_its_missing_pings(until: Any, new_broker: Any) -> None:
    class Owner:
        def welcomed(self, link: Link, welcome: Any) -> None: ...
        def arrived(self, arrivals: Any, size: int) -> None: ...

    silent: Mosquitto = new_broker()
    terms = ClientTerms(client_id="x", version="5", clean=True, keepalive_s=1)
    link = await Link.establish("127.0.0.1", silent.port, None, terms, Owner(), 10)
    await asyncio.sleep(2.5)  # several keep-alive times: the link lives on by its pings
    assert link.alive
    silent.freeze()
    await until(lambda: not link.alive, "the end of the link")
    assert "Keep alive timeout" in link.ended.result()


@pytest.mark.expects_error_log
async def test_an_unforeseen_error_while_connecting_again_does_not_end_the_attempts(
    until: Any, connect: Any, broker: Mosquitto, board: Board, monkeypatch: Any, caplog: Any
) -> None:
    link = connect(broker.port, reconnect_max_s=0.5)
    await link.open()
    failures = []

    def fail_once(self: Any, *arguments: Any) -> None:
        if not failures:
            failures.append(arguments)
            raise RuntimeError("a bug")
        hello(self, *arguments)

    hello = PahoClient.hello
    monkeypatch.setattr(PahoClient, "hello", fail_once)
    link.link.abort("cut by the test")
    await until(lambda: board.kinds() == ["lost", "restored"])
    assert failures
    assert "unforeseen" in caplog.text


def test_config_knows_the_usual_mistakes() -> None:
    assert BrokerConfig(host="h", tls=True).effective_port == 8883
    assert BrokerConfig(host="h", tls=True, port=1883).effective_port == 1883
    assert BrokerConfig.model_validate({"host": "h", "version": 5}).version == "5"
    with pytest.raises(ValueError, match="username"):
        BrokerConfig.model_validate({"host": "h", "password": "x"})
    with pytest.raises(ValueError, match="wildcard"):
        BrokerConfig.model_validate({"host": "h", "will": {"topic": "a/#"}})
    with pytest.raises(ValueError, match="wildcard"):
        MqttPublish.Config.model_validate({"topic": "a/#"})
    assert "hunter2" not in repr(BrokerConfig.model_validate({"host": "h", "username": "u", "password": "hunter2"}))
