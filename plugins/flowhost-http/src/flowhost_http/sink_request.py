"""`http.request`: each message asks a web service, and goes on with the answer."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from urllib.parse import urlencode, urljoin

from typing_extensions import override

from flowhost.sdk import (
    Expression,
    Message,
    MessageError,
    NodeContext,
    NodeSpec,
    Ok,
    Port,
    Retry,
    UnknownOutcomeError,
    WriteOutcome,
)
from flowhost_http.config_request import RequestConfig
from flowhost_http.exchange import Answer, Request, place_of
from flowhost_http.requesting import Batch, Requesting
from flowhost_http.values import as_text, body_of, header_of, path_of, value_of

NEXT_LINK = re.compile(r'<([^>]*)>[^,]*?;\s*rel="?(?:[^",;]*\s)?next(?:\s[^",;]*)?"?(?:\s*[;,]|\s*$)', re.IGNORECASE)
"""A target whose relation is next (RFC 8288, 3)."""


class HttpRequest(Requesting[RequestConfig]):
    """Asks a web service for each message, and sends the message on with the answer.

    Guarantees: order per key (else topic); a request that got no answer is sent again, for it changes nothing. The
    message keeps its topic, time, key and id. Pages are followed at the same scheme, host and port only.
    """

    spec: ClassVar[NodeSpec] = NodeSpec(
        id="http.request",
        title="HTTP request",
        summary="Asks a web service and sends the answer on.",
        category="business",
        icon="travel_explore",
        ports=(Port(name="out", summary="the message with the answer"),),
        connection="http.client",
        keywords=("http", "rest", "get", "fetch", "query", "lookup", "api", "web", "erp", "mes", "odata"),
        idempotent=True,
    )
    Config: ClassVar[type[RequestConfig]] = RequestConfig

    def __init__(self, config: RequestConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self.parallel = config.parallel
        self._has_query = "?" in config.path.text

    @override
    async def exchange(self, message: Message, batch: Batch) -> WriteOutcome:
        """Ask, page by page."""
        config = self.config
        request: Request | None = self._first(message)
        found: list[Any] = []
        for _ in range(config.max_pages):
            assert request is not None
            answer = await self.client().send(request)
            if answer.status in config.empty_statuses:
                return self._done(message, found or None)
            outcome = self.judged(request, answer, (), batch)
            if not isinstance(outcome, Ok):
                return outcome
            page = message.with_payload(content_of(answer))
            value = page.payload if config.items is None else config.items.evaluate(page)
            if config.pages == "none":
                return self._done(message, value)
            if not isinstance(value, list):
                raise MessageError(f"`items` must give a list with pages but gave {value!r:.60}")
            found += value
            request = self._next(request, answer, page)
            if request is None:
                return self._done(message, found)
        raise MessageError(f"the answer has more than {config.max_pages} pages: ask for less, or raise `max_pages`")

    @override
    def unanswered(self, message: Message, error: UnknownOutcomeError) -> WriteOutcome:
        """It is asked again: nothing was changed."""
        return Retry(None, str(error))

    def _first(self, message: Message) -> Request:
        config = self.config
        path = path_of(config.path.render(message), has_query=self._has_query).lstrip("/")
        if query := query_of(config.query, message):
            path += ("&" if "?" in path else "?") + query
        headers = {name: header_of(name, text.render(message)) for name, text in config.headers.items()}
        names = {name.lower() for name in headers}
        if "accept" not in names:
            headers["Accept"] = b"application/json, */*;q=0.5"
        if config.body is None:
            return Request(config.method, self.url_of(path), headers)
        body, kind = body_of(config.body.evaluate(message))
        if "content-type" not in names:
            headers["Content-Type"] = kind.encode()
        return Request(config.method, self.url_of(path), headers, body)

    def _next(self, request: Request, answer: Answer, page: Message) -> Request | None:
        """The request for the next page; None at the end. Raises `MessageError` where it leads elsewhere."""
        if self.config.next is not None:
            target = self.config.next.evaluate(page)
            if target is not None and not isinstance(target, str):
                raise MessageError(f"`next` must give an address but gave {target!r:.60}")
        else:
            link = NEXT_LINK.search(answer.headers.get("link", ""))
            target = link[1] if link else None
        if not target:
            return None
        url = urljoin(request.url, target)
        # our password or token goes along
        if place_of(url) != place_of(request.url) or "@" in url.partition("://")[2].partition("/")[0]:
            raise MessageError(f"the next page is at {place_of(url)}, another service than {place_of(request.url)}")
        return Request(request.method, url, request.headers, request.body)

    def _done(self, message: Message, value: Any) -> Ok:
        if "out" not in self.context.wired_ports:
            return Ok()
        if not self.config.into:
            return Ok(message.with_payload(value))
        if not isinstance(message.payload, dict):
            raise MessageError(f"`into` names a field, and the payload is no object but {message.payload!r:.60}")
        return Ok(message.with_payload({**message.payload, self.config.into: value}))


def content_of(answer: Answer) -> Any:
    """What an answer holds. Raises `MessageError` where it is not whole."""
    if answer.cut:
        raise MessageError(f"the answer is {answer.cut}: ask for less, or for pages")
    return value_of(answer.body, answer.headers.get("content-type", ""))


def query_of(query: dict[str, Expression], message: Message) -> str:
    """What stands behind the question mark."""
    pairs = []
    for name, expression in query.items():
        value = expression.evaluate(message)
        values = value if isinstance(value, list) else [value]
        pairs += [(name, as_text(name, one)) for one in values if one is not None]
    return urlencode(pairs)
