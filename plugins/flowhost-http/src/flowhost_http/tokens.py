"""OAuth 2 client credentials (RFC 6749, 4.4): one access token for all nodes of a connection, renewed in time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlencode

import msgspec

from flowhost.sdk import AuthenticationError, NotConnectedError, UnknownOutcomeError
from flowhost_http.config import ClientConfig
from flowhost_http.exchange import Answer, Request, place_of
from flowhost_http.values import first_line

if TYPE_CHECKING:
    from flowhost_http.driver import Driver

EARLY_S = 30.0
"""A token is renewed so long before it runs out, or after nine tenths of a short life: requests take time."""


class Grant(msgspec.Struct):
    """What the token service answers (RFC 6749, 5.1)."""

    access_token: str
    token_type: str
    expires_in: float | None = None


class Tokens:
    """The access token of a connection. Asked for by several at once, it is fetched once.

    Args:
        config: where from and as whom.
        driver: speaks to the token service, with none of the headers meant for the web service.
        now_s: a steady clock, seconds.
    """

    def __init__(self, config: ClientConfig, driver: Driver, now_s: Callable[[], float]) -> None:
        self._config = config
        self._driver = driver
        self._now_s = now_s
        self._turn = asyncio.Lock()
        self._token = ""
        self._renew_at = 0.0

    @property
    def known(self) -> str:
        """The token there is, good or not; empty before the first."""
        return self._token

    async def get(self) -> str:
        """A token that is good for a while.

        Raises:
            AuthenticationError: the token service refuses who we are.
            NotConnectedError: it cannot be asked now.
        """
        async with self._turn:
            if not self._token or self._now_s() >= self._renew_at:
                grant = self._granted(await self._asked())
                life_s = grant.expires_in
                self._renew_at = float("inf") if life_s is None else self._now_s() + max(life_s - EARLY_S, 0.9 * life_s)
                self._token = grant.access_token
            return self._token

    def drop(self, token: str) -> None:
        """The web service does not take this one: the next call fetches another, unless somebody has already."""
        if token == self._token:
            self._renew_at = 0.0

    async def close(self) -> None:
        """Close the connections to the token service."""
        await self._driver.close()

    async def _asked(self) -> Answer:
        config = self._config
        assert config.client_secret is not None
        secret = config.client_secret.get_secret_value()
        form = {"grant_type": "client_credentials"} | ({"scope": config.scope} if config.scope else {})
        headers = {"Content-Type": b"application/x-www-form-urlencoded", "Accept": b"application/json"}
        if config.client_auth == "basic":
            # both are form-encoded first (RFC 6749, 2.3.1)
            pair = f"{quote_plus(config.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = b"Basic " + base64.b64encode(pair.encode())
        else:
            form |= {"client_id": config.client_id, "client_secret": secret}
        try:
            return await self._driver.exchange(Request("POST", config.token_url, headers, urlencode(form).encode()))
        except UnknownOutcomeError as error:
            # nothing of the message has left: it can be tried again
            raise NotConnectedError(f"the token service: {error}") from error

    def _granted(self, answer: Answer) -> Grant:
        place = place_of(self._config.token_url)
        said = f"{answer.status} {answer.phrase}".strip()
        if answer.status in (400, 401, 403):
            secret = self._config.client_secret
            line = first_line(answer.body).replace(secret.get_secret_value() if secret else "\0", "***")
            raise AuthenticationError(
                f"the token service {place} refuses this client ({said}: {line}): check `client_id`, `client_secret`, "
                "`scope` and `client_auth`, then start the flow again"
            )
        if answer.status != 200:
            raise NotConnectedError(f"the token service {place} gives no token ({said}): look at `token_url`")
        try:
            grant = msgspec.json.decode(answer.body, type=Grant)
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the token service {place} answers something that is no token ({error}): look at `token_url`"
            raise NotConnectedError(msg) from error
        if grant.token_type.lower() != "bearer" or not grant.access_token.isprintable():
            raise NotConnectedError(
                f"the token service {place} gives a token of type {grant.token_type!r:.40}, not Bearer"
            )
        return grant
