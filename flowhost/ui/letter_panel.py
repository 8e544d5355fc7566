"""One dead letter with all that is known of it: what happened, what a retry would do, the payload to mend."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flowhost.errors import ConflictError, FlowHostError, NotFoundError
from flowhost.services.access import in_words
from flowhost.services.letter_views import CauseView, DeadLetterDetail, PayloadView
from flowhost.ui import format as fmt
from flowhost.ui.anchors import node_page
from flowhost.ui.caller import caller
from flowhost.ui.letter_filter import kind_words
from flowhost.ui.letter_table import TONES, tries_of
from flowhost.ui.live import Live
from flowhost.ui.payload_editor import PayloadEditor
from flowhost.ui.rights import allowed, guard
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, icon, link
from flowhost.ui.texts import t

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PanelActions:
    """What can be done from the panel.

    Attributes:
        close: go back to the list.
        retry: send a letter in again; True if that was done.
        discard: close a letter; True if that was done.
        changed: the letter was edited.
    """

    close: Callable[[], None]
    retry: Callable[[str], Awaitable[bool]]
    discard: Callable[[str], Awaitable[bool]]
    changed: Callable[[], Awaitable[None]]


class LetterPanel(Tag):
    """The panel beside the list.

    Args:
        live: gives the services.
        actions: what can be done from here.
    """

    def __init__(self, live: Live, actions: PanelActions) -> None:
        super().__init__("aside", "", "fh-panel fh-letter", data_testid="letter", aria_label=t("letter.title"))
        self.put("tabindex", -1)
        self._letters = live.host.dead_letters
        self._actions = actions
        self._repairs = allowed("letter.repair")
        self._detail: DeadLetterDetail | None = None
        self._retry: Button | None = None
        self.visible = False
        with self:
            self._head()
            self._story = Tag("div", "", "fh-panel-part fh-letter-story")
            self._payload_part()
            self._more = Tag("div")

    @property
    def opened(self) -> str:
        """Id of the letter that is shown; empty if none is."""
        return self._detail.row.id if self._detail is not None else ""

    async def open(self, id_: str) -> None:
        """Show a letter. Raises `FlowHostError` where there is none."""
        self._take(await self._letters.show(caller(), id_))
        _ = self.run_method("focus", {"preventScroll": True})

    def is_free(self) -> bool:
        """Whether nothing typed would be lost by showing another letter or none; says so if it would."""
        typed = bool(self.opened) and self._saving.visible
        if typed:
            self._alert.say(t("letter.unsaved"))
            _ = self._alert.run_method("scrollIntoView", {"block": "nearest"})
        return not typed

    async def find(self) -> DeadLetterDetail | None:
        """The newest state of the letter that is shown; None if none is, or it is gone."""
        try:
            return await self._letters.show(caller(), self.opened) if self.opened else None
        except NotFoundError:
            return None

    def show(self, detail: DeadLetterDetail) -> None:
        """Bring it up to date, unless another letter was opened meanwhile."""
        if detail.row.id == self.opened:
            self._take(detail)

    def close(self) -> None:
        """Hide the panel."""
        self._detail = None
        self.show_if(condition=False)

    def _head(self) -> None:
        with Tag("div", "", "fh-panel-head"):
            self._dot = Tag("span", "", "fh-dot")
            self._title = Tag("h2")
            self._state = Tag("span", "", "fh-sub", data_testid="letter-state")
            Tag("div", "", "fh-grow")
            with Tag("button", "", "fh-icon-button", type="button", data_testid="letter-close") as close:
                icon("close")
            close.put("title", t("letter.close")).put("aria-label", t("letter.close"))
            close.on("click", self._actions.close)

    def _payload_part(self) -> None:
        with Tag("div", "", "fh-panel-part"):
            self._payload_title = Tag("h3")
            self._bytes = Tag("div")
            self._editor = PayloadEditor(self._edited)
            self._alert = Alert()
            with Tag("div", "", "fh-letter-does") as self._saving:
                self._save = Button(t("letter.save"), "save", self._on_save, data_testid="save")
                self._save_retry = Button(
                    t("letter.save_retry"), "replay", self._on_save_retry, "fh-primary", data_testid="save-retry"
                )
                self._undo = Button(t("letter.undo"), "undo", self._on_undo, "fh-quiet", data_testid="undo-edit")
            self._revisions = Tag("div", "", "fh-letter-revisions")

    def _take(self, detail: DeadLetterDetail) -> None:
        before, self._detail = self._detail, detail
        self.show_if(condition=True)
        if before == detail:
            return
        same = before is not None and before.row.id == detail.row.id
        self.put("data-letter", detail.row.id)
        self._dot.look(f"fh-dot fh-dot-{TONES[detail.row.state]}")
        self._state.set_text(t(f"work.state.{detail.row.state}"))
        self._title.set_text(t("letter.name", id=detail.row.id))
        self._story.clear()
        self._retry = None
        with self._story:
            self._tell(detail)
        if not same or before is None or (before.current, before.row.state) != (detail.current, detail.row.state):
            self._take_payload(detail, keep=same and self._editor.changed)
        self._edited()
        self._more.clear()
        with self._more:
            causes_part(detail)
            message_part(detail)
        if not same:
            self._alert.take_back()

    def _tell(self, detail: DeadLetterDetail) -> None:
        row = detail.row
        over = row.state in ("delivered", "discarded")
        what = "letter.what_report" if row.is_report else "letter.what_was" if over else "letter.what"
        Tag("p", t(what, flow=row.flow_name, node=row.node_title), "fh-letter-what-happened")
        Tag("p", row.reason, "fh-sub" if over else "fh-letter-why", data_testid="letter-reason")
        tries = t("letter.tries", count=fmt.count(tries_of(row)), time=fmt.clock(row.at))
        revision = t("letter.revision", revision=detail.flow_revision) if detail.flow_revision else ""
        Tag("p", f"{kind_words(row.kind)} · {tries}{revision}", "fh-sub", title=fmt.exact(row.at))
        if row.changed_at is not None:
            words = t(
                f"letter.was.{row.state}", name=in_words(row.changed_by or "FlowHost"), time=fmt.clock(row.changed_at)
            )
            Tag("p", words, "fh-sub", title=fmt.exact(row.changed_at), data_testid="letter-was")
        if row.note:
            Tag("p", t("letter.note", note=row.note), "fh-sub")
        with Tag("p", "", "fh-letter-retry" if detail.retry.possible else "fh-letter-retry fh-sub"):
            icon("replay" if detail.retry.possible else "info_outline")
            Tag("span", t("letter.retry_does" if detail.retry.possible else "letter.retry_not", text=detail.retry.text),
                data_testid="letter-retry-text")  # fmt: skip
        if row.state == "dead":
            with Tag("div", "", "fh-letter-does"):
                self._retry = Button(
                    t("work.retry"), "replay", self._on_retry, "fh-primary", data_testid="letter-retry"
                )
                discard = Button(
                    t("work.discard_ask"), "delete_outline", self._on_discard, data_testid="letter-discard"
                )
                self._retry.show_if(not row.is_report)
                guard(self._retry, "letter.repair")
                guard(discard, "letter.repair")
                link(t("letter.flow"), node_page(row.flow_id, row.node), "fh-link")

    def _take_payload(self, detail: DeadLetterDetail, *, keep: bool) -> None:
        """Into the editor, unless somebody is typing there."""
        current, open_ = detail.current, detail.row.state == "dead"
        self._payload_title.set_text(
            t("letter.payload_revision", revision=detail.revision) if detail.edits else t("letter.payload")
        )
        if not keep:
            self._editor.load(current, locked=not (open_ and self._repairs) or detail.row.is_report)
        self._bytes.clear()
        with self._bytes:
            raw_view(current)
        self._revisions.clear()
        if detail.edits:
            with self._revisions:
                for edit in reversed(detail.edits[:-1]):
                    title = t("letter.edit", revision=edit.revision, name=in_words(edit.by), time=fmt.clock(edit.at))
                    revision_view(title, edit.payload)
                revision_view(t("letter.original"), detail.original, testid="original")

    def _edited(self) -> None:
        """Buttons follow what is typed."""
        detail = self._detail
        open_ = detail is not None and detail.row.state == "dead" and self._repairs
        dirty = open_ and self._editor.changed
        self._saving.show_if(dirty)
        faulty = True if self._editor.fault is not None else None
        self._save.put("disabled", faulty)
        self._save_retry.put("disabled", faulty)
        if self._retry is not None and detail is not None and self._repairs:
            self._retry.put("disabled", None if detail.retry.possible and not dirty else True)
            self._retry.put("title", t("letter.save_first") if dirty else None)

    def _on_undo(self) -> None:
        if self._detail is not None:
            self._alert.take_back()
            self._take_payload(self._detail, keep=False)
            self._edited()

    async def _on_save(self) -> None:
        await self._keep()

    async def _on_save_retry(self) -> None:
        if await self._keep():
            await self._actions.retry(self.opened)

    async def _keep(self) -> bool:
        """Keep what is typed as another revision."""
        detail = self._detail
        if detail is None:
            return False
        if self._editor.fault is not None:
            self._editor.show_fault()
            return False
        self._alert.take_back()
        self._save.busy(t("letter.saving"))
        try:
            after = await self._letters.edit(caller(), detail.row.id, detail.revision, self._editor.typed)
        except ConflictError as error:
            self._alert.say(t("letter.conflict", detail=str(error)))
            return False
        except FlowHostError as error:
            self._alert.say(str(error))
            return False
        except Exception as error:  # said on the page and in the log; what was typed stays
            log.exception("dead letter %s: editing failed", detail.row.id)
            self._alert.say(t("error.unexpected", detail=f"{type(error).__name__}: {error}"))
            return False
        finally:
            self._save.busy(None)
        self._editor.load(after.current, locked=False)
        self._take(after)
        await self._actions.changed()
        return True

    async def _on_retry(self) -> None:
        await self._actions.retry(self.opened)

    async def _on_discard(self) -> None:
        await self._actions.discard(self.opened)


def causes_part(detail: DeadLetterDetail) -> None:
    """Every failure, the newest first."""
    with Tag("div", "", "fh-panel-part"):
        Tag("h3", t("letter.causes"))
        with Tag("ol", "", "fh-letter-causes"):
            for cause in reversed(detail.causes):
                _cause(cause)


def _cause(cause: CauseView) -> None:
    with Tag("li", "", "fh-letter-cause", data_testid="letter-cause"):
        Tag("div", cause.reason)
        when = fmt.clock(cause.at) if cause.at is not None else t("letter.earlier")
        parts = [when, cause.node, kind_words(cause.kind), t("letter.cause_tries", count=fmt.count(cause.attempts))]
        if cause.flow_revision:
            parts.append(t("letter.cause_revision", revision=cause.flow_revision))
        Tag("div", " · ".join(parts), "fh-sub", title=fmt.exact(cause.at) if cause.at is not None else None)


def message_part(detail: DeadLetterDetail) -> None:
    """What is known about the message besides its payload."""
    meta = detail.meta
    with Tag("div", "", "fh-panel-part"):
        Tag("h3", t("letter.about"))
        with Tag("dl"):
            if meta is not None:
                _fact("topic", meta.topic)
                _fact("key", meta.key)
                _fact("id", meta.id)
                _fact("time", fmt.exact(meta.time))
                _fact("quality", f"{meta.quality}{'' if meta.status is None else f' (0x{meta.status:08X})'}")
                _fact("unit", meta.unit)
                for name, value in sorted(meta.headers.items()):
                    _fact("header", value, name=name)
            _fact("size", t("letter.bytes", count=fmt.count(detail.original.size)))
            _fact("node", detail.row.node)
            _fact("flow_id", detail.row.flow_id)


def _fact(word: str, text: str, name: str = "") -> None:
    if text:
        with Tag("div", "", "fh-fact"):
            Tag("dt", name or t(f"letter.{word}"))
            Tag("dd", text)


def revision_view(title: str, payload: PayloadView, *, testid: str = "revision") -> None:
    """An earlier revision, folded."""
    with Tag("details", "", "fh-trace", data_testid=testid):
        Tag("summary", title)
        raw_view(payload)
        if payload.text:
            Tag("pre", payload.text[:LONGEST], "fh-json")


def raw_view(payload: PayloadView) -> None:
    """Bytes as they lie there, where a payload is bytes or cannot be read."""
    if payload.problem:
        Tag("p", t("letter.damaged", problem=payload.problem), "fh-error-text")
    if payload.hex:
        more = " …" if payload.cut else ""
        Tag("h4", t("letter.hex"))
        Tag("pre", f"{payload.hex}{more}", "fh-json fh-letter-hex")
    if payload.decoded:
        Tag("h4", t("letter.decoded"))
        Tag("pre", payload.decoded, "fh-json")


LONGEST = 100_000
"""Characters of an earlier revision that are shown."""
