"""Work list: what could not be delivered, to be looked at, mended, sent in again or closed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request
from nicegui import ui

from flowhost.errors import FlowHostError
from flowhost.services.letter_views import DeadLetterDetail, DeadLetterPage, DeadLetterRow, LetterCountView, LetterQuery
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.letter_changes import Changes, Question
from flowhost.ui.letter_filter import ALL, LetterFilter, Wanted
from flowhost.ui.letter_import import EXPORT, TakeDialog
from flowhost.ui.letter_panel import LetterPanel, PanelActions
from flowhost.ui.letter_table import LetterTable, RowActions
from flowhost.ui.live import Feed, Live
from flowhost.ui.patience import RESPONSE_S
from flowhost.ui.rights import guard
from flowhost.ui.shell import empty_state, frame
from flowhost.ui.tags import Button, Tag, icon, link
from flowhost.ui.texts import t

ROWS = 50
PERIOD_S = 2.0
REST = 10.0
"""A look that took a second is not repeated for so many seconds unless somebody asks."""
MOST_FOLLOWED = 2000
"""Retried letters of which the page says what became of them."""
MOST_NAMED = 300
"""Letters an export's address can name."""


@dataclass(frozen=True)
class Look:
    """What the page shows.

    Attributes:
        wanted: what was asked for.
        after: where the page of the list begins.
        page: letters.
        held: those that are shown and must not move, as they are now.
        counts: of all letters of the same text and time.
        opened: the letter shown beside the list.
        sent: how many of the letters retried last are in which state by now.
    """

    wanted: Wanted
    after: str
    page: DeadLetterPage
    held: tuple[DeadLetterRow, ...]
    counts: tuple[LetterCountView, ...]
    opened: DeadLetterDetail | None
    sent: Mapping[str, int]


def register(live: Live) -> None:
    """Put the page at `/work`."""

    @ui.page("/work", response_timeout=RESPONSE_S)
    async def work(request: Request) -> None:
        wanted = Wanted.of(dict(request.query_params))
        names = {flow.id: flow.name for flow in await live.overview.now()}
        asked = request.query_params.get("letter", "")
        with frame(live, "work", t("work.title")) as shell:
            page = WorkPage(live, wanted, names)
            await page.refresh()
            if asked:
                await page.open(asked)

        def show(answer: Look) -> None:
            shell.fresh()
            page.show(answer)

        Feed("work list", page.find, period_s=PERIOD_S).follow(show, shell.stale)


