"""Dead letters as pages, REST and commands see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

LetterState = Literal["dead", "retried", "delivered", "discarded"]
"""`dead`: somebody has to look. `retried`: on its way again. `delivered`, `discarded`: closed."""
STATES: tuple[LetterState, ...] = get_args(LetterState)


@dataclass(frozen=True, kw_only=True)
class LetterQuery:
    """Which dead letters are meant; what is left empty does not narrow.

    Attributes:
        flow: flow id.
        node: node id.
        kind: class of the error.
        text: part of reason, topic, key or message id.
        since: failed at this time or later; with a time zone.
        until: failed before this time; with a time zone.
        states: letters in one of these states; empty for all.
        ids: exactly these letters, as `<flow>:<number>`, none if it is empty; nothing else narrows then.
    """

    flow: str = ""
    node: str = ""
    kind: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    states: tuple[LetterState, ...] = ("dead",)
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class DeadLetterRow:
    """One letter in a list.

    Attributes:
        id: `<flow>:<number>`.
        flow_name: the flow's name; its id where it has none or is gone.
        node: id of the node it failed at.
        node_title: its name, as on the canvas; its id where it has none or is gone.
        at: when it failed last, UTC.
        kind: class of the error.
        reason: in words.
        attempts: how often delivery was tried, over all retries.
        message_id: idempotency key of the message; a retry keeps it.
        preview: the newest payload as one short line.
        edits: how often the payload was edited.
        changed_at: when somebody changed it last, or it was delivered; None if never.
        changed_by: who.
        note: why it was discarded.
        is_report: it tells what happened, such as a broken file, and is no message: it can only be discarded.
    """

    id: str
    flow_id: str
    flow_name: str
    node: str
    node_title: str
    state: LetterState
    at: datetime
    kind: str
    reason: str
    attempts: int
    topic: str
    key: str
    message_id: str
    preview: str
    edits: int
    changed_at: datetime | None
    changed_by: str
    note: str
    is_report: bool = False


@dataclass(frozen=True, kw_only=True)
class DeadLetterPage:
    """Some letters of a list, the one that failed last first.

    Attributes:
        rows: the letters.
        next: where the list goes on, for `after`; empty at its end.
        problems: files that could not be read, in words: letters in them are not in the list.
    """

    rows: tuple[DeadLetterRow, ...]
    next: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PayloadView:
    """A payload to look at and to edit.

    Attributes:
        text: JSON that keeps types (see `flowhost.services.typed_json`); empty if the message cannot be read.
        size: bytes of the message on disk.
        hex: of a payload that is bytes: its first bytes, two digits each; else empty.
        decoded: those bytes as UTF-8 text, what is not text replaced; else empty.
        cut: there are more bytes than `hex` and `decoded` show.
        problem: why the message cannot be read; empty if it can.
    """

    text: str
    size: int
    hex: str = ""
    decoded: str = ""
    cut: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class LetterEditView:
    """A revision of the payload: its number from 1, when (UTC) and by whom."""

    revision: int
    at: datetime
    by: str
    payload: PayloadView


@dataclass(frozen=True, kw_only=True)
class CauseView:
    """One failure of the message.

    Attributes:
        at: when, UTC; None where it is not known.
        node: id of the node.
        attempts: how often it had been tried until then.
        flow_revision: of the flow, 0 where there is none.
    """

    at: datetime | None
    node: str
    kind: str
    reason: str
    attempts: int
    flow_revision: int


@dataclass(frozen=True, kw_only=True)
class LetterMetaView:
    """What is known about the message; `time` is the source's, UTC."""

    topic: str
    time: datetime
    quality: str
    status: int | None
    unit: str
    key: str
    id: str
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class RetryView:
    """What a retry would do.

    Attributes:
        possible: False if it would be refused.
        text: what would happen, or why it cannot, in words.
    """

    possible: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class DeadLetterDetail:
    """A letter with all that is known of it.

    Attributes:
        row: as in the list.
        flow_revision: the flow's revision that failed on it last, 0 where there is none.
        revision: number of the newest edit, 0 for the original; an edit names the one it builds on.
        original: the payload as it entered the node; never changed.
        edits: revisions of the payload, oldest first.
        causes: every failure, oldest first; the last one is that of `row`.
        meta: of the message; None if it cannot be read.
        retry: what a retry would do.
    """

    row: DeadLetterRow
    flow_revision: int
    revision: int
    original: PayloadView
    edits: tuple[LetterEditView, ...]
    causes: tuple[CauseView, ...]
    meta: LetterMetaView | None
    retry: RetryView

    @property
    def current(self) -> PayloadView:
        """The payload a retry would send."""
        return self.edits[-1].payload if self.edits else self.original


@dataclass(frozen=True, kw_only=True)
class LetterCountView:
    """How many letters of one flow, node, kind and state there are."""

    flow_id: str
    node: str
    kind: str
    state: LetterState
    number: int


@dataclass(frozen=True, kw_only=True)
class SkippedLetter:
    """A letter that was left as it is, and why."""

    id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class BulkStep:
    """What one step of a change of many letters did.

    Attributes:
        done: letters that were changed.
        skipped: letters that were not.
        left: how many matching letters are still to come.
        next: where the change goes on, for `after`; empty when all is done.
        waiting: flows that do not run: what was retried waits for their next start.
    """

    done: int
    skipped: tuple[SkippedLetter, ...] = ()
    left: int = 0
    next: str = ""
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What became of an import.

    Attributes:
        taken: letters taken in.
        known: letters that were here already and were left as they are.
    """

    taken: int
    known: int
