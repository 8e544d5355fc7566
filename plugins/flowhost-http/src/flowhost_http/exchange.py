"""A request and its answer, in our own words."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec


class Request(msgspec.Struct, frozen=True):
    """What is sent.

    Attributes:
        method: POST and so on.
        url: the whole address.
        headers: by name.
        body: bytes.
    """

    method: str
    url: str
    headers: Mapping[str, bytes] = {}
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """What came back.

    Attributes:
        status: 200 and so on.
        phrase: the status in words.
        headers: by name in lower case.
        body: as received, up to 1 MiB.
        cut: why the body is not complete; empty if it is.
    """

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes
    cut: str = ""


def place_of(url: str) -> str:
    """Scheme, host and port, without path and query, which may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
