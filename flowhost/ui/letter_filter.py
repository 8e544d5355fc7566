"""Which dead letters the work list shows: kept in the page's address, so that a look can be linked and shared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flowhost.services.letter_views import STATES, LetterCountView, LetterQuery
from flowhost.ui import format as fmt
from flowhost.ui.tags import Field, Tag, link
from flowhost.ui.texts import TEXTS, t

PATH = "/work"
SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
BETWEEN = "between"
ALL = "all"


@dataclass(frozen=True)
class Wanted:
    """A look at the work list.

    Attributes:
        flow: flow id.
        node: node id.
        kind: class of the error.
        text: part of reason, topic, key or message id.
        state: one of `STATES`, or `all`.
        span: one of `SPANS`, `between`, or empty for any time.
        since: for `between`: local time as a browser writes it, `2026-03-01T06:00`; may be empty.
        until: likewise.
    """

    flow: str = ""
    node: str = ""
    kind: str = ""
    text: str = ""
    state: str = "dead"
    span: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Wanted:
        """From the parameters of an address; what makes no sense is left out."""
        known = {field.name: params[field.name] for field in fields(cls) if params.get(field.name)}
        if known.get("state") not in (*STATES, ALL):
            known.pop("state", None)
        if known.get("span") not in (*SPANS, BETWEEN):
            known.pop("span", None)
        return cls(**known)

    def address(self, path: str = PATH) -> str:
        """An address that leads here."""
        told = {name: text for name, text in asdict(self).items() if text != getattr(Wanted(), name)}
        return f"{path}?{urlencode(told)}" if told else path

    def query(self) -> LetterQuery:
        """As services take it."""
        since, until = self._limits()
        states: Any = () if self.state == ALL else (self.state,)
        return LetterQuery(
            flow=self.flow, node=self.node, kind=self.kind, text=self.text, since=since, until=until, states=states
        )

    def open_ones(self) -> LetterQuery:
        """Those of them that can be retried or discarded."""
        return replace(self.query(), states=("dead",))

    def all_of_this_time(self) -> LetterQuery:
        """Text and time alone, for counting what the other choices would give."""
        return replace(self.query(), flow="", node="", kind="", states=())

    def narrows(self) -> bool:
        """Whether it is more than the look at one state."""
        return replace(self, state="dead") != Wanted()

    def number(self, counts: Iterable[LetterCountView], **other: str) -> int:
        """How many letters it shows, or would show with some choices made otherwise."""
        wanted = replace(self, **other)
        return sum(
            count.number
            for count in counts
            if wanted.flow in ("", count.flow_id)
            and wanted.node in ("", count.node)
            and wanted.kind in ("", count.kind)
            and wanted.state in (ALL, count.state)
        )

    def _limits(self) -> tuple[datetime | None, datetime | None]:
        if self.span in SPANS:
            return datetime.now(UTC) - SPANS[self.span], None
        return (_moment(self.since), _moment(self.until)) if self.span == BETWEEN else (None, None)


class LetterFilter(Tag):
    """The choices, each with how many letters it leads to.

    Args:
        wanted: what is chosen at first.
        names: names of flows by id.
        on_change: told what is wanted now.
    """

    def __init__(
        self, wanted: Wanted, names: Mapping[str, str], on_change: Callable[[Wanted], Awaitable[None]]
    ) -> None:
        super().__init__("div", "", "fh-work-filter")
        self._wanted = wanted
        self._names = names
        self._on_change = on_change
        with self:
            with Tag("div", "", "fh-bar"):
                with Tag("div", "", "fh-segments", role="group", aria_label=t("work.state")):
                    self._states = {state: self._segment(state) for state in (*STATES, ALL)}
                Tag("div", "", "fh-grow")
                self._text_field("search", "text", "fh-search")
            with Tag("div", "", "fh-bar fh-work-choices"):
                self._choices = {name: self._choice(name) for name in ("flow", "node", "kind", "span")}
                with Tag("span", "", "fh-work-between") as self._between:
                    self._text_field("datetime-local", "since")
                    self._text_field("datetime-local", "until")
                self._clear = link(t("work.clear"), PATH, "fh-link").put("data-testid", "clear")
        self.show(())

    def show(self, counts: Sequence[LetterCountView]) -> None:
        """Bring numbers and choices up to date."""
        wanted = self._wanted
        for state, (button, number) in self._states.items():
            number.set_text(fmt.count(wanted.number(counts, state=state)))
            button.put("aria-pressed", "true" if state == wanted.state else "false")
        self._choices["flow"].show(
            self._options("flow", counts, [c.flow_id for c in counts], node=""), wanted.flow, self._names.get
        )
        self._choices["node"].show(
            self._options("node", counts, [c.node for c in counts if wanted.flow in ("", c.flow_id)]), wanted.node
        )
        self._choices["kind"].show(self._options("kind", counts, [c.kind for c in counts]), wanted.kind, kind_words)
        spans = [("", t("work.span.any"))] + [(name, t(f"work.span.{name}")) for name in (*SPANS, BETWEEN)]
        self._choices["span"].offer(spans, wanted.span)
        self._between.show_if(wanted.span == BETWEEN)
        self._clear.put("href", replace(Wanted(), state=wanted.state).address()).show_if(wanted.narrows())

    def _options(
        self, name: str, counts: Sequence[LetterCountView], values: Iterable[str], **other: str
    ) -> dict[str, int]:
        found = {value: self._wanted.number(counts, **{**other, name: value}) for value in sorted(set(values))}
        chosen = getattr(self._wanted, name)
        return {value: number for value, number in found.items() if number or value == chosen} | (
            {chosen: 0} if chosen and chosen not in found else {}
        )

    def _segment(self, state: str) -> tuple[Tag, Tag]:
        with Tag("button", "", "fh-segment", type="button", data_testid=f"state-{state}") as button:
            Tag("span", t(f"work.state.{state}"))
            number = Tag("span", "0", "fh-segment-count")
        button.on("click", lambda: self._pick(replace(self._wanted, state=state)))
        return button, number

    def _choice(self, name: str) -> Choice:
        return Choice(name, lambda value: self._picked(name, value))

    def _text_field(self, kind: str, name: str, look: str = "") -> Tag:
        async def typed(text: str) -> None:
            await self._picked(name, text.strip())

        field = Field("input", typed, look, 0.3, type=kind, data_testid=f"filter-{name}")
        field.put("aria-label", t(f"work.{name}")).put("placeholder", t(f"work.{name}"))
        field.put("title", t(f"work.{name}"))
        # as an attribute: a property would be set again while somebody types
        field.put("^value", getattr(self._wanted, name) or None)
        return field

    async def _picked(self, name: str, value: str) -> None:
        other = {"node": ""} if name == "flow" else {}
        await self._pick(replace(self._wanted, **{name: value}, **other))

    async def _pick(self, wanted: Wanted) -> None:
        if wanted == self._wanted:
            return
        self._wanted = wanted
        await self._on_change(wanted)


class Choice(Tag):
    """A drop-down list, narrow until something is chosen.

    Args:
        name: what is chosen; names its words, too.
        on_pick: told the value; empty for any.
    """

    def __init__(self, name: str, on_pick: Callable[[str], Any]) -> None:
        super().__init__("select", "", "fh-input fh-choice", data_testid=f"filter-{name}")
        self.put("aria-label", t(f"work.{name}"))
        self._name = name
        self._offered: list[tuple[str, str]] = []
        self.on("change", lambda e: on_pick(str(e.args or "")), js_handler="(e) => emit(e.target.value)")

    def show(
        self, values: Mapping[str, int], chosen: str, words: Callable[[str], str | None] = lambda value: value
    ) -> None:
        """Offer these values with their numbers."""
        named = [(value, f"{words(value) or value} ({fmt.count(number)})") for value, number in values.items()]
        self.offer([("", t(f"work.{self._name}.any")), *named], chosen)

    def offer(self, options: list[tuple[str, str]], chosen: str) -> None:
        """Offer these."""
        if options != self._offered:
            self._offered = options
            self.clear()
            with self:
                for value, text in options:
                    Tag("option", text, value=value)
        self.put("value", chosen)
        self.look("fh-input fh-choice fh-choice-made" if chosen else "fh-input fh-choice")


def kind_words(kind: str) -> str:
    """A class of error in words, where we know it."""
    return TEXTS.get(f"letter.kind.{kind.replace('-', '_').lower()}", kind)


def _moment(text: str) -> datetime | None:
    """Local time of the plant."""
    try:
        return datetime.fromisoformat(text).astimezone() if text else None
    except ValueError:
        return None