class WorkPage(Tag):
    """The page's content.

    Args:
        live: gives the services.
        wanted: what to show at first.
        names: names of flows by id.
    """

    def __init__(self, live: Live, wanted: Wanted, names: Mapping[str, str]) -> None:
        super().__init__("div", "", "fh-page fh-work")
        self._letters = live.host.dead_letters
        self._wanted = wanted
        self._places = [""]
        self._picked: set[str] = set()
        self._last: Look | None = None
        self._rows: tuple[DeadLetterRow, ...] = ()
        self._began = (0, 0)
        self._hovered = False
        self._again_at = 0.0
        self._sent: tuple[str, ...] = ()
        self._retry_all = Question("retry", asks_why=False)
        self._discard_why = Question("discard", asks_why=True)
        self._take = TakeDialog(self.refresh)
        with self:
            self._title_bar()
            self._filter = LetterFilter(wanted, names, self._on_wanted)
            self._problems = Tag("div", "", "fh-alert", role="alert", data_testid="work-problems")
            self._bulk_bar()
            with Tag("div", "", "fh-work-body") as self._body:
                self._list(live, names)
        self._body.on("keydown.escape", self._close)

    # -- looking

    async def find(self) -> Look:
        """What there is now; the last answer while looking is expensive."""
        wanted, after = self._wanted, self._places[-1]
        last = self._last
        if last is not None and (last.wanted, last.after) == (wanted, after) and time.monotonic() < self._again_at:
            return last
        began = time.monotonic()
        page = await self._letters.list(caller(), wanted.query(), after=after, limit=ROWS)
        held: tuple[DeadLetterRow, ...] = ()
        if self._is_busy:
            shown = LetterQuery(ids=tuple(row.id for row in self._rows))
            held = (await self._letters.list(caller(), shown, limit=ROWS)).rows
        counts = await self._letters.counts(caller(), wanted.all_of_this_time())
        opened = await self._panel.find()
        sent = await self._became()
        took = time.monotonic() - began
        self._again_at = time.monotonic() + took * REST
        return Look(wanted, after, page, held, counts, opened, sent)

    async def refresh(self, *, anew: bool = True) -> None:
        """Look now, and show it; `anew` as in `show`."""
        self._again_at = 0.0
        self.show(await self.find(), anew=anew)

    def show(self, look: Look, *, anew: bool = False) -> None:
        """Bring the page up to date, unless something else is wanted by now.

        Args:
            look: the answer.
            anew: rows may come and go even while somebody works with them.
        """
        if (look.wanted, look.after) != (self._wanted, self._places[-1]):
            return
        self._last = look
        number = look.wanted.number(look.counts)
        if look.held and not anew:
            self._rows = self._still(look)
            newer = max(0, number - self._began[0] + self._began[1] - len(self._rows))
        else:
            self._rows, newer = look.page.rows, 0
            self._began = (number, len(self._rows))
        self._filter.show(look.counts)
        self._body.put("data-state", look.wanted.state)
        self._problems.set_text("\n".join(look.page.problems)).show_if(look.page.problems)
        self._newer_note.show_if(newer)
        self._newer_words.set_text(t("work.newer_note", count=fmt.count(newer)))
        self._empty(look, number)
        self._rows_again()
        self._show_paging(len(look.page.rows), number)
        if look.opened is not None:
            self._panel.show(look.opened)
        if self._sent and look.sent:
            self._changes.became(look.sent)
            self._sent = self._sent if look.sent.get("retried") else ()

    async def _became(self) -> Mapping[str, int]:
        """What has become of the letters retried last."""
        if not self._sent:
            return {}
        states: Counter[str] = Counter()
        for count in await self._letters.counts(caller(), LetterQuery(ids=self._sent)):
            states[count.state] += count.number
        return states

    @property
    def _is_busy(self) -> bool:
        """Somebody points at the list or works with letters of it: nothing may move under the hand."""
        return bool(self._rows) and (self._hovered or bool(self._picked) or bool(self._panel.opened))

    def _still(self, look: Look) -> tuple[DeadLetterRow, ...]:
        """The rows that are shown, as they are now and in their order; without those that are wanted no longer."""
        now = {row.id: row for row in look.held if look.wanted.state in (ALL, row.state)}
        return tuple(now[row.id] for row in self._rows if row.id in now)

    async def open(self, id_: str) -> None:
        """Show a letter beside the list, unless something typed there would be lost."""
        if not self._panel.is_free():
            return
        try:
            await self._panel.open(id_)
        except FlowHostError as error:
            self._changes.fail(str(error))
            return
        self._body.look("fh-work-body fh-work-open" if self._panel.opened else "fh-work-body")
        self._rows_again()

    # -- parts

    def _title_bar(self) -> None:
        with Tag("div", "", "fh-bar"):
            Tag("h1", t("work.title"))
            Tag("span", t("work.lead"), "fh-sub")
            Tag("div", "", "fh-grow")
            with link("", EXPORT, "fh-button").put("data-testid", "export") as self._export:
                icon("download")
                Tag("span", t("work.export"))
            self._export.put("download", "dead-letters.json").put("title", t("work.export_hint"))
            guard(Button(t("work.import"), "upload_file", self._take.open, data_testid="work-import"), "letter.import")

    def _bulk_bar(self) -> None:
        with Tag("div", "", "fh-work-bulk") as self._bulk:
            self._bulk_text = Tag("span", "", "", data_testid="matching")
            self._bulk_retry = Button("", "replay", self._on_bulk_retry, data_testid="bulk-retry")
            self._bulk_discard = Button("", "delete_outline", self._on_bulk_discard, data_testid="bulk-discard")
            for button in (self._bulk_retry, self._bulk_discard):
                guard(button, "letter.repair")
            with link("", EXPORT, "fh-button").put("data-testid", "bulk-export") as self._bulk_export:
                icon("download")
                Tag("span", t("work.export_picked"))
            self._bulk_export.put("download", "dead-letters.json")
            self._unpick = Button(t("work.unpick"), "close", self._on_unpick, "fh-quiet", data_testid="unpick")
            with Tag("div", "", "fh-work-newer", data_testid="newer-note") as self._newer_note:
                self._newer_words = Tag("span")
                Button(t("work.newer_show"), "arrow_upward", self.refresh, "fh-quiet", data_testid="newer-show")
            self._newer_note.visible = False

    def _list(self, live: Live, names: Mapping[str, str]) -> None:
        with Tag("div", "", "fh-work-list"):
            self._nothing = Tag("div")
            actions = RowActions(self._pick, self._toggle, self._retry_one, self._discard_one)
            self._table = LetterTable(actions)
            self._table.on("mouseenter", lambda: self._hover(on=True))
            self._table.on("mouseleave", lambda: self._hover(on=False))
            with Tag("div", "", "fh-work-paging") as self._paging:
                self._newer = Button(t("work.newer"), "chevron_left", self._on_newer, data_testid="newer")
                self._range = Tag("span", "", "fh-sub", data_testid="range")
                self._older = Button(t("work.older"), "chevron_right", self._on_older, data_testid="older")
            self._changes = Changes(names)
        panel_actions = PanelActions(self._close, self._retry_one, self._discard_one, self.refresh)
        self._panel = LetterPanel(live, panel_actions)

    def _empty(self, look: Look, number: int) -> None:
        which = "" if number or look.page.rows else ("match" if look.wanted.narrows() else look.wanted.state)
        self._nothing.show_if(which)
        if which and self._nothing.props.get("data-empty") != which:
            self._nothing.put("data-empty", which).clear()
            sign = "search_off" if which == "match" else "task_alt"
            with self._nothing:
                box = empty_state(sign, t(f"work.empty.{which}.title"), t(f"work.empty.{which}.text"))
                box.put("data-testid", "work-empty")

    def _show_bulk(self, look: Look) -> None:
        counts, picked = look.counts, len(self._picked)
        open_ = look.wanted.number(counts, state="dead") if look.wanted.state in ("dead", ALL) else 0
        number = look.wanted.number(counts)
        named = fmt.count(picked or open_)
        self._bulk_text.set_text(t("work.picked" if picked else "work.matching", count=fmt.count(picked or number)))
        self._bulk_retry.rename(t("work.retry_picked" if picked else "work.retry_all", count=named))
        self._bulk_discard.rename(t("work.discard_picked" if picked else "work.discard_all", count=named))
        for button in (self._bulk_retry, self._bulk_discard):
            button.show_if(picked or open_ > 1)
        self._unpick.show_if(picked)
        self._bulk_export.show_if(0 < picked <= MOST_NAMED)
        self._bulk_export.put("href", f"{EXPORT}?{urlencode([('id', id_) for id_ in sorted(self._picked)])}")
        self._export.put("href", look.wanted.address(EXPORT))
        self._bulk.show_if(number or picked)

    def _show_paging(self, rows: int, number: int) -> None:
        begin = (len(self._places) - 1) * ROWS
        self._newer.put("disabled", None if begin else True)
        self._older.put("disabled", None if self._last is not None and self._last.page.next else True)
        self._range.set_text(
            t("work.range", first=fmt.count(begin + 1), last=fmt.count(begin + rows), all=fmt.count(number))
        )
        self._paging.show_if(number > ROWS)

    def _rows_again(self) -> None:
        self._table.show(self._rows, self._picked, self._panel.opened)
        self._table.show_if(self._rows)
        if self._last is not None:
            self._show_bulk(self._last)

    def _hover(self, *, on: bool) -> None:
        self._hovered = on

    # -- what the user does

    async def _on_wanted(self, wanted: Wanted) -> None:
        self._wanted, self._places = wanted, [""]
        self._picked.clear()
        ui.navigate.history.replace(wanted.address())
        await self.refresh()

    async def _on_older(self) -> None:
        if self._last is not None and self._last.page.next:
            self._places.append(self._last.page.next)
            await self._turn()

    async def _on_newer(self) -> None:
        if len(self._places) > 1:
            self._places.pop()
            await self._turn()

    async def _turn(self) -> None:
        """Another page of the list, from its top."""
        await self.refresh()
        _ = self._table.run_method("scrollIntoView")

    def _pick(self, id_: str, picked: bool) -> None:
        (self._picked.add if picked else self._picked.discard)(id_)
        self._rows_again()

    def _on_unpick(self) -> None:
        self._picked.clear()
        self._rows_again()

    async def _toggle(self, id_: str) -> None:
        if self._panel.opened == id_:
            self._close()
        else:
            await self.open(id_)

    def _close(self) -> None:
        opened = self._panel.opened
        if not opened or not self._panel.is_free():
            return
        self._panel.close()
        self._table.focus(opened)
        self._body.look("fh-work-body")
        self._rows_again()

    async def _retry_one(self, id_: str) -> bool:
        return await self._retry(LetterQuery(ids=(id_,)))

    async def _discard_one(self, id_: str) -> bool:
        reason = await self._discard_why.ask(t("ask.discard.one", id=id_))
        return reason is not None and await self._discard(LetterQuery(ids=(id_,)), reason)

    async def _on_bulk_retry(self) -> None:
        question = t("ask.retry.all", count=fmt.count(self._open_ones()))
        if self._picked or await self._retry_all.ask(question) is not None:
            await self._retry(self._chosen())

    async def _on_bulk_discard(self) -> None:
        key = "ask.discard.picked" if self._picked else "ask.discard.all"
        query, count = self._chosen(), len(self._picked) or self._open_ones()
        reason = await self._discard_why.ask(t(key, count=fmt.count(count)))
        if reason is not None:
            await self._discard(query, reason)

    def _chosen(self) -> LetterQuery:
        return LetterQuery(ids=tuple(sorted(self._picked))) if self._picked else self._wanted.open_ones()

    def _open_ones(self) -> int:
        return self._wanted.number(self._last.counts, state="dead") if self._last is not None else 0

    async def _retry(self, query: LetterQuery) -> bool:
        ids = await self._ids(query)
        self._sent = ()
        total = await self._changes.make(
            "retried", lambda after: self._letters.retry(caller(), query, after=after, limit=STEP)
        )
        if total is not None and total.done:
            left = {one.id for one in total.skipped}
            self._sent = tuple(id_ for id_ in ids if id_ not in left)
        return await self._after(query.ids, total is not None and total.done > 0)

    async def _ids(self, query: LetterQuery) -> tuple[str, ...]:
        """The letters meant, to be followed afterwards; none where they are too many for that."""
        found, after = list(query.ids or ()), ""
        while query.ids is None and len(found) <= MOST_FOLLOWED:
            page = await self._letters.list(caller(), query, after=after, limit=STEP)
            found += [row.id for row in page.rows]
            after = page.next
            if not after:
                break
        return tuple(found) if len(found) <= MOST_FOLLOWED else ()

    async def _discard(self, query: LetterQuery, reason: str) -> bool:
        total = await self._changes.make(
            "discarded", lambda after: self._letters.discard(caller(), query, reason, after=after, limit=STEP)
        )
        return await self._after(query.ids, total is not None and total.done > 0)

    async def _after(self, ids: Sequence[str] | None, done: bool) -> bool:
        self._picked.difference_update(ids or self._picked.copy())
        await self.refresh(anew=ids is None)
        return done


STEP = 500
"""Letters changed between two signs of progress."""
