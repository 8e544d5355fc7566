"""The versions of a flow: who made them, what changed, and the way back."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

from nicegui import ui

from flowhost.errors import FlowHostError
from flowhost.services.drafts import RevisionView
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.change_words import ChangeWords, change_words
from flowhost.ui.deploy_dialog import changes_lines
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, icon
from flowhost.ui.texts import t

SHOWN = 50
CHANGES_SHOWN = 40


class HistoryDialog:
    """Lists the revisions of a flow; any of them can become the draft again.

    Args:
        live: gives the services.
        flow_id: the flow.
    """

    def __init__(self, live: Live, flow_id: str) -> None:
        self._host = live.host
        self._drafts = live.host.drafts
        self._words = ChangeWords()
        self._flow_id = flow_id
        self._rev = self._deployed = -1
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("history.title")):
            Tag("h2", t("history.title"))
            Tag("p", t("history.text"), "fh-sub")
            self._list = Tag("div", "", "fe-history", data_testid="history")
            with Tag("div", "", "fh-dialog-buttons fh-says"):
                self._alert = Alert()
                Button(t("history.discard"), "undo", self._on_discard, "fh-quiet", data_testid="draft-discard")
                Button(t("history.close"), "close", self._close)

    async def open(self) -> None:
        """Show the versions there are now."""
        self._alert.take_back()
        try:
            revisions = await self._drafts.revisions(caller(), self._flow_id)
            self._words = await change_words(self._host, caller(), self._flow_id)
            view = await self._drafts.look(caller(), self._flow_id)
        except FlowHostError as error:
            self._alert.say(str(error))
            revisions = []
        else:
            self._rev, self._deployed = view.rev, view.deployed
        self._list.clear()
        with self._list:
            for revision in revisions[:SHOWN]:
                self._entry(revision)
        self._dialog.value = True

    def _entry(self, revision: RevisionView) -> None:
        with Tag("details", "", "fe-revision", data_revision=revision.number, data_testid="revision"):
            with Tag("summary"):
                icon("chevron_right")
                Tag("span", t("history.number", number=revision.number), "fe-revision-number")
                Tag("span", revision.note or t("history.no_note"), "fe-revision-note" if revision.note else "fh-sub")
                Tag("span", f"{revision.author} · {fmt.clock(revision.created_at)}", "fh-sub").put(
                    "title", fmt.exact(revision.created_at)
                )
                if revision.number == self._deployed:
                    Tag("span", t("history.deployed"), "fh-note fh-note-busy")
            changes_lines(revision.changes, self._words, CHANGES_SHOWN)
            if not revision.changes:
                Tag("p", t("history.first" if revision.number == 1 else "history.looks"), "fh-sub")
            restore = partial(self._on_restore, revision.number)
            Button(t("history.restore"), "restore", restore, data_testid="restore")

    async def _on_restore(self, number: int) -> None:
        await self._act(self._drafts.restore(caller(), self._flow_id, number, self._rev))

    async def _on_discard(self) -> None:
        await self._act(self._drafts.discard(caller(), self._flow_id, self._rev))

    async def _act(self, doing: Awaitable[int]) -> None:
        try:
            await doing
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        self._close()

    def _close(self) -> None:
        self._dialog.value = False
