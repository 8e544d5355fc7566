"""Where a flow's messages are, as a sum that a reader can check."""

from __future__ import annotations

from flowhost.services.views import FlowOverview
from flowhost.ui import format as fmt
from flowhost.ui.texts import t

CAME = ("in_total", "made")
WENT = ("out_total", "used", "filtered", "pending", "dead", "dropped")


def sums_line(flow: FlowOverview) -> str:
    """`133 in + 2 made inside = 130 delivered + 5 waiting`; what is zero is left out, but never a whole side."""
    return f"{_side(flow, CAME)} = {_side(flow, WENT)}"


def _side(flow: FlowOverview, names: tuple[str, ...]) -> str:
    shown = [name for name in names if getattr(flow, name)] or [names[0]]
    return " + ".join(t(f"sums.{name}", count=fmt.count(getattr(flow, name))) for name in shown)
