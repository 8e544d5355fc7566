"""Where a flow's messages are, as a sum that a reader can check."""

from __future__ import annotations

from flowhost.services.views import FlowSums
from flowhost.ui import format as fmt
from flowhost.ui.tags import Tag
from flowhost.ui.texts import t

CAME = ("in_total", "before", "made")
WENT = ("out_total", "used", "filtered", "pending", "held", "dead", "dropped")
ALWAYS = ("in_total", "out_total")


def sums_line(sums: FlowSums) -> str:
    """`133 in + 2 left by the last run = 130 delivered + 5 waiting`; what is zero is left out, never a whole side."""
    return f"{_side(sums, CAME)} = {_side(sums, WENT)}"


class FlowTotals(Tag):
    """What came in, and what became of it: lines that add up; each kind by itself in the hover text."""

    def __init__(self) -> None:
        super().__init__("div", "", "fh-totals")
        with self:
            self._lines = {name: _Total(f"flow-{name.removesuffix('_total')}") for name in (*CAME, *WENT)}

    def show(self, sums: FlowSums) -> None:
        """Bring it up to date."""
        for name, line in self._lines.items():
            number = getattr(sums, name)
            line.show(number, t(f"total.{name}"))
            line.show_if(number or name in ALWAYS)
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


def _side(sums: FlowSums, names: tuple[str, ...]) -> str:
    shown = [name for name in names if getattr(sums, name)] or [names[0]]
    parts = {name: t(f"sums.{name}", count=fmt.count(getattr(sums, name))) for name in shown}
    if sums.repeated and "out_total" in parts:
        parts["out_total"] += f" ({t('sums.repeated', count=fmt.count(sums.repeated))})"
    return " + ".join(parts.values())
