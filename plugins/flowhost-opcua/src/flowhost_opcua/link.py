"""One session with a server, used once: when it is lost a new one is built, this one is never repaired.

The driver's own reconnect can republish for ever or leave a subscription silent; it is not used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from flowhost.sdk import NotConnectedError, PermanentError
from flowhost_opcua import driver as ua
from flowhost_opcua.certificates import WARN_DAYS, check_server, own_certificate
from flowhost_opcua.config import ClientConfig
from flowhost_opcua.faults import connect_fault, plain_text, request_fault
from flowhost_opcua.feed import Feed
from flowhost_opcua.publishing import PublishingSession

T = TypeVar("T")

SESSION_MS = 60_000
"""A server forgets a session we lost after a minute; with the driver's hour a small PLC runs out of sessions."""
CLOSE_S = 2.0
"""The engine gives a closing node or connection three seconds."""
TICK_S = 1.0
MOST_PER_RESPONSE = 1_000
"""Decoding one response stops everything else for its duration: about 10 ms at this size."""

_POLICIES: dict[str, Any] = {
    "Basic256Sha256": ua.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": ua.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": ua.SecurityPolicyAes256Sha256RsaPss,
}
_MODES = {"sign": ua.MessageSecurityMode.Sign, "sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt}


@dataclass(frozen=True)
class Identity:
    """How we introduce ourselves.

    Attributes:
        name: the connection's name, for error messages.
        host_id: identifies this FlowHost.
        pki_dir: folder with certificates.
    """

    name: str
    host_id: str
    pki_dir: Path


class Link:
    """A session and everything that lives and dies with it.

    Attributes:
        client: the driver's client.
        is_lost: the session is gone for good; `reason` says why.
        remarks: what a person should know about this session, e.g. a password in clear text.
    """

    def __init__(self, config: ClientConfig, identity: Identity, on_lost: Callable[[], None] = lambda: None) -> None:
        _quiet_driver()
        self.config = config
        self.is_lost = False
        self.reason = ""
        self.remarks: list[str] = []
        self.namespaces: list[str] = []
        self._identity = identity
        self._listeners = [on_lost]
        self._own_file = ""
        self._feeds: list[Feed] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.client = ua.Client(config.endpoint, timeout=config.timeout_s)
        self.client.name = self.client.description = f"FlowHost {identity.host_id}"
        self.client.application_uri = f"urn:flowhost:{identity.host_id}"
        self.client.session_timeout = SESSION_MS
        self.session = PublishingSession(self.client.uaclient, self.fail)
        self.client.uaclient.session = self.session

    async def open(self) -> None:
        """Open channel and session.

        Raises:
            TemporaryError: the server cannot be reached now.
            AuthenticationError: user or password refused.
            PermanentError: security does not fit, or a certificate is not trusted.
        """
        try:
            async with asyncio.timeout(3 * self.config.timeout_s):
                await self._connect()
        except (ua.UaError, OSError, TimeoutError) as error:
            self._drop_socket()
            raise connect_fault(error, self.config.endpoint, self._identity.name, self._own_file) from error
        except BaseException:
            self._drop_socket()
            raise
        self._spawn(self._watch(), "opcua watch")
        self._spawn(self._renew(), "opcua channel renewal")

    async def close(self) -> None:
        """End the session; politely where it still answers. Safe at any time, any number of times."""
        polite = not self.is_lost
        self.fail("closed")
        await self.session.stop_publishing()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if polite and self.client.uaclient.state is ua.UaClientState.CONNECTED:
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self.client.uaclient.close_session(delete_subscriptions=True)
                    await self.client.close_secure_channel()
            except (ua.UaError, OSError, TimeoutError) as error:
                logging.getLogger(__name__).debug("session not closed politely: %s", plain_text(error))
        self._drop_socket()

    def fail(self, reason: str) -> None:
        """Declare the session lost; only the first reason counts."""
        if self.is_lost:
            return
        self.is_lost, self.reason = True, reason
        for listener in tuple(self._listeners):
            listener()

    def on_lost(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` once when the session is lost (at once if it is); returns how to take it back."""
        self._listeners.append(listener)
        if self.is_lost:
            listener()
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def read(self, node_ids: Sequence[ua.NodeId]) -> list[ua.DataValue]:
        """Values of nodes, one request."""
        return await self.request("reading", self.session.read_attributes(list(node_ids), ua.AttributeIds.Value))

    async def request(self, what: str, call: Coroutine[Any, Any, T]) -> T:
        """Run a request of the session.

        Raises:
            NotConnectedError: the session was lost meanwhile.
            TemporaryError: the server refused or did not answer.
        """
        try:
            return await call
        except (ua.UaError, OSError, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                self.fail(f"no answer to {what} within {self.config.timeout_s:g} s")
            if self.is_lost:
                msg = f"link to {self.config.endpoint} lost while {what}: {self.reason}"
                raise NotConnectedError(msg) from error
            raise request_fault(error, what) from error

    async def subscribe(self, feed: Feed, publish_ms: float) -> None:
        """Create a subscription and keep an eye on it. Raises as `request` does."""
        keep_alive = max(1, round(self.config.keep_alive_s * 1000 / publish_ms))
        params = ua.CreateSubscriptionParameters()
        params.RequestedPublishingInterval = publish_ms
        params.RequestedMaxKeepAliveCount = keep_alive
        params.RequestedLifetimeCount = max(3 * keep_alive, round(SESSION_MS / publish_ms))
        params.MaxNotificationsPerPublish = MOST_PER_RESPONSE
        params.PublishingEnabled = True
        feed.created(await self.request("creating a subscription", self.session.create_subscription(params, feed)))
        self._feeds.append(feed)

    async def unsubscribe(self, feed: Feed) -> None:
        """Delete a subscription; nothing to do where the session is gone."""
        if feed in self._feeds:
            self._feeds.remove(feed)
        if self.is_lost or not feed.subscription_id:
            return
        async with asyncio.timeout(CLOSE_S):
            await self.request("deleting a subscription", self.session.delete_subscriptions([feed.subscription_id]))

    def set_publishing(self, feed: Feed, enabled: bool) -> None:
        """Tell the server to hold back or to go on; it keeps sampling into its queues and sending keep-alives."""
        if feed.enabled != enabled and not self.is_lost:
            feed.enabled = enabled
            self._spawn(self._tell_publishing(feed), "opcua publishing mode")

    async def _tell_publishing(self, feed: Feed) -> None:
        params = ua.SetPublishingModeParameters()
        params.PublishingEnabled = feed.enabled
        params.SubscriptionIds = [feed.subscription_id]
        try:
            await self.session.set_publishing_mode(params)
        except ua.UaStatusCodeError as error:
            # the inbox stays bounded all the same; what it drops is counted and said
            logging.getLogger(__name__).debug("server does not hold back: %s", plain_text(error))

    async def _connect(self) -> None:
        if self.config.security != "none":
            await self._secure()
        await self.client.connect_sessionless()
        await self.client.create_session()
        user = self.config.username
        if user:
            policy = self.client.server_policy(ua.UserTokenType.UserName).SecurityPolicyUri
            if self.config.security == "none" and policy in {None, "", ua.SecurityPolicyNone.URI}:
                self.remarks.append("the password travels in clear text: security is none")
        await self.client.activate_session(user or None, self.config.password.get_secret_value() or None)
        table = (await self.session.read_attributes([_NAMESPACES], ua.AttributeIds.Value))[0]
        self.namespaces = [str(uri or "") for uri in (table.Value.Value if table.Value is not None else None) or ()]

    async def _secure(self) -> None:
        """Own certificate, the server's checked against the trust folder, keys handed to the driver."""
        policy = _POLICIES[self.config.policy or "Basic256Sha256"]
        mode = _MODES[self.config.security]
        pki = self._identity.pki_dir
        own = await asyncio.to_thread(own_certificate, pki, self.client.application_uri)
        if own.days_left < WARN_DAYS:
            self.remarks.append(
                f"our certificate {own.certificate} ends on {own.ends:%Y-%m-%d}: remove it to get a new one"
            )
        self._own_file = str(own.certificate)
        self.client.application_uri = own.uri
        offers = await self.client.connect_and_get_server_endpoints()
        offer = next((o for o in offers if (o.SecurityMode, o.SecurityPolicyUri) == (mode, policy.URI)), None)
        if offer is None:
            raise PermanentError(_no_offer(self.config, offers))
        der = _first_certificate(offer.ServerCertificate)
        await asyncio.to_thread(check_server, pki, der, self.config.endpoint)
        await self.client.set_security(
            policy, own.certificate, own.key, server_certificate=ua.CertProperties(der, "der"), mode=mode
        )

    async def _watch(self) -> None:
        """Notice a closed connection at once, a silent server after three keep-alives."""
        since_probe = 0.0
        async with self.client.subscribe_state() as states:
            while self.client.uaclient.state is ua.UaClientState.CONNECTED:
                try:
                    await states.next_change(TICK_S)
                except TimeoutError:
                    since_probe += TICK_S
                if any(feed.is_silent for feed in self._feeds):
                    limit = max(feed.silence_s for feed in self._feeds)
                    self.fail(f"no value and no keep-alive for {limit:g} s")
                    return
                if not self._feeds and since_probe >= self.config.keep_alive_s:
                    since_probe = 0.0
                    await self.session.read_attributes([_STATE], ua.AttributeIds.Value)
        self.fail("the server closed the connection")

    async def _renew(self) -> None:
        """Renew the channel's keys at three quarters of their life (OPC 10000-4, 5.6.2)."""
        while True:
            await asyncio.sleep(self.client.secure_channel_timeout * 0.75 / 1000)
            await self.client.open_secure_channel(renew=True)
            self.client.uaclient.revolve_security_token()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(plain_text(error))

    def _drop_socket(self) -> None:
        """Close without waiting for a peer that may be frozen."""
        protocol = self.client.uaclient.protocol
        if protocol is not None and protocol.transport is not None:
            protocol.transport.abort()
        self.client.uaclient.disconnect_socket()


_NAMESPACES = ua.node_id(ua.ObjectIds.Server_NamespaceArray)
_STATE = ua.node_id(ua.ObjectIds.Server_ServerStatus_State)


def _first_certificate(chain: bytes | None) -> bytes:
    """A server may send its certificate followed by its issuers'; the first counts (a DER sequence of known length)."""
    if not chain:
        msg = "the server offers security but sends no certificate; set one up on the server"
        raise PermanentError(msg)
    return chain[: int.from_bytes(chain[2:4], "big") + 4]


def _no_offer(config: ClientConfig, offers: Sequence[ua.EndpointDescription]) -> str:
    offered = sorted({f"{o.SecurityMode.name} {str(o.SecurityPolicyUri).rpartition('#')[2]}" for o in offers})
    return (
        f"OPC UA server {config.endpoint} does not offer {config.security} with {config.policy or 'Basic256Sha256'}; "
        f"change security or policy; it offers: {', '.join(offered) or 'nothing'}"
    )


def _quiet_driver() -> None:
    """The driver logs passwords at level debug, and tracebacks for every lost link, which is reported once by us.

    Whoever sets a level for `asyncua` themselves keeps it.
    """
    driver = logging.getLogger("asyncua")
    if driver.level == logging.NOTSET:
        driver.setLevel(logging.CRITICAL + 1)
