"""Dead letters as one JSON document: everything that is known of them, for another folder, another host, or a person.

```
{"flowhost_dead_letters": 1, "exported_at": "2026-03-01T12:00:00+00:00",
 "letters": [{"flow": "orders", "id": "orders:4", "uid": "5f0c...", "node": "erp", "state": "dead",
              "at_ns": "1772366400123456789", "flow_revision": 7, "kind": "Reject", "reason": "no such order",
              "attempts": 3, "causes": [...], "original": {"payload": {...}, "meta": {...}}, "edits": [...]}]}
```
Payloads keep their types as `flowhost.services.typed_json` says. Nanoseconds are text: many readers of JSON would round
them. `uid` tells a letter from all others, wherever it is taken in; `id` is how it was named where it came from.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from flowhost.engine.outbox.codec import DamagedRowError, decode_message, encode_message
from flowhost.engine.outbox.letter import Cause, Letter, LetterEdit, LetterState
from flowhost.sdk import Message, Meta
from flowhost.services.letter_pictures import letter_id
from flowhost.services.typed_json import PayloadError, from_json, parse, to_json

VERSION = 1
END = "\n]}\n"
Nanoseconds = str


class ExportedMeta(msgspec.Struct, forbid_unknown_fields=True):
    """What is known of a message."""

    topic: str = ""
    time_ns: Nanoseconds = "0"
    quality: Literal["good", "uncertain", "bad"] = "good"
    status: int | None = None
    unit: str = ""
    key: str = ""
    id: str = ""
    headers: dict[str, str] = {}


class ExportedMessage(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A message; one that cannot be read as the base64 of what lies on disk."""

    payload: Any = None
    meta: ExportedMeta | None = None
    damaged: str = ""


class ExportedCause(msgspec.Struct, forbid_unknown_fields=True):
    """An earlier failure."""

    kind: str
    reason: str
    at_ns: Nanoseconds = "0"
    node: str = ""
    attempts: int = 1
    flow_revision: int = 0


class ExportedEdit(msgspec.Struct, forbid_unknown_fields=True):
    """A revision of the message."""

    revision: int
    at_ns: Nanoseconds
    by: str
    message: ExportedMessage


