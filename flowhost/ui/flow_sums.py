"""Where a flow's messages are, as a sum that a reader can check."""

from __future__ import annotations

from flowhost.services.views import FlowSums
from flowhost.ui import format as fmt
from flowhost.ui.tags import Tag
from flowhost.ui.texts import t

CAME = ("in_total", "before", "made")
WENT = ("out_total", "used", "filtered", "pending", "held", "dead", "dropped")


def sums_line(sums: FlowSums) -> str:
    """`133 in + 2 waiting from before = 130 delivered + 5 waiting`; what is zero is left out, never a whole side."""
    return f"{_side(sums, CAME)} = {_side(sums, WENT)}"


class FlowTotals(Tag):
    """What came in, and what became of it: lines that add up; each kind by itself in the hover text."""

    def __init__(self) -> None:
        super().__init__("div", "", "fh-totals")
        with self:
            self._in = _Total("flow-in")
            self._inside = _Total("flow-inside")
            self._out = _Total("flow-out")
            self._else = _Total("flow-else")
            self._waiting = _Total("flow-waiting")
            self._lost = _Total("flow-lost")

    def show(self, sums: FlowSums) -> None:
        """Bring it up to date."""
        self._in.show(sums.in_total, t("total.in"))
        self._inside.show_any(sums.before + sums.made, t("total.inside"))
        self._out.show(sums.out_total, t("total.out"))
        kinds = [name for name in ("used", "filtered") if getattr(sums, name)]
        self._else.show_any(sums.used + sums.filtered, t(f"total.{'_'.join(kinds) or 'used'}"))
        self._waiting.show_any(sums.pending + sums.held, t("total.waiting"))
        self._lost.show_any(sums.dead + sums.dropped, t("total.lost"))
        self.put("title", f"{sums_line(sums)}\n{t('hint.totals')}")


class _Total(Tag):
    """A number and its word."""

    def __init__(self, handle: str) -> None:
        super().__init__("div", "", "fh-total")
        with self:
            self._number = Tag("span", data_testid=handle)
            self._word = Tag("span", "", "fh-sub")

    def show(self, number: int, word: str) -> None:
        """Bring it up to date."""
        self._number.set_text(fmt.count(number))
        self._word.set_text(word)

    def show_any(self, number: int, word: str) -> None:
        """The same, but nothing where there are none."""
        self.show(number, word)
        self.show_if(number)


def _side(sums: FlowSums, names: tuple[str, ...]) -> str:
    shown = [name for name in names if getattr(sums, name)] or [names[0]]
    parts = {name: t(f"sums.{name}", count=fmt.count(getattr(sums, name))) for name in shown}
    if sums.repeated and "out_total" in parts:
        parts["out_total"] += f" ({t('sums.repeated', count=fmt.count(sums.repeated))})"
    return " + ".join(parts.values())
