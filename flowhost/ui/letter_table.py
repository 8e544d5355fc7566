"""The rows of the work list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from nicegui.events import GenericEventArguments

from flowhost.services.letter_views import DeadLetterRow
from flowhost.ui import format as fmt
from flowhost.ui.anchors import node_page
from flowhost.ui.letter_filter import kind_words
from flowhost.ui.rights import guard
from flowhost.ui.tags import Tag, icon
from flowhost.ui.texts import t

TONES = {"dead": "bad", "retried": "busy", "delivered": "ok", "discarded": "off"}
COLUMNS = (
    ("pick", ""), ("time", "fh-narrow"), ("where", ""), ("what", ""), ("message", ""), ("tries", "num"), ("state", ""),
    ("actions", ""),
)  # fmt: skip
YOUNG_S = 100.0
"""Letters younger than this are new; ages in seconds would only flicker."""
ARROWS = """(e) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (!step || e.target.tagName !== "BUTTON") return;
  const all = [...e.currentTarget.querySelectorAll(".fh-letter-open")];
  const at = all.indexOf(e.target.closest("tr").querySelector(".fh-letter-open"));
  e.preventDefault();
  all[at + step]?.focus();
}"""
"""The keys move from row to row in the browser; the host need not hear of it."""


@dataclass(frozen=True)
class RowActions:
    """What can be done from a row.

    Attributes:
        pick: select or deselect a letter.
        open: show all that is known of it.
        retry: send it in again.
        discard: close it.
    """

    pick: Callable[[str, bool], Any]
    open: Callable[[str], Awaitable[None]]
    retry: Callable[[str], Awaitable[bool]]
    discard: Callable[[str], Awaitable[bool]]


class LetterTable(Tag):
    """Letters by id, in the order given; showing new ones touches only what changed.

    Args:
        actions: what can be done from a row.
    """

    def __init__(self, actions: RowActions) -> None:
        super().__init__("table", "", "fh-table fh-letters")
        self._actions = actions
        self._rows: dict[str, LetterLine] = {}
        with self:
            with Tag("thead"), Tag("tr"):
                with Tag("th", "", "fh-letter-pick", scope="col"):
                    self._all = Tag("input", "", "fh-check", type="checkbox", data_testid="pick-page")
                    self._all.put("aria-label", t("work.pick_page"))
                for name, look in COLUMNS[1:]:
                    Tag("th", t(f"work.column.{name}"), f"fh-letter-{name} {look}".strip(), scope="col")
            self._body = Tag("tbody")
        self._body.on("keydown", js_handler=ARROWS)
        self._all.on("change", self._on_all, js_handler="(e) => emit(e.target.checked)")

    def show(self, letters: Sequence[DeadLetterRow], picked: set[str], opened: str) -> None:
        """Make the table hold exactly these."""
        wanted = {letter.id for letter in letters}
        for key in [key for key in self._rows if key not in wanted]:
            self._rows.pop(key).delete()
        for index, letter in enumerate(letters):
            row = self._rows.get(letter.id)
            if row is None:
                with self._body:
                    row = self._rows[letter.id] = LetterLine(letter.id, self._actions)
            if self._body.default_slot.children[index] is not row:
                row.move(target_index=index)
            row.show(letter, picked=letter.id in picked, opened=letter.id == opened)
        self._all.put("checked", bool(wanted) and wanted <= picked)

    def focus(self, id_: str) -> None:
        """Put the keyboard on a row, if it is shown."""
        if id_ in self._rows:
            self._rows[id_].focus()

    def _on_all(self, event: GenericEventArguments) -> None:
        for key in self._rows:
            self._actions.pick(key, bool(event.args))


class LetterLine(Tag):
    """One letter."""

    def __init__(self, id_: str, actions: RowActions) -> None:
        super().__init__("tr", "", "fh-letter-row", data_testid="worklist-row", data_letter=id_)
        self._shown: tuple[object, ...] = ()
        with self:
            with Tag("td", "", "fh-letter-pick"):
                self._pick = Tag("input", "", "fh-check", type="checkbox", data_testid="pick")
            with Tag("td", "", "fh-narrow"):
                self._time = Tag("div")
                self._age = Tag("div", "", "fh-sub")
            with Tag("td", "", "fh-letter-where"):
                self._flow = Tag("div", "", "fh-letter-flow")
                self._node = Tag("a", "", "fh-link", data_testid="worklist-node")
            with (
                Tag("td", "", "fh-letter-what"),
                Tag("button", "", "fh-plain fh-letter-open", type="button", data_testid="worklist-open") as self._open,
            ):
                self._kind = Tag("span", "", "fh-letter-kind")
                self._reason = Tag("span", "", "fh-letter-reason")
            with Tag("td", "", "fh-letter-message"):
                self._topic = Tag("div", "", "fh-letter-topic")
                self._preview = Tag("div", "", "fh-letter-preview fh-mono")
            self._tries = Tag("td", "", "num")
            with Tag("td", "", "fh-letter-state"):
                with Tag("span", "", "fh-state"):
                    self._dot = Tag("span", "", "fh-dot")
                    self._state = Tag("span")
                self._mark = Tag("div", "", "fh-sub")
            with Tag("td", "", "fh-letter-actions"), Tag("div", "", "fh-letter-buttons") as self._buttons:
                self._retry = self._button("replay", "retry", partial(actions.retry, id_))
                self._button("delete_outline", "discard", partial(actions.discard, id_))
        self._pick.on(
            "change",
            lambda e: actions.pick(id_, bool(e.args)),
            js_handler="(e) => emit(e.target.checked)",
        )
        # clicks on what is to be clicked inside of a row are not clicks on the row
        self.on(
            "click",
            partial(actions.open, id_),
            js_handler="(e) => { if (!e.target.closest('input, a, .fh-letter-buttons')) emit(); }",
        )

    def show(self, letter: DeadLetterRow, *, picked: bool, opened: bool) -> None:
        """Bring it up to date."""
        age = (datetime.now(UTC) - letter.at).total_seconds()
        self._age.set_text(t("work.ago", age=fmt.age(age)) if age > YOUNG_S else t("work.young"))
        if (letter, picked, opened) == self._shown:
            return
        self._shown = (letter, picked, opened)
        self._pick.put("checked", picked).put("aria-label", t("work.pick", id=letter.id))
        self.put("aria-selected", "true" if opened else None).put("data-state", letter.state)
        self._time.set_text(fmt.clock(letter.at)).put("title", fmt.exact(letter.at))
        self._flow.set_text(letter.flow_name).put("title", letter.flow_id)
        there = node_page(letter.flow_id, letter.node)
        self._node.set_text(letter.node_title).put("title", t("work.to_node", node=letter.node)).put("href", there)
        self._kind.set_text(kind_words(letter.kind)).put("title", letter.kind)
        self._reason.set_text(letter.reason).put("title", letter.reason)
        self._topic.set_text(_name(letter)).put("title", _about(letter))
        self._preview.set_text(letter.preview).put("title", letter.preview)
        self._tries.set_text(fmt.count(tries_of(letter)))
        self._dot.look(f"fh-dot fh-dot-{TONES[letter.state]}")
        self._state.set_text(t(f"work.state.{letter.state}"))
        self._mark.set_text(t("work.edited", count=letter.edits) if letter.edits else "").show_if(letter.edits)
        self._buttons.show_if(letter.state == "dead")
        self._retry.show_if(not letter.is_report)

    def focus(self) -> None:
        """Put the keyboard here."""
        _ = self._open.run_method("focus")

    def _button(self, sign: str, name: str, action: Callable[[], Awaitable[bool]]) -> Tag:
        with Tag("button", "", "fh-icon-button", type="button", data_testid=f"worklist-{name}") as button:
            icon(sign)
        button.put("title", t(f"work.{name}")).put("aria-label", t(f"work.{name}"))
        if guard(button, "letter.repair"):
            button.on("click", action)
        return button


def tries_of(letter: DeadLetterRow) -> int:
    """How often it was tried; the try that delivered it is no failure, so the host does not count it."""
    return letter.attempts + (letter.state == "delivered")


def _name(letter: DeadLetterRow) -> str:
    """Topic and key, where the key says more than the topic."""
    return " · ".join(filter(None, dict.fromkeys((letter.topic, letter.key)))) or letter.message_id


def _about(letter: DeadLetterRow) -> str:
    facts = ((t("letter.topic"), letter.topic), (t("letter.key"), letter.key), (t("letter.id"), letter.message_id))
    return "\n".join(f"{name}: {fact}" for name, fact in facts if fact)
