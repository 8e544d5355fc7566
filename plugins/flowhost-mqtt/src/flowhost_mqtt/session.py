"""A session: a client id that is kept connected. It outlives its links."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from flowhost.sdk import AuthenticationError, NodeError, NotConnectedError, PermanentError
from flowhost_mqtt.link import Link, LinkEndedError, LinkRefusedError
from flowhost_mqtt.packets import Arrival
from flowhost_mqtt.refusals import UNSUPPORTED_VERSION, Address, explain, filter_refused
from flowhost_mqtt.terms import ClientTerms, Spoken, Welcome

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.5
SETTLED_S = 5.0
"""A link that lived shorter does not reset the back-off: somebody else may be using our client id."""
READ_TO_THE_END_S = 10.0
"""How long a broker that is behind may take to read our last acknowledgements; what it has not read comes again."""


class SessionOwner(Protocol):
    """Who uses the session."""

    def arrived(self, generation: int, arrivals: list[Arrival], size: int) -> None:
        """Messages of one read, received on the link of this generation."""
        ...

    def resumed(self, kept: bool) -> None:
        """A new link stands.

        Args:
            kept: the broker had kept the session: it delivers again what was not confirmed.
        """
        ...

    def failed(self, error: NodeError) -> None:
        """No further attempt is made."""
        ...


class Presence(Protocol):
    """Where a session says that it is lost or back; the connection makes one notice of several."""

    def lost(self, session: Session, reason: str) -> None:
        """The link is gone; attempts follow."""
        ...

    def restored(self, session: Session) -> None:
        """A link stands again."""
        ...

    def hindered(self, session: Session, error: NodeError) -> None:
        """A person has to act before there can be a link."""
        ...

    def left(self, session: Session) -> None:
        """The session is over, on purpose."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a session is for.

    Attributes:
        address: the broker.
        terms: CONNECT; the version in it is replaced when `versions` are tried.
        versions: protocol versions to try, in this order.
        filters: what to subscribe to.
        qos: of the subscription, 0 or 1.
        window: bound of unconfirmed messages we send.
        timeout_s: bound of one attempt, seconds.
        longest_delay_s: upper bound of the back-off, seconds.
    """

    address: Address
    terms: ClientTerms
    versions: tuple[Spoken, ...]
    filters: tuple[str, ...] = ()
    qos: int = 0
    window: int = 100
    timeout_s: float = 10.0
    longest_delay_s: float = 5.0


class Session:
    """Connected once by `open`, it reconnects by itself, with back-off and jitter, until `close`.

    Attributes:
        generation: counts links. A packet id belongs to the link it came on and is acknowledged on no other.
        inherited: the broker had a session for this client id when the process first connected.
    """

    def __init__(
        self, plan: Plan, tls: ssl.SSLContext | None, presence: Presence, owner: SessionOwner | None = None
    ) -> None:
        self.plan = plan
        self.generation = 0
        self.inherited = False
        self._tls = tls
        self._presence = presence
        self._owner = owner
        self._versions = plan.versions
        self._link: Link | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._trouble = f"{plan.address} has not answered yet"
        self._failure: NodeError | None = None
        self._paused = False
        self._subscribing = False
        self._first = True
        self._kept = False

    async def open(self) -> None:
        """Connect and subscribe. Raises `TemporaryError`, `AuthenticationError` or `PermanentError` in words."""
        self._link = await self._connect()
        self._first = False
        self._supervisor = asyncio.create_task(self._stay_connected(), name=f"mqtt {self.plan.terms.client_id}")

    async def close(self) -> None:
        """Say good-bye; safe at any time."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)
        link, self._link = self._link, None
        self._presence.left(self)
        if link is not None:
            await link.close(READ_TO_THE_END_S if self.plan.filters else 2.0)

    @property
    def link(self) -> Link:
        """The link that stands. Raises `NotConnectedError`, or what ended all attempts."""
        if self._link is not None and self._link.alive:
            return self._link
        if self._failure is not None:
            raise self._failure
        raise NotConnectedError(self._trouble)

    @property
    def versions(self) -> tuple[Spoken, ...]:
        """Protocol versions that come into question; one, once a link has stood."""
        return self._versions

    def acknowledge(self, generation: int, mids: Sequence[int]) -> None:
        """Confirm received messages; of an earlier link they are left alone, the broker sends them again."""
        if generation == self.generation and self._link is not None:
            self._link.acknowledge(mids)

    def pause(self) -> None:
        """Stop reading."""
        self._paused = True
        if self._link is not None and not self._subscribing:
            self._link.pause()

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        if self._link is not None and self._link.alive:
            self._link.resume()

    def health(self) -> str:
        """State in words."""
        if self._link is not None and self._link.alive:
            return f"connected to {self.plan.address} (MQTT {self._link.version})"
        return f"not connected: {self._failure or self._trouble}"

    def welcomed(self, link: Link, welcome: Welcome) -> None:
        """A link begins: what it brings from here on belongs to a new generation."""
        self.generation += 1
        self._link = link
        self._kept = welcome.session_present
        if self._first:
            self.inherited = welcome.session_present
        elif self._owner is not None:
            self._owner.resumed(welcome.session_present)

    def arrived(self, arrivals: list[Arrival], size: int) -> None:
        """Pass on."""
        if self._owner is not None:
            self._owner.arrived(self.generation, arrivals, size)

    async def _stay_connected(self) -> None:
        """Until cancelled, or until the broker does not know us any more: repeated attempts lock accounts."""
        delay = FIRST_DELAY_S
        loop = asyncio.get_running_loop()
        while True:
            assert self._link is not None
            began = loop.time()
            ending = await asyncio.shield(self._link.ended)
            if loop.time() - began < SETTLED_S:
                ending += (
                    f", {loop.time() - began:.1f} s after it was made; if this repeats, look whether another client "
                    f"uses the client id '{self.plan.terms.client_id}'"
                )
            self._trouble = f"{self.plan.address} is lost: {ending}"
            self._presence.lost(self, ending)
            if loop.time() - began > SETTLED_S:
                delay = FIRST_DELAY_S
            while True:
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
                delay = min(delay * 2, self.plan.longest_delay_s)
                try:
                    self._link = await self._connect()
                except AuthenticationError as error:
                    self._fail(error)
                    return
                except NodeError as error:
                    self._note(error)
                except Exception as error:
                    log.exception("connecting to %s failed in an unforeseen way", self.plan.address)
                    self._trouble = f"{self.plan.address} cannot be connected: {type(error).__name__}: {error}"
                else:
                    break
            self._presence.restored(self)

    def _note(self, error: NodeError) -> None:
        """Attempts go on even where a person has to act: once he has, everything runs again by itself."""
        if isinstance(error, PermanentError) and str(error) != self._trouble:
            self._presence.hindered(self, error)
        self._trouble = str(error)

    def _fail(self, error: NodeError) -> None:
        self._failure = error
        self._presence.hindered(self, error)
        if self._owner is not None:
            self._owner.failed(error)

    async def _connect(self) -> Link:
        try:
            async with asyncio.timeout(self.plan.timeout_s):
                # a kept session sends its backlog at once; to stop reading then would shut out the answer to SUBSCRIBE,
                # and nobody takes from the backlog before that answer
                self._subscribing = True
                link = await self._establish()
                try:
                    await self._subscribe(link)
                except BaseException:
                    link.abort("subscribing failed")
                    raise
                finally:
                    self._subscribing = False
                if self._paused:
                    link.pause()
                return link
        except NodeError:
            raise
        except (OSError, LinkRefusedError, LinkEndedError) as error:
            raise explain(error, self.plan.address) from error

    async def _establish(self) -> Link:
        """Connect in the first version the broker accepts, and stay with it."""
        for version in self._versions[:-1]:
            try:
                async with asyncio.timeout(self.plan.timeout_s / 2):
                    return await self._establish_in(version)
            except TimeoutError:
                continue  # some brokers of the old version are struck dumb by a CONNECT of the new one
            except (LinkRefusedError, LinkEndedError) as error:
                if not _wrong_version(error):
                    raise
        return await self._establish_in(self._versions[-1])

    async def _establish_in(self, version: Spoken) -> Link:
        plan = self.plan
        terms = replace(plan.terms, version=version)
        try:
            link = await Link.establish(plan.address.host, plan.address.port, self._tls, terms, self, plan.window)
        except LinkRefusedError as error:
            if error.welcome.code == UNSUPPORTED_VERSION:
                self._versions = plan.versions  # the broker behind this address may have been replaced
            raise
        self._versions = (version,)
        return link

    async def _subscribe(self, link: Link) -> None:
        """Subscribe, unless the broker has kept what this process asked for before."""
        if not self.plan.filters or (self._kept and not self._first):
            return
        codes = await link.subscribe(self.plan.filters, self.plan.qos, retained=self._first)
        for topic, code in zip(self.plan.filters, codes, strict=True):
            if code >= 128:
                raise filter_refused(topic, code, self.plan.address)


def _wrong_version(error: LinkRefusedError | LinkEndedError) -> bool:
    """Old brokers answer MQTT 5 with a refusal, or just hang up."""
    return isinstance(error, LinkEndedError) or error.welcome.code == UNSUPPORTED_VERSION
