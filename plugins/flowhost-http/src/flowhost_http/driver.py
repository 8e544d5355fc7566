"""The HTTP library, httpx2: the only module that knows it, and that says whether a request had left."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import msgspec

from flowhost.sdk import MessageError, NotConnectedError, PermanentError, UnknownOutcomeError
from flowhost_http.config import ClientConfig
from flowhost_http.exchange import Answer, Request, place_of

LARGEST_ANSWER = 1_048_576
KEEP_ALIVE_S = 2.0
"""Servers commonly close idle connections after 5 s; a request on one that is just being closed goes unanswered."""
OURS = {"Accept-Encoding": "identity", "User-Agent": "FlowHost"}
REDIRECTS = 3
SAME_METHOD = (307, 308)
"""Redirects that keep method and body (RFC 9110, 15.4.8 and 15.4.9)."""

for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log addresses and headers, which may hold secrets


class Driver:
    """An HTTP client with its pool of connections. Making one reads certificates: do it in a thread.

    Args:
        config: of the connection.
        base_dir: what its files are relative to.
        plain: without what is meant for the web service itself: its headers, its password or token.

    Raises:
        PermanentError: certificates that cannot be read.
    """

    def __init__(self, config: ClientConfig, base_dir: Path, *, plain: bool = False) -> None:
        fixed = OURS if plain else _fixed_headers(config)
        self._timeout_s = config.timeout_s
        self._client = httpx2.AsyncClient(
            headers=[(name.encode(), value.encode()) for name, value in fixed.items()],
            verify=_trust(config, base_dir),
            proxy=config.proxy or None,
            timeout=config.timeout_s,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=KEEP_ALIVE_S),
            trust_env=False,  # no proxy, certificate or .netrc that nobody wrote down in the flow
        )

    async def exchange(self, request: Request) -> Answer:
        """Send a request and read the answer; follows redirects within the same scheme, host and port.

        Raises:
            NotConnectedError: nothing was sent.
            UnknownOutcomeError: sent, but no answer came, or nothing that is HTTP.
            MessageError: the request cannot be written as HTTP.
        """
        answer = await self._once(request)
        for _ in range(REDIRECTS):
            target = _same_origin_target(request.url, answer)
            if target is None:
                break
            request = msgspec.structs.replace(request, url=target)
            answer = await self._once(request)
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _once(self, request: Request) -> Answer:
        attempt = Attempt()
        try:
            async with asyncio.timeout(self._timeout_s):
                await attempt.run(self._client, request)
        except (httpx2.InvalidURL, httpx2.LocalProtocolError, httpx2.UnsupportedProtocol, UnicodeError) as error:
            raise MessageError(f"this cannot be written as an HTTP request: {error}") from error
        except (httpx2.HTTPError, TimeoutError, OSError) as error:
            if attempt.answer is None:
                attempt.fail(error, request.url, self._timeout_s)
        assert attempt.answer is not None
        return attempt.answer


class Attempt:
    """One request on its way.

    Attributes:
        sent: its head went to the operating system; from then on the target may act on it.
        answer: status, and as much of the body as came.
    """

    def __init__(self) -> None:
        self.sent = False
        self.answer: Answer | None = None

    async def run(self, client: httpx2.AsyncClient, request: Request) -> None:
        """Send, then read."""
        extensions = {"trace": self._trace}
        headers = [(name.encode(), value) for name, value in request.headers.items()]
        async with client.stream(
            request.method, request.url, headers=headers, content=request.body, extensions=extensions
        ) as response:
            fields = {name.lower(): value for name, value in response.headers.items()}
            head = self.answer = Answer(response.status_code, response.reason_phrase, fields, b"", "broke off")
            body, cut = bytearray(), ""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    cut = f"longer than {LARGEST_ANSWER} bytes"
                    break
            self.answer = msgspec.structs.replace(head, body=bytes(body[:LARGEST_ANSWER]), cut=cut)

    def fail(self, error: Exception, url: str, timeout_s: float) -> None:
        """Raise what this means: not sent, or no answer."""
        where = place_of(url)
        if self.sent:
            raise UnknownOutcomeError(f"{where} {_silence(error, timeout_s)}") from error
        raise NotConnectedError(f"{where} {obstacle(error, timeout_s)}") from error

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        # a proxy's CONNECT is not yet our request
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self.sent = True


def _fixed_headers(config: ClientConfig) -> dict[str, str]:
    fixed = {**OURS, **config.headers}
    if config.auth == "basic" and config.password is not None:
        pair = f"{config.username}:{config.password.get_secret_value()}"
        fixed["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    if config.auth == "bearer" and config.token is not None:
        fixed["Authorization"] = f"Bearer {config.token.get_secret_value()}"
    return fixed


def _trust(config: ClientConfig, base_dir: Path) -> ssl.SSLContext | bool:
    if not config.cert_file:
        return _authorities(config, base_dir)
    context = httpx2.create_ssl_context(verify=_authorities(config, base_dir), trust_env=False)
    cert, key = base_dir / config.cert_file, base_dir / (config.key_file or config.cert_file)
    password = config.key_password.get_secret_value() if config.key_password is not None else ""
    try:
        # given in any case: asked for one, OpenSSL would wait at a terminal
        context.load_cert_chain(cert, key, password)
    except (OSError, ssl.SSLError) as error:
        msg = (
            f"the certificate in {cert} or its key in {key} cannot be used; they are PEM files that belong together, "
            f"`key_password` opens the key: {error}"
        )
        raise PermanentError(msg) from error
    return context


def _authorities(config: ClientConfig, base_dir: Path) -> ssl.SSLContext | bool:
    if not config.verify:
        return False
    if not config.ca_file:
        return True
    file = base_dir / config.ca_file
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        msg = f"the certificates in {file} cannot be read; `ca_file` names a PEM file that FlowHost may read: {error}"
        raise PermanentError(msg) from error


def _same_origin_target(url: str, answer: Answer) -> str | None:
    location = answer.headers.get("location", "")
    if answer.status not in SAME_METHOD or not location:
        return None
    target = urljoin(url, location)
    return target if place_of(target) == place_of(url) and "@" not in urlsplit(target).netloc else None


def _silence(error: Exception, timeout_s: float) -> str:
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return f"did not answer within {timeout_s:g} s"
    if isinstance(error, httpx2.RemoteProtocolError) and "disconnected" not in str(error):
        return f"answered something that is not HTTP ({error})"
    return "broke the connection before it answered"


def obstacle(error: Exception, timeout_s: float) -> str:
    """Why nothing could be sent, and what to do."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message
            return f"shows a certificate that is not trusted: give its CA in `ca_file`, check the name ({why})"
        if isinstance(cause, ssl.SSLError):
            return f"does not speak TLS as we do: check http or https, and the port ({cause.reason})"
        if isinstance(cause, socket.gaierror):
            return "has a name that is not known here: check `base_url` (or `proxy`) and the name server"
        if isinstance(cause, ConnectionRefusedError):
            return "refused the connection, nothing listens there: start the service, check host and port"
    if isinstance(error, httpx2.ProxyError):
        return f"cannot be reached: the proxy refused ({error}); check `proxy` and its rules"
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return f"cannot be reached within {timeout_s:g} s: check host, port and firewall"
    return f"cannot be reached: {str(causes[-1]) or type(causes[-1]).__name__}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, outermost first."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner)
    following = error.__cause__ or error.__context__
    if following is not None:
        yield from _causes(following)
