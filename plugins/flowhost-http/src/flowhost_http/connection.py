"""A web service as flows see it: one client with its connections, and whether it can be reached."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import msgspec
from typing_extensions import override

from flowhost.sdk import (
    AuthenticationError,
    Connection,
    ConnectionContext,
    ConnectionSpec,
    NotConnectedError,
    PermanentError,
    TemporaryError,
    UnknownOutcomeError,
)
from flowhost_http.config import ClientConfig
from flowhost_http.exchange import Answer, Request, place_of
from flowhost_http.tokens import Tokens

if TYPE_CHECKING:
    from flowhost_http.driver import Driver

SHORTEST_SECRET = 4
ASK_S = 5.0
"""How long a service in doubt may take to answer a harmless request."""
ASK_AT_MOST = 10
"""Each of so many times, the real request goes out instead."""


class HttpClient(Connection[ClientConfig]):
    """A web service, spoken to over as many network connections as there are requests at once.

    HTTP has no standing link: `open` makes sure that the port answers; later a request that cannot be sent tells that
    the service is lost, the next that can be sent that it is back. After a request that got no answer, a harmless one
    (that of the Test button) asks first whether anybody is there, so that a service that hangs does not get one request
    after the other of which nobody knows what became. Once the service has refused who we are, nothing more is sent
    until the flow is started again, because repeated attempts lock accounts. A token of a token service (`oauth2`) is
    fetched with the first request, shared by all nodes and renewed before it runs out.
    """

    spec: ClassVar[ConnectionSpec] = ConnectionSpec(
        id="http.client",
        title="HTTP service",
        summary="A web service that requests are sent to.",
        icon="http",
        keywords=("http", "https", "rest", "web", "api", "url"),
    )
    Config: ClassVar[type[ClientConfig]] = ClientConfig

    def __init__(self, config: ClientConfig, context: ConnectionContext) -> None:
        super().__init__(config, context)
        self._driver: Driver | None = None
        self._tokens: Tokens | None = None
        self._lost = ""
        self._refused = ""
        self._doubts = 0
        self._asking = asyncio.Lock()

    @property
    def base_url(self) -> str:
        """Address without a slash at its end."""
        return self.config.base_url.rstrip("/")

    @override
    async def open(self) -> None:
        """Read certificates, see whether the port answers. Raises `NotConnectedError` or `PermanentError`."""
        await self.close()
        self._lost = self._refused = ""
        self._doubts = 0
        self._driver = await self._new_driver()
        self._tokens = await self._new_tokens()
        await self._knock()

    @override
    async def close(self) -> None:
        """Close all network connections."""
        driver, self._driver = self._driver, None
        tokens, self._tokens = self._tokens, None
        if driver is not None:
            await driver.close()
        if tokens is not None:
            await tokens.close()

    @override
    def health(self) -> str:
        """Whether the last request could be sent."""
        return self._refused or self._lost or (f"ready: {self._place}" if self._driver else "")

    async def send(self, request: Request) -> Answer:
        """Send one request.

        Raises:
            NotConnectedError: nothing was sent.
            UnknownOutcomeError: sent, but no answer came.
            AuthenticationError: the service refused who we are, now or before.
            MessageError: the request cannot be written as HTTP.
        """
        if self._refused:
            raise AuthenticationError(self._refused)
        driver = self._driver
        if driver is None:
            raise NotConnectedError(f"{self.context.name} is not open")
        try:
            await self._resolve_doubt(driver)
            answer = await self._exchange(driver, self._tokens, request)
        except AuthenticationError as error:
            self._refused = str(error)
            raise
        except NotConnectedError as error:
            if not self._lost:
                self._lost = str(error)
                self.context.board.notice("lost", self._lost)
            raise
        except UnknownOutcomeError:
            self._doubts = self._doubts or 1
            raise
        self._doubts = 0
        if self._lost:
            self._lost = ""
            self.context.board.notice("restored", f"{self._place} can be reached again")
        if answer.status == 401:
            self._refused = refusal(self._place, answer)
            raise AuthenticationError(self._refused)
        return answer

    async def test(self) -> str:
        """Ask for `test_path`, or for the base address without its content."""
        request = self._harmless()
        driver, tokens = await self._new_driver(), await self._new_tokens()
        started = time.perf_counter()
        try:
            answer = await self._exchange(driver, tokens, request)
        except UnknownOutcomeError as error:
            raise NotConnectedError(str(error)) from error
        finally:
            await driver.close()
            if tokens is not None:
                await tokens.close()
        return self._verdict(request.method, answer, round((time.perf_counter() - started) * 1000))

    def hide(self, text: str) -> str:
        """The text without our secrets, which a service may send back in its answers."""
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return text

    @property
    def _place(self) -> str:
        return place_of(self.config.base_url)

    def _harmless(self) -> Request:
        """A request that changes nothing."""
        path = self.config.test_path.lstrip("/")
        return Request("GET" if path else "HEAD", f"{self.base_url}/{path}" if path else self.config.base_url)

    async def _resolve_doubt(self, driver: Driver) -> None:
        """Ask whether anybody is there, if the last request got no answer; whatever is answered will do.

        Raises `NotConnectedError` if nobody is.
        """
        before = self._doubts
        async with self._asking:
            if not self._doubts or (self._doubts == before and before % ASK_AT_MOST == 0):
                return  # a service may be deaf to this request only
            request = self._harmless()
            silence = NotConnectedError(f"{self._place} gives no answer, not even to {request.method}")
            if self._doubts != before:
                raise silence  # another message has asked meanwhile
            self._doubts += 1
            try:
                async with asyncio.timeout(min(self.config.timeout_s, ASK_S)):
                    await driver.exchange(request)
            except (UnknownOutcomeError, TimeoutError) as error:
                raise silence from error
            self._doubts = 0

    async def _new_driver(self) -> Driver:
        return await asyncio.to_thread(self._make_driver)

    def _make_driver(self) -> Driver:
        from flowhost_http.driver import Driver  # httpx2 takes time and reads files to import

        return Driver(self.config, self.context.base_dir)

    async def _new_tokens(self) -> Tokens | None:
        if self.config.auth != "oauth2":
            return None
        return Tokens(self.config, await asyncio.to_thread(self._make_plain_driver), time.monotonic)

    def _make_plain_driver(self) -> Driver:
        from flowhost_http.driver import Driver

        return Driver(self.config, self.context.base_dir, plain=True)

    async def _exchange(self, driver: Driver, tokens: Tokens | None, request: Request) -> Answer:
        """Send as who we are; once more with another token where the first is not taken: it was not acted on."""
        if tokens is None:
            return await driver.exchange(request)
        token = await tokens.get()
        answer = await driver.exchange(with_token(request, token))
        if answer.status != 401:
            return answer
        tokens.drop(token)
        return await driver.exchange(with_token(request, await tokens.get()))

    async def _knock(self) -> None:
        """Open and close a connection to the service, or to the proxy before it."""
        parts = urlsplit(self.config.proxy or self.config.base_url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            async with asyncio.timeout(self.config.timeout_s):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, UnicodeError) as error:
            from flowhost_http.driver import obstacle

            raise NotConnectedError(f"{host}:{port} {obstacle(error, self.config.timeout_s)}") from error
        writer.close()
        with contextlib.suppress(OSError):  # it answered, which is all we wanted to know
            await writer.wait_closed()

    def _verdict(self, method: str, answer: Answer, took_ms: int) -> str:
        said = f"{answer.status} {answer.phrase}".strip()
        if answer.status in (401, 403):
            raise AuthenticationError(refusal(self._place, answer))
        if answer.status >= 500:
            raise TemporaryError(f"{self._place} answers, but with {said}: look at the service")
        if method == "GET" and answer.status >= 300:
            raise PermanentError(f"{self._place} answers GET {self.config.test_path} with {said}: check `test_path`")
        found = f"{self._place} answers: {method} gave {said} after {took_ms} ms"
        if 300 <= answer.status < 400 and (target := answer.headers.get("location", "")):
            return f"{found}; it points to {target.partition('?')[0]}, which belongs into `base_url`"
        return found

    def _secrets(self) -> list[str]:
        config = self.config
        own = (config.password, config.token, config.client_secret, config.key_password)
        found = [secret.get_secret_value() for secret in own if secret is not None]
        if self._tokens is not None:
            found.append(self._tokens.known)
        if config.auth == "basic" and config.password is not None:
            found.append(base64.b64encode(f"{config.username}:{config.password.get_secret_value()}".encode()).decode())
        found += config.headers.values()
        return sorted((s for s in found if len(s) >= SHORTEST_SECRET), key=len, reverse=True)


def with_token(request: Request, token: str) -> Request:
    """The request as who the token stands for."""
    return msgspec.structs.replace(request, headers={**request.headers, "Authorization": f"Bearer {token}".encode()})


def refusal(place: str, answer: Answer) -> str:
    """What to do about 401 and 403."""
    if answer.status == 401:
        return f"{place} does not let us in (401): check `auth` and its secret, then start the flow again"
    return f"{place} forbids it (403): give the user of this connection the right, then start the flow again"
