"""Config of the node `http.request`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import field_validator, model_validator

from flowhost.sdk import Config, Expression, Template, setting
from flowhost_http.config import Status, check_names


class RequestConfig(Config):
    """Asks a web service something for each message."""

    method: Literal["GET", "POST"] = setting("GET")
    """GET, or POST for a search that is written in the body. The request must change nothing: it is repeated whenever
    an answer stays away. To change something, use `http.send`."""
    path: Template = setting("", example="orders/{url_part(payload.order)}")
    """Added to the connection's address. `url_part(...)` makes a value one part of it, whatever characters it has."""
    query: dict[str, Expression] = setting(default_factory=dict, example={"line": "payload.line", "limit": "100"})
    """What stands behind the `?`; a value that is null is left out, a list stands there once per item."""
    body: Expression | None = setting(None, only_if={"method": "POST"}, example="{'since': payload.since}")
    """Of POST: what is sent; text and bytes as they are, everything else as JSON."""
    headers: dict[str, Template] = setting(default_factory=dict, example={"Accept-Language": "en"})
    """Further headers; one of the same name goes before the connection's."""
    into: str = setting("", example="order")
    """Field of the payload that takes the answer; left empty, the answer is the payload."""
    empty_statuses: tuple[Status, ...] = setting((), title="Statuses for nothing", example=[404])
    """Answers that mean that there is nothing: null is taken for the answer. Otherwise such a message fails."""
    items: Expression | None = setting(None, example="payload.value")
    """What of the answer is taken; `payload` is the answer. With pages it must be a list, and all lists become one."""
    pages: Literal["none", "link", "next"] = setting("none")
    """How a long answer goes on. `link`: where the header Link says `rel="next"` (RFC 8288). `next`: where the
    expression `next` says."""
    next: Expression | None = setting(None, only_if={"pages": "next"}, example="get(payload, '@odata.nextLink', '')")
    """Of pages `next`: address of the next page, worked out on an answer; null or empty ends."""
    max_pages: int = setting(100, ge=1, le=10_000, advanced=True, only_if={"pages": ["link", "next"]})
    """More pages than this are taken for a mistake, and the message fails."""
    parallel: int = setting(4, ge=1, le=64, advanced=True)
    """Requests at once. Messages of one key (else topic) follow each other, whatever this says."""

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, Template]) -> dict[str, Template]:
        check_names(list(headers))
        return headers

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.body is not None and self.method == "GET":
            raise ValueError("a GET has no body; write what it asks for in `query`, or set method POST")
        if (self.pages == "next") != (self.next is not None):
            raise ValueError("pages `next` and the expression `next` belong together")
        if self.pages != "none" and self.items is None:
            raise ValueError("with pages, `items` has to say which list of each answer is taken")
        return self
