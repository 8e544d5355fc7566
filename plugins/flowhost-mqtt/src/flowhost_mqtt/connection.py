"""The connection `mqtt.broker`: one client for all publishing, and sessions for subscriptions."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from flowhost.sdk import (
    BrowseRequest,
    Choices,
    Connection,
    ConnectionContext,
    ConnectionSpec,
    NodeContext,
    NodeError,
    NotConnectedError,
    PermanentError,
)
from flowhost_mqtt.browsing import Listening, TopicsSeen
from flowhost_mqtt.client_ids import lasting_id, passing_id
from flowhost_mqtt.config import BrokerConfig, SubscribeConfig, TlsConfig
from flowhost_mqtt.drops import DropWatch
from flowhost_mqtt.link import Link
from flowhost_mqtt.refusals import Address
from flowhost_mqtt.session import Plan, Session, SessionOwner
from flowhost_mqtt.terms import ClientTerms, Spoken, Will


class MqttBroker(Connection[BrokerConfig]):
    """An MQTT broker.

    Publishing nodes share one client. Each `mqtt.subscribe` has a client of its own: above QoS 0 because the broker
    keeps a queue per client, and always because a subscription that stops reading under back pressure must not hold
    up the confirmations publishing waits for.
    """

    spec = ConnectionSpec(
        id="mqtt.broker",
        title="MQTT broker",
        summary="A broker for MQTT 3.1.1 or 5, plain or over TLS.",
        icon="hub",
        keywords=("mosquitto", "hivemq", "emqx", "unified namespace", "iot"),
    )
    Config = BrokerConfig

    def __init__(self, config: BrokerConfig, context: ConnectionContext) -> None:
        super().__init__(config, context)
        self._session: Session | None = None
        self._tls: ssl.SSLContext | None = None
        self._absent: set[Session] = set()
        self._drops: DropWatch | None = None
        self._listening: Listening | None = None

    @override
    async def open(self) -> None:
        """Connect. Afterwards the link is kept up by itself."""
        await self.close()
        if self.config.tls:
            self._tls = await asyncio.to_thread(self._trust)
        session = Session(self._plan(), self._tls, self)
        self._session = session
        await session.open()

    @override
    async def close(self) -> None:
        """Disconnect."""
        drops, self._drops = self._drops, None
        if drops is not None:
            await drops.close()
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @override
    def health(self) -> str:
        """Connected to what, or why not."""
        return self._session.health() if self._session is not None else ""

    async def test(self) -> str:
        """Connect as a client of its own and leave again."""
        tls = await asyncio.to_thread(self._trust) if self.config.tls else None
        session = Session(self._plan(), tls, _Deaf())
        try:
            await session.open()
            return f"{self.address} answers, MQTT {session.link.version}{', over TLS' if tls else ', not encrypted'}"
        finally:
            await session.close()

    async def browse(self, request: BrowseRequest) -> Choices:
        """Topics seen, by a client of its own that listens to everything at QoS 0 until the connection is closed."""
        if self._listening is None:
            own_id = passing_id(self.config.client_id or self.context.host_id, self.context.name, "look")
            versions = self._session.versions if self._session is not None else ("5", "3.1.1")
            topics = TopicsSeen()
            plan = replace(self._plan(own_id), versions=versions, filters=("#",))
            self._listening = Listening(Session(plan, self._tls, _Deaf(), topics), topics)
            await self._listening.open()
        return self._listening.topics.choices(request)

    @property
    def address(self) -> Address:
        """The broker, for sentences."""
        return Address(self.config.host, self.config.effective_port, self.context.name)

    @property
    def link(self) -> Link:
        """Where to publish. Raises `NotConnectedError` while there is no connection."""
        if self._session is None:
            raise NotConnectedError(f"{self.address} is not connected: {self.address.name} is closed")
        return self._session.link

    def subscription(self, config: SubscribeConfig, node: NodeContext, owner: SessionOwner) -> Session:
        """A session for one subscribing node; the node opens and closes it."""
        begin = self.config.client_id or node.host_id
        keeps = config.qos > 0
        own_id = lasting_id(begin, node.flow, node.node) if keeps else passing_id(begin, node.flow, node.node)
        plan = self._plan(own_id, keeps_s=config.session_expiry_s if keeps else None)
        filters = tuple(dict.fromkeys(config.topics))
        versions = self._session.versions if self._session is not None else plan.versions
        plan = replace(plan, versions=versions, filters=filters, qos=min(config.qos, 1))
        return Session(plan, self._tls, self, owner)

    def watch_drops(self, known: int | None, keep: Callable[[int], Awaitable[None]]) -> None:
        """From now on, say so when the broker drops messages; of several callers the first one remembers for all.

        Args:
            known: how many it had dropped as far as was known in an earlier life; None if nothing was.
            keep: remembers how many it has dropped.
        """
        if self._drops is None and self.config.drops_topic:
            name = f"{self.address} ({self.address.name})"
            self._drops = DropWatch(self._counter, self.context.board, name, known, keep)
            self._drops.start()

    def _counter(self, owner: SessionOwner) -> Session:
        plan = replace(self._plan(), filters=(self.config.drops_topic,))
        return Session(plan, self._tls, _Deaf(), owner)

    def lost(self, session: Session, reason: str) -> None:
        """A session's link broke: one notice, however many sessions there are."""
        if not self._absent:
            self.context.board.notice("lost", f"{self.address} ({self.address.name}) is lost: {reason}")
        self._absent.add(session)

    def restored(self, session: Session) -> None:
        """A session is back; one notice when the last one is."""
        if session in self._absent:
            self._absent.discard(session)
            if not self._absent:
                self.context.board.notice("restored", f"{self.address} ({self.address.name}) is back")

    def hindered(self, session: Session, error: NodeError) -> None:  # noqa: ARG002 - the error says all
        """Attempts fail until a person acts."""
        self.context.board.notice("error", str(error))

    def left(self, session: Session) -> None:
        """A session was closed on purpose."""
        self._absent.discard(session)

    def _plan(self, client_id: str = "", keeps_s: int | None = None) -> Plan:
        config = self.config
        will = config.will if not client_id else None
        terms = ClientTerms(
            client_id=client_id or passing_id(config.client_id or self.context.host_id, self.context.name),
            version="5",
            clean=keeps_s is None,
            session_expiry_s=keeps_s or 0,
            keepalive_s=config.keepalive_s,
            username=config.username or None,
            password=config.password.get_secret_value() if config.password is not None else None,
            will=Will(topic=will.topic, payload=will.payload, qos=will.qos, retain=will.retain) if will else None,
        )
        versions: tuple[Spoken, ...] = ("5", "3.1.1") if config.version == "auto" else (config.version,)
        return Plan(
            address=self.address,
            terms=terms,
            versions=versions,
            timeout_s=config.timeout_s,
            longest_delay_s=config.reconnect_max_s,
        )

    def _trust(self) -> ssl.SSLContext:
        """Read certificates; blocks, so it runs in a thread."""
        tls = self.config.tls if isinstance(self.config.tls, TlsConfig) else TlsConfig()
        base: Path = self.context.base_dir
        try:
            context = ssl.create_default_context(cafile=str(base / tls.ca_file) if tls.ca_file else None)
            if tls.cert_file:
                key = str(base / tls.key_file) if tls.key_file else None
                password = tls.key_password.get_secret_value() if tls.key_password is not None else None
                context.load_cert_chain(str(base / tls.cert_file), key, password)
        except FileNotFoundError as error:
            raise PermanentError(
                f"{self.address.name}: a certificate file is missing; check 'tls.ca_file', 'tls.cert_file' and "
                f"'tls.key_file' (relative to {base})"
            ) from error
        except (ssl.SSLError, OSError) as error:
            raise PermanentError(
                f"{self.address.name}: a certificate or key cannot be read; check that the files are PEM, belong "
                f"together and the password fits ({error})"
            ) from error
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class _Deaf:
    """Presence of a session nobody watches."""

    def lost(self, session: Session, reason: str) -> None:
        """Nothing to say."""

    def restored(self, session: Session) -> None:
        """Nothing to say."""

    def hindered(self, session: Session, error: NodeError) -> None:
        """Nothing to say."""

    def left(self, session: Session) -> None:
        """Nothing to say."""
