"""Configs of the connection `http.client` and the node `http.send`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from flowhost.sdk import Config, Expression, Secret, Template, setting

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, 5.6.2)."""
OURS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
"""Headers that follow from the request itself."""

Status = Annotated[int, Field(ge=200, le=599)]


class ClientConfig(Config):
    """A web service."""

    model_config = ConfigDict(hide_input_in_errors=True)  # a refused URL may hold a password

    base_url: str = setting(example="https://mes.plant.example/api/v1")
    """Address that paths of the nodes are added to."""
    auth: Literal["none", "basic", "bearer", "oauth2"] = setting("none")
    """How we say who we are: `basic` with username and password, `bearer` with a token, `oauth2` with a token that a
    token service gives us for `client_id` and `client_secret` (RFC 6749, 4.4)."""
    username: str = setting("", only_if={"auth": "basic"})
    """User name for `basic`."""
    password: Secret | None = setting(None, only_if={"auth": "basic"})
    """Password for `basic`, as a reference such as `{secret: mes_password}`."""
    token: Secret | None = setting(None, only_if={"auth": "bearer"})
    """Token for `bearer`, as a reference such as `{secret: mes_token}`."""
    token_url: str = setting("", only_if={"auth": "oauth2"}, example="https://login.plant.example/oauth2/token")
    """Of `oauth2`: where tokens are given out."""
    client_id: str = setting("", only_if={"auth": "oauth2"})
    """Of `oauth2`: who we are to the token service."""
    client_secret: Secret | None = setting(None, only_if={"auth": "oauth2"})
    """Of `oauth2`: as a reference such as `{secret: mes_client}`."""
    scope: str = setting("", only_if={"auth": "oauth2"}, example="orders.write")
    """Of `oauth2`: what the token is to allow, where the token service wants to know."""
    client_auth: Literal["basic", "body"] = setting("basic", advanced=True, only_if={"auth": "oauth2"})
    """Of `oauth2`: whether id and secret go in the header Authorization or in the body (RFC 6749, 2.3.1)."""
    headers: dict[str, str] = setting(default_factory=dict, repr=False, example={"X-Plant": "1"})
    """Sent with every request. A key of the service stands here as `{secret: name}`."""
    timeout_s: float = setting(10.0, gt=0, le=600, unit="s")
    """How long a request may take, from connecting to the end of the answer."""
    verify: bool = setting(True, advanced=True)
    """Check who the server is. Switched off, anybody in between can read and change everything."""
    ca_file: str = setting("", advanced=True, example="certs/plant-ca.pem")
    """Certificates that are trusted to sign the server's (PEM). Empty: those of the operating system."""
    cert_file: str = setting("", advanced=True, example="certs/flowhost.pem")
    """Certificate we show to the service (PEM), where it wants one; with the private key, or with `key_file`."""
    key_file: str = setting("", advanced=True, only_if={"cert_file": True}, example="certs/flowhost.key")
    """Private key of `cert_file` (PEM), where it is not in the same file."""
    key_password: Secret | None = setting(None, advanced=True, only_if={"cert_file": True})
    """Password of the private key, as a reference such as `{secret: mes_key}`."""
    proxy: str = setting("", advanced=True, example="http://proxy.plant.example:3128")
    """Proxy to go through. Variables such as HTTPS_PROXY are not looked at."""
    test_path: str = setting("", advanced=True, example="health")
    """What the Test button asks for with GET; left out, it asks for the base address with HEAD."""

    @field_validator("base_url", "proxy", "token_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        return _checked_url(url) if url else url

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        check_names(list(headers))
        for name, value in headers.items():
            if not value.isprintable():
                msg = f"the value of {name} holds a line break or another character that no header may have"
                raise ValueError(msg)
        return headers

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.base_url:
            raise ValueError("'base_url' is empty; write an address such as https://mes.plant.example/api")
        if urlsplit(self.base_url).query or urlsplit(self.base_url).fragment:
            raise ValueError("'base_url' ends before ? and #; give the rest in the node's `path`")
        if self.auth != "none" and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("'auth' and a header Authorization exclude each other")
        self._check_auth()
        self._check_oauth2()
        if (self.key_file or self.key_password is not None) and not self.cert_file:
            raise ValueError("there is a private key or its password, but no 'cert_file'")
        return self

    def _check_oauth2(self) -> None:
        given = [self.token_url, self.client_id, self.client_secret]
        if self.auth == "oauth2" and not all(given):
            raise ValueError("auth 'oauth2' needs 'token_url', 'client_id' and 'client_secret'")
        if self.auth != "oauth2" and any(value for value in (*given, self.scope)):
            raise ValueError("there is a token service, client or scope, but 'auth' is not 'oauth2'")

    def _check_auth(self) -> None:
        if self.auth == "basic" and (not self.username or self.password is None):
            raise ValueError("auth 'basic' needs 'username' and 'password'")
        if ":" in self.username:
            raise ValueError("'username' cannot hold a colon (RFC 7617)")
        if self.auth == "bearer" and self.token is None:
            raise ValueError("auth 'bearer' needs 'token'")
        if self.auth != "basic" and (self.username or self.password is not None):
            raise ValueError("there is a username or password, but 'auth' is not 'basic'")
        if self.auth != "bearer" and self.token is not None:
            raise ValueError("there is a token, but 'auth' is not 'bearer'")


class AskConfig(Config):
    """How to find out whether the service has what got no answer."""

    path: Template = setting(example="orders/{url_part(payload.order)}")
    """What is asked for with GET, added to the connection's address; it names what this message has made."""
    found: tuple[Status, ...] = setting((200,), min_length=1)
    """Answers that mean: it is there, the message was done."""
    missing: tuple[Status, ...] = setting((404, 410), min_length=1)
    """Answers that mean: it is not there, the message is sent again. All others mean that nobody can say yet, and it is
    asked again later."""
    after_s: float = setting(5.0, ge=0, le=3600, unit="s")
    """Wait before the first question, for as long as the service may still be busy with the request that got no
    answer."""


class SendConfig(Config):
    """Sends each message as a request."""

    method: Literal["POST", "PUT", "PATCH"] = setting("POST")
    """POST adds, PUT replaces, PATCH changes a part."""
    path: Template = setting("", example="orders/{url_part(payload.order)}/confirmations")
    """Added to the connection's address. `url_part(...)` makes a value one part of it, whatever characters it has."""
    body: Expression | None = setting(None, example="{'order': payload.order, 'good': payload.good}")
    """What is sent; left out, the whole payload. Bytes and text as they are, everything else as JSON."""
    headers: dict[str, Template] = setting(default_factory=dict, example={"X-Machine": "{key}"})
    """Further headers; one of the same name goes before the connection's."""
    idempotency_header: str = setting("Idempotency-Key", advanced=True)
    """Header that carries flow, node and message id, the same on every attempt, so that the target can count a request
    once; empty sends none."""
    ok_statuses: tuple[Status, ...] = setting(default_factory=tuple, advanced=True, example=[409])
    """Answers that mean done, besides 200 to 299; 409 where the target says so of what it already has."""
    parallel: int = setting(4, ge=1, le=64, advanced=True)
    """Requests at once. Messages of one key (else topic) follow each other, whatever this says."""
    resend_unanswered: bool | None = setting(None, advanced=True)
    """Send again when no answer came: right where the target counts a repeated idempotency key once. Left out: PUT
    only, which may be repeated by its nature (RFC 9110, 9.2.2). Otherwise the service is asked, where `ask` says how,
    else a person decides."""
    ask: AskConfig | None = setting(None, advanced=True)
    """How to find out what became of a request that got no answer, where it must not be sent again blindly."""

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, Template]) -> dict[str, Template]:
        check_names(list(headers))
        return headers

    @field_validator("idempotency_header")
    @classmethod
    def _check_idempotency_header(cls, name: str) -> str:
        check_names([name] if name else [])
        return name

    @model_validator(mode="after")
    def _check_key_once(self) -> Self:
        if self.idempotency_header.lower() in {name.lower() for name in self.headers}:
            raise ValueError(f"{self.idempotency_header} is sent anyway; take it out of 'headers', or empty "
                             "'idempotency_header' to send your own")  # fmt: skip
        return self


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no address; write one such as https://mes.plant.example/api") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or password; write `auth: basic`, `username` and `password: {secret: name}`")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("must begin with http:// or https:// and a host, such as https://mes.plant.example/api")
    if not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("holds a space, backslash or line break; write them as %20 and so on")
    return url


def check_names(names: list[str]) -> None:
    """Names of headers that a user may set, each once. Raises `ValueError`."""
    for name in names:
        if not HEADER_NAME.fullmatch(name):
            msg = f"{name!r} is no name of a header: letters, digits and - only"
            raise ValueError(msg)
        if name.lower() in OURS:
            msg = f"{name} follows from the request itself; leave it out"
            raise ValueError(msg)
    if len({name.lower() for name in names}) < len(names):
        raise ValueError("each header is named once; upper and lower case are the same")