class ExportedLetter(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A dead letter."""

    flow: str
    id: str = ""
    uid: str
    node: str
    state: LetterState
    at_ns: Nanoseconds
    flow_revision: int = 0
    kind: str
    reason: str
    attempts: int
    topic: str = ""
    key: str = ""
    message_id: str = ""
    note: str = ""
    changed_at_ns: Nanoseconds = "0"
    changed_by: str = ""
    causes: list[ExportedCause] = []
    original: ExportedMessage
    edits: list[ExportedEdit] = []


class ExportedLetters(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The document."""

    flowhost_dead_letters: int
    exported_at: str = ""
    letters: list[ExportedLetter]


def head() -> str:
    """Beginning of a document; letters follow, then `END`."""
    facts = {"flowhost_dead_letters": VERSION, "exported_at": datetime.now(UTC).isoformat()}
    return f'{json.dumps(facts)[:-1]}, "letters": ['


def exported(letter: Letter) -> str:
    """A letter, on one line."""
    one = ExportedLetter(
        flow=letter.flow, id=letter_id(letter.flow, letter.number), uid=letter.uid, node=letter.node,
        state=letter.state, at_ns=str(letter.at_ns), flow_revision=letter.revision, kind=letter.kind,
        reason=letter.reason, attempts=letter.attempts, topic=letter.topic, key=letter.key, message_id=letter.ident,
        note=letter.note, changed_at_ns=str(letter.changed_ns), changed_by=letter.changed_by,
        causes=[
            ExportedCause(kind=c.kind, reason=c.reason, at_ns=str(c.at), node=c.node, attempts=c.attempts,
                          flow_revision=c.revision)
            for c in letter.causes
        ],
        original=_message_out(letter.message),
        edits=[ExportedEdit(e.revision, str(e.at_ns), e.by, _message_out(e.message)) for e in letter.edits],
    )  # fmt: skip
    return json.dumps(msgspec.to_builtins(one), ensure_ascii=False, allow_nan=False)


def read_export(text: str) -> list[Letter]:
    """The letters of a document. Raises `PayloadError` with line and column, or with the place in the document."""
    plain = parse(text, "document")
    if not isinstance(plain, dict) or "flowhost_dead_letters" not in plain:
        raise PayloadError("this is no export of dead letters: `flowhost_dead_letters` is missing", "document")
    if plain["flowhost_dead_letters"] != VERSION:
        message = f"was written by another version ({plain['flowhost_dead_letters']!r}); this one reads {VERSION}"
        raise PayloadError(message, "flowhost_dead_letters")
    try:
        document = msgspec.convert(plain, ExportedLetters)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        raise PayloadError(message, place.rstrip("`") or "document") from None
    letters = [_letter(letter, f"letters[{index}]") for index, letter in enumerate(document.letters)]
    _refuse_twice(letters)
    return letters


def _refuse_twice(letters: list[Letter]) -> None:
    seen: dict[str, int] = {}
    for index, letter in enumerate(letters):
        if (first := seen.setdefault(letter.uid, index)) != index:
            message = f"{letter.uid!r} is also that of letters[{first}]; each letter may be there once"
            raise PayloadError(message, f"letters[{index}].uid")


def _letter(one: ExportedLetter, place: str) -> Letter:
    for name in ("flow", "uid", "node"):
        if not getattr(one, name):
            raise PayloadError("must not be empty", f"{place}.{name}")
    return Letter(
        number=0, uid=one.uid, flow=one.flow, node=one.node, at_ns=_ns(one.at_ns, f"{place}.at_ns"),
        revision=one.flow_revision, kind=one.kind, reason=one.reason, attempts=one.attempts,
        # it is on its way where it came from, but not here
        state="dead" if one.state == "retried" else one.state,
        topic=one.topic, key=one.key, ident=one.message_id, message=_message_in(one.original, f"{place}.original"),
        causes=[_cause(cause, f"{place}.causes[{index}]") for index, cause in enumerate(one.causes)],
        edits=[_edit(edit, index, f"{place}.edits[{index}]") for index, edit in enumerate(one.edits)],
        note=one.note, changed_ns=_ns(one.changed_at_ns, f"{place}.changed_at_ns"), changed_by=one.changed_by,
    )  # fmt: skip


def _cause(cause: ExportedCause, place: str) -> Cause:
    return Cause(
        at=_ns(cause.at_ns, f"{place}.at_ns"), node=cause.node, kind=cause.kind, reason=cause.reason,
        attempts=cause.attempts, revision=cause.flow_revision,
    )  # fmt: skip


def _edit(edit: ExportedEdit, index: int, place: str) -> LetterEdit:
    if edit.revision != index + 1:
        raise PayloadError(f"edits are numbered from 1 without gaps: {index + 1} belongs here", f"{place}.revision")
    message = _message_in(edit.message, f"{place}.message")
    return LetterEdit(revision=edit.revision, at_ns=_ns(edit.at_ns, f"{place}.at_ns"), by=edit.by, message=message)


def _message_out(row: bytes) -> ExportedMessage:
    try:
        message = decode_message(row)
    except DamagedRowError:
        return ExportedMessage(damaged=base64.b64encode(row).decode())
    meta = message.meta
    return ExportedMessage(
        to_json(message.payload),
        ExportedMeta(meta.topic, str(meta.time_ns), meta.quality, meta.status, meta.unit, meta.key, meta.id,
                     dict(meta.headers)),
    )  # fmt: skip


def _message_in(one: ExportedMessage, place: str) -> bytes:
    if one.damaged:
        try:
            return base64.b64decode(one.damaged, validate=True)
        except binascii.Error:
            raise PayloadError("is not base64", f"{place}.damaged") from None
    meta = one.meta or ExportedMeta()
    payload = from_json(one.payload, f"{place}.payload")
    time_ns = _ns(meta.time_ns, f"{place}.meta.time_ns")
    made = Meta(meta.topic, time_ns, meta.quality, meta.status, meta.unit, meta.key, meta.id, meta.headers)
    return encoded(Message(payload, made), f"{place}.payload")


def encoded(message: Message, place: str) -> bytes:
    """A message as it lies on disk. Raises `PayloadError` for what cannot lie there."""
    try:
        return encode_message(message)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise PayloadError(f"cannot be kept: {error}", place) from None


def _ns(text: str, place: str) -> int:
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or not -(2**63) <= int(text[:20]) < 2**63:
        raise PayloadError(f'{text!r} is no number of nanoseconds in text, such as "1772366400000000000"', place)
    return int(text)
