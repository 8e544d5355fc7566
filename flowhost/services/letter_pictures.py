"""Views of dead letters, made from what lies on disk and what is known of their flow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flowhost.engine.failure import REPORT
from flowhost.engine.outbox.codec import DamagedRowError, decode_message
from flowhost.engine.outbox.letter import Cause, Letter, LetterEdit
from flowhost.engine.outbox.letter_desk import SAID_OF_IT, refusal
from flowhost.engine.values import shown
from flowhost.sdk import Message
from flowhost.services.letter_files import FlowFacts
from flowhost.services.letter_views import (
    CauseView,
    DeadLetterDetail,
    DeadLetterRow,
    LetterEditView,
    LetterMetaView,
    PayloadView,
    RetryView,
)
from flowhost.services.pictures import one_line
from flowhost.services.typed_json import write

BYTES_SHOWN = 4096
NOBODY_KNOWS = ("unknown-outcome", "UnknownOutcomeError")
"""Kinds of failures after which the target may have the message."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def letter_id(flow: str, number: int) -> str:
    """How a letter is named on this host; flow ids hold no colon."""
    return f"{flow}:{number}"


def row(letter: Letter, facts: FlowFacts | None) -> DeadLetterRow:
    """A letter in a list."""
    node = facts.nodes.get(letter.node) if facts is not None and facts.nodes is not None else None
    return DeadLetterRow(
        id=letter_id(letter.flow, letter.number),
        flow_id=letter.flow,
        flow_name=letter.flow if facts is None else facts.name,
        node=letter.node,
        node_title=letter.node if node is None else node.title,
        state=letter.state,
        at=moment(letter.at_ns),
        kind=letter.kind,
        reason=letter.reason,
        attempts=letter.attempts,
        topic=letter.topic,
        key=letter.key,
        message_id=letter.ident,
        preview=_preview(letter.current),
        edits=len(letter.edits),
        changed_at=moment(letter.changed_ns) if letter.changed_ns else None,
        changed_by=letter.changed_by,
        note=letter.note,
        is_report=letter.kind == REPORT,
    )


def detail(letter: Letter, facts: FlowFacts | None) -> DeadLetterDetail:
    """A letter with all that is known of it."""
    last = Cause(
        at=letter.at_ns, node=letter.node, kind=letter.kind, reason=letter.reason, attempts=letter.attempts,
        revision=letter.revision,
    )  # fmt: skip
    return DeadLetterDetail(
        row=row(letter, facts),
        flow_revision=letter.revision,
        revision=newest_edit(letter),
        original=payload_view(letter.message),
        edits=tuple(_edit(edit) for edit in letter.edits),
        causes=tuple(_cause(cause, letter.node) for cause in (*letter.causes, last)),
        meta=_meta(letter.current),
        retry=retry_view(letter, facts),
    )


def newest_edit(letter: Letter) -> int:
    """Number of the newest edit, 0 for the original."""
    return letter.edits[-1].revision if letter.edits else 0


def payload_view(row: bytes) -> PayloadView:
    """A payload to look at; of one that is bytes, also what they look like."""
    try:
        payload = decode_message(row).payload
    except DamagedRowError as error:
        return PayloadView(text="", size=len(row), hex=row[:BYTES_SHOWN].hex(" "), problem=str(error))
    if not isinstance(payload, bytes):
        return PayloadView(text=write(payload), size=len(row))
    head = payload[:BYTES_SHOWN]
    return PayloadView(
        text=write(payload),
        size=len(row),
        hex=head.hex(" "),
        decoded=head.decode("utf-8", "replace"),
        cut=len(payload) > BYTES_SHOWN,
    )


def retry_view(letter: Letter, facts: FlowFacts | None) -> RetryView:
    """What a retry of this letter would do, or why it cannot."""
    if letter.state != "dead":
        return RetryView(possible=False, text=SAID_OF_IT[letter.state])
    if facts is None:
        return RetryView(possible=False, text=flow_gone(letter.flow))
    if payload_view(letter.current).problem:
        return RetryView(possible=False, text="what lies on disk is damaged: edit it first")
    nodes = None if facts.nodes is None else list(facts.nodes)
    if reason := refusal(letter, nodes):
        return RetryView(possible=False, text=reason)
    return RetryView(possible=True, text=_way_back(letter, facts))


def flow_gone(flow: str) -> str:
    """Why letters of a flow that is gone cannot be retried."""
    return f"flow {flow} is not on this host any more: import it, then retry; or export or discard the letter"


def moment(time_ns: int) -> datetime:
    """Nanoseconds UTC as a time; the limits of the calendar for a clock gone wild."""
    try:
        return _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if time_ns > 0 else datetime.min.replace(tzinfo=UTC)


def _way_back(letter: Letter, facts: FlowFacts) -> str:
    node = facts.nodes.get(letter.node) if facts.nodes is not None else None
    title = letter.node if node is None else node.title
    source = node is not None and node.kind == "source"
    way = f"it leaves by the output of {title}" if source else f"it goes to the input of {title} again"
    ident = f", with its id {letter.ident}" if letter.ident else ""
    when = "" if facts.runs else "; the flow does not run, so it waits for the next start"
    asked = "; the target may have it already: look there first" if letter.kind in NOBODY_KNOWS else ""
    return way + ident + when + asked


def _preview(row: bytes) -> str:
    try:
        payload = decode_message(row).payload
    except DamagedRowError:
        return "(damaged on disk)"
    if isinstance(payload, bytes):
        return one_line(payload[:BYTES_SHOWN].decode("utf-8", "replace"))
    return one_line(shown(payload))


def _edit(edit: LetterEdit) -> LetterEditView:
    return LetterEditView(revision=edit.revision, at=moment(edit.at_ns), by=edit.by, payload=payload_view(edit.message))


def _cause(cause: Cause, node: str) -> CauseView:
    return CauseView(
        at=moment(cause.at) if cause.at else None,
        node=cause.node or node,
        kind=cause.kind,
        reason=cause.reason,
        attempts=cause.attempts,
        flow_revision=cause.revision,
    )


def _meta(row: bytes) -> LetterMetaView | None:
    try:
        message: Message = decode_message(row)
    except DamagedRowError:
        return None
    meta = message.meta
    return LetterMetaView(
        topic=meta.topic, time=moment(meta.time_ns), quality=meta.quality, status=meta.status, unit=meta.unit,
        key=meta.key, id=meta.id, headers=dict(meta.headers),
    )  # fmt: skip
