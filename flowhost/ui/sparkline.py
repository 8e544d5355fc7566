"""The last minute of a rate as a small curve."""

from __future__ import annotations

from collections.abc import Sequence

from flowhost.ui.tags import Tag

WIDTH, HEIGHT = 96, 26
FEWEST = 8
"""Rates a curve needs: fewer would be a dash that says nothing."""


class Sparkline(Tag):
    """An SVG curve of rates, oldest at the left; the scale begins at zero.

    Args:
        points: rates that fill its width.
        least: what the full height stands for at least, so that a few of something do not look like many.
    """

    def __init__(self, points: int = 60, least: float = 1e-9) -> None:
        super().__init__(
            "svg", "", "fh-spark", viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", aria_hidden="true"
        )
        self._points = points
        self._least = least
        with self:
            self._area = Tag("path", "", "fh-spark-area")
            self._line = Tag("path", "", "fh-spark-line")

    def show(self, rates: Sequence[float]) -> None:
        """Draw these rates; fewer than the full minute begin further right."""
        line = curve(rates, self._points, self._least)
        self._line.put("d", line or "M0 0")
        first = line[1:].split(" ", 1)[0] if line else "0"
        self._area.put("d", f"{line}L{WIDTH} {HEIGHT}L{first} {HEIGHT}Z" if line else "M0 0")


def curve(rates: Sequence[float], points: int, least: float = 1e-9) -> str:
    """SVG path of the rates; empty for fewer than `FEWEST`."""
    shown = list(rates)[-points:]
    if len(shown) < FEWEST:
        return ""
    top = max(*shown, least)
    step = WIDTH / (points - 1)
    left = WIDTH - step * (len(shown) - 1)
    room = HEIGHT - 3
    spots = (f"{left + step * i:.1f} {HEIGHT - 1.5 - room * max(v, 0) / top:.1f}" for i, v in enumerate(shown))
    return "M" + "L".join(spots)
