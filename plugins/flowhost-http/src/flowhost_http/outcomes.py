"""What happens next, by the class of an answer."""

from __future__ import annotations

from collections.abc import Collection

from flowhost.sdk import Message, Ok, Reject, Retry, WriteOutcome
from flowhost_http.exchange import Answer
from flowhost_http.values import first_line, retry_after_s, value_of

LATER = {408: "took too long to read the request", 425: "wants it later", 429: "gets too many requests"}
"""Refusals that pass (RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4)."""
FOR_ALL = (429, 503)
"""Concern the service, not the request: all that follow wait, too."""


def outcome_of(answer: Answer, ok_statuses: Collection[int], now_ns: int) -> WriteOutcome:
    """Done, later, or never.

    Args:
        answer: to a request; never 401 or 403.
        ok_statuses: what means done besides 200 to 299.
        now_ns: for a date in Retry-After.
    """
    status = answer.status
    if 200 <= status < 300 or status in ok_statuses:
        return Ok()
    said = f"{status} {answer.phrase}".strip()
    if status in LATER or status >= 500:
        why = LATER.get(status, "has a fault of its own")
        return Retry(retry_after_s(answer.headers.get("retry-after", ""), now_ns), f"the target {why} ({said})")
    if 300 <= status < 400:
        target = answer.headers.get("location", "").partition("?")[0]
        return Reject(f"the target points elsewhere ({said}), to {target!r:.200}: correct `base_url` or `path`")
    line = first_line(answer.body)
    return Reject(f"the target refused it: {said}" + (f": {line}" if line else ""))


def answer_message(message: Message, answer: Answer) -> Message:
    """The answer as a message of its own that keeps the meta of the request.

    `cut` says why a body is missing: it was longer than 1 MiB, or broke off after the target had confirmed.
    """
    body = None if answer.cut else value_of(answer.body, answer.headers.get("content-type", ""))
    payload = {"status": answer.status, "body": body}
    return message.with_payload({**payload, "cut": answer.cut} if answer.cut else payload)
