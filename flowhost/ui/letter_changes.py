"""Changing letters, one or many: the questions before, progress, and what came of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nicegui import ui

from flowhost.errors import FlowHostError
from flowhost.services.dead_letters import steps
from flowhost.services.letter_views import BulkStep, SkippedLetter
from flowhost.ui import format as fmt
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Field, Tag
from flowhost.ui.texts import t

log = logging.getLogger(__name__)

REASONS_SHOWN = 8
LONGEST_REASON = 500


@dataclass
class Sum:
    """What a change of letters has done so far."""

    done: int = 0
    left: int = 0
    skipped: list[SkippedLetter] = field(default_factory=list)
    waiting: dict[str, None] = field(default_factory=dict)

    def add(self, step: BulkStep) -> None:
        """Another step."""
        self.done += step.done
        self.left = step.left
        self.skipped += step.skipped
        self.waiting |= dict.fromkeys(step.waiting)


class Changes(Tag):
    """Makes a change step by step and shows how far it is; afterwards, what it did.

    Args:
        names: names of flows by id.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__("div", "", "fh-work-changes", role="status", data_testid="changes")
        self.visible = False
        self._names = names
        self.busy = False
        self._stop = False
        self._said = self._tone = ""
        with self:
            self._words = Tag("span", "", "fh-work-changes-text", data_testid="changes-text")
            self._stopper = Button(t("work.stop"), "stop", self._on_stop, "fh-quiet", data_testid="changes-stop")
            self._dismiss = Button(t("error.dismiss"), "close", self._on_dismiss, "fh-quiet")
            self._reasons = Tag("ul", "", "fh-work-reasons")

    async def make(self, verb: str, change: Callable[[str], Awaitable[BulkStep]]) -> Sum | None:
        """Change all letters; None if it could not begin.

        Args:
            verb: `retried` or `discarded`.
            change: makes one step, given where it goes on.
        """
        if self.busy:
            return None
        self.busy, self._stop = True, False
        total = Sum()
        self._begin(t(f"work.doing.{verb}"))
        try:
            async for step in steps(change):
                total.add(step)
                self._words.set_text(t(f"work.progress.{verb}", done=fmt.count(total.done), left=fmt.count(total.left)))
                if self._stop:
                    break
        except FlowHostError as error:
            self.fail(t("work.broke_off", done=fmt.count(total.done), detail=str(error)))
            return total
        except Exception as error:  # said on the page and in the log
            log.exception("dead letters cannot be %s", verb)
            self.fail(t("error.unexpected", detail=f"{type(error).__name__}: {error}"))
            return total
        finally:
            self.busy = False
            self._stopper.show_if(condition=False)
            self._dismiss.show_if(condition=True)
        self._end(verb, total)
        return total

    def became(self, states: Mapping[str, int]) -> None:
        """Say what has become of letters that were sent in again, by state."""
        if self.busy or not self.visible:
            return
        delivered, failed, waiting = (states.get(name, 0) for name in ("delivered", "dead", "retried"))
        numbers = (("delivered", delivered), ("failed", failed), ("waiting", waiting))
        told = [t(f"work.became.{name}", count=fmt.count(number)) for name, number in numbers if number]
        self._words.set_text(" ".join([self._said, *told]))
        tone = "warn" if failed or "warn" in self._tone else "busy" if waiting else "ok"
        self.look(f"fh-work-changes fh-work-changes-{tone}")

    def _begin(self, text: str) -> None:
        self.look("fh-work-changes").show_if(condition=True)
        self._reasons.clear()
        self._words.set_text(text)
        self._stopper.show_if(condition=True)
        self._dismiss.show_if(condition=False)

    def fail(self, text: str) -> None:
        """Say what went wrong."""
        self.show_if(condition=True)
        self._stopper.show_if(condition=False)
        self._dismiss.show_if(condition=True)
        self.look("fh-work-changes fh-work-changes-bad")
        self._words.set_text(text)

    def _end(self, verb: str, total: Sum) -> None:
        words = [t(f"work.done.{verb}", count=fmt.count(total.done))]
        if total.skipped:
            words.append(t("work.left_as_they_are", count=fmt.count(len(total.skipped))))
        if total.left:
            words.append(t("work.stopped", left=fmt.count(total.left)))
        if verb == "retried" and total.waiting:
            words.append(t("work.waits", flows=", ".join(self._names.get(flow, flow) for flow in total.waiting)))
        self._said, self._tone = " ".join(words), "warn" if total.skipped else "ok" if verb == "discarded" else "busy"
        self.look(f"fh-work-changes fh-work-changes-{self._tone}")
        self._words.set_text(self._said)
        with self._reasons:
            for text in reasons_of(total.skipped):
                Tag("li", text)

    def _on_stop(self) -> None:
        self._stop = True

    def _on_dismiss(self) -> None:
        self.show_if(condition=False)


def reasons_of(skipped: Sequence[SkippedLetter]) -> list[str]:
    """Why letters were left as they are, the same reason told once."""
    number = Counter(one.reason for one in skipped)
    first: dict[str, str] = {}
    for one in skipped:
        first.setdefault(one.reason, one.id)
    lines = [
        t("work.reason_many", count=fmt.count(count), reason=reason) if count > 1 else f"{first[reason]}: {reason}"
        for reason, count in number.most_common(REASONS_SHOWN)
    ]
    if len(number) > REASONS_SHOWN:
        lines.append(t("work.more_reasons", count=fmt.count(len(number) - REASONS_SHOWN)))
    return lines


class Question:
    """Asks before letters are changed; a reason, too, where they are closed for good.

    Args:
        verb: `retry` or `discard`.
        asks_why: wants a reason.
    """

    def __init__(self, verb: str, *, asks_why: bool) -> None:
        self._asks_why = asks_why
        self._reason = ""
        title = t(f"ask.{verb}.title")
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog fh-ask", role="dialog", aria_label=title):
            Tag("h2", title)
            self._text = Tag("p", "", "fh-sub")
            self._why = Field("textarea", self._typed, "fh-code fh-ask-why", rows=3, data_testid="reason")
            self._why.put("placeholder", t("ask.why")).put("aria-label", t("ask.why")).show_if(asks_why)
            with Tag("div", "", "fh-dialog-buttons fh-says"):
                self._alert = Alert()
                Button(t("ask.cancel"), "close", self._close, "fh-quiet")
                look = "fh-danger" if verb == "discard" else "fh-primary"
                Button(t(f"ask.{verb}.do"), "check", self._on_do, look, data_testid=f"{verb}-do")

    async def ask(self, text: str) -> str | None:
        """The reason (empty where none is wanted), or None if the user thought better of it."""
        self._text.set_text(text)
        self._alert.take_back()
        self._reason = ""
        answer = await self._dialog
        return answer if isinstance(answer, str) else None

    def _on_do(self) -> None:
        if self._asks_why and not self._reason:
            self._alert.say(t("ask.no_reason"))
            return
        self._dialog.submit(self._reason)

    def _typed(self, text: str) -> None:
        self._reason = text.strip()[:LONGEST_REASON]

    def _close(self) -> None:
        self._dialog.submit(None)
