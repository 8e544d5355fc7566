"""Node ids as people write them, and the namespace table that gives them meaning in a session."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["i", "s", "g", "b"]

_FORM = re.compile(r"(?:ns=(?P<index>\d{1,5});|nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<text>.+)", re.DOTALL)
_NUMERIC_LIMIT = 2**32

LOCAL_SERVER = 1
"""Indices 0 and 1 are fixed by the standard: OPC UA itself and the server."""


@dataclass(frozen=True)
class NodeRef:
    """A node id as configured (OPC 10000-6, 5.3.1.10), not yet bound to a session.

    Attributes:
        text: as the user wrote it.
        uri: namespace URI, where the user wrote one; survives a server that numbers its namespaces anew.
        index: namespace index, where the user wrote one (0 without either).
        kind: i numeric, s text, g GUID, b opaque bytes.
        identifier: the part behind `s=`, `i=`, ...
    """

    text: str
    uri: str
    index: int
    kind: Kind
    identifier: int | str | uuid.UUID | bytes

    @property
    def topic(self) -> str:
        """Default topic: the identifier alone where it is text (`Line1.Speed`), else the whole node id."""
        return self.identifier if isinstance(self.identifier, str) else self.text


class UnknownNamespaceError(LookupError):
    """The server has no namespace of that URI at the moment."""


def parse_node(text: str) -> NodeRef:
    """Read `ns=2;s=Line1.Speed`, `i=2258`, `nsu=http://example.com/line;s=Speed` and the g= and b= forms.

    Raises:
        ValueError: what is wrong and how it should look.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        msg = f"{text!r} is not an OPC UA node id; write for example ns=2;s=Line1.Speed or nsu=http://example.com/line;s=Speed"
        raise ValueError(msg)
    kind: Kind = match["kind"]  # type: ignore[assignment]  # the pattern admits these four only
    uri = (match["uri"] or "").replace("%3B", ";").replace("%3b", ";").replace("%25", "%")
    return NodeRef(text.strip(), uri, int(match["index"] or 0), kind, _identifier(kind, match["text"], text))


def _identifier(kind: Kind, value: str, text: str) -> int | str | uuid.UUID | bytes:
    try:
        if kind == "i":
            number = int(value)
            if not 0 <= number < _NUMERIC_LIMIT:
                raise ValueError
            return number
        if kind == "g":
            return uuid.UUID(value)
        if kind == "b":
            return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error) as error:
        wanted = {"i": "a whole number from 0 to 4294967295", "g": "a GUID", "b": "base64 text"}[kind]
        msg = f"{text!r} is not an OPC UA node id: behind {kind}= there must be {wanted}"
        raise ValueError(msg) from error
    return value


class Namespaces:
    """The server's namespace table now, and as it was when the connection first opened.

    A server may number its namespaces anew after a restart (another module loaded first). An index in the flow file
    means the namespace it meant at first, so a value never arrives under another tag's name (OPC 10000-3, 8.2.2).
    """

    def __init__(self) -> None:
        self._first: dict[int, str] = {}
        self._now: list[str] = []

    def update(self, uris: Sequence[str]) -> list[str]:
        """Take the table of a new session; says in words which namespaces have another index than at first."""
        self._now = list(uris)
        for index, uri in enumerate(self._now):
            if index > LOCAL_SERVER and uri and index not in self._first and uri not in self._first.values():
                self._first[index] = uri
        return [
            f"namespace {uri} is now index {self._now.index(uri)}, it was {index}"
            for index, uri in self._first.items()
            if uri in self._now and self._now.index(uri) != index
        ]

    def index_of(self, ref: NodeRef) -> int:
        """Index to use in this session.

        Raises:
            UnknownNamespaceError: the server has no such namespace now.
        """
        uri = ref.uri or self._first.get(ref.index, "")
        if not uri:
            return ref.index
        if uri not in self._now:
            msg = f"the server has no namespace {uri}"
            raise UnknownNamespaceError(msg)
        return self._now.index(uri)

    def __len__(self) -> int:
        return len(self._now)
