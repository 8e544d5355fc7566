"""What the paths of a flow promise: in short for the whole flow, in full for one sink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowhost.graph.document import NodeEntry
from flowhost.graph.guarantee import LEVELS, Level, PathGuarantee
from flowhost.graph.ways import Reason
from flowhost.ui.tags import Tag
from flowhost.ui.texts import t

LEVEL_TEXTS: Mapping[tuple[Level, Level], str] = {
    ("best effort", "best effort"): "guarantee.best_effort",
    ("best effort", "at least once"): "guarantee.then_at_least_once",
    ("best effort", "effectively once"): "guarantee.then_effectively_once",
    ("at least once", "at least once"): "guarantee.at_least_once",
    ("effectively once", "effectively once"): "guarantee.effectively_once",
}
"""By what is promised from the origin on, and from the moment on at which FlowHost has the message."""
TONES: Mapping[Level, str] = {"best effort": "off", "at least once": "off", "effectively once": "done"}
"""Without colour: that means state."""


class SinkGuarantees(Tag):
    """One line per sink: what the weakest path into it promises; the reasons come up where the pointer rests."""

    def __init__(self) -> None:
        super().__init__("ul", "", "fh-lines")
        self._shown: tuple[PathGuarantee, ...] = ()

    def show(self, paths: tuple[PathGuarantee, ...], nodes: Mapping[str, NodeEntry]) -> None:
        """Show these paths."""
        if paths == self._shown:
            return
        self._shown = paths
        self.clear()
        with self:
            for sink in dict.fromkeys(path.sink for path in paths):
                into = [path for path in paths if path.sink == sink]
                weakest = min(into, key=_rank)
                every = dict.fromkeys(reason for path in into for reason in path.reasons)
                with _line(weakest, title="\n".join(map(reason_text, every)) or None):
                    Tag("div", name_of(nodes, sink))
                    Tag("div", words(weakest))
                    Tag("div", meaning(weakest), "fh-sub")


class PathLines(Tag):
    """Every path into one sink, with its reasons.

    Args:
        paths: into that sink.
        nodes: of the flow.
    """

    def __init__(self, paths: Sequence[PathGuarantee], nodes: Mapping[str, NodeEntry]) -> None:
        super().__init__("ul", "", "fh-lines")
        with self:
            for path in paths:
                with _line(path):
                    start = "guarantee.failed_from" if path.failed else "guarantee.from"
                    Tag("div", t(start, source=name_of(nodes, path.source)), title=" → ".join(path.route))
                    Tag("div", words(path))
                    Tag("div", meaning(path), "fh-sub")
                    for reason in path.reasons:
                        Tag("div", reason_text(reason), "fh-sub", data_testid="guarantee-reason")


def words(path: PathGuarantee) -> str:
    """The guarantee in words."""
    return t(LEVEL_TEXTS[path.level, path.received])


def meaning(path: PathGuarantee) -> str:
    """What may be lost, and when."""
    return meaning_of(path.level, path.received)


def meaning_of(level: Level, received: Level) -> str:
    """As `meaning`, by what is promised from the origin on and from receipt on."""
    name = LEVEL_TEXTS[level, received].removeprefix("guarantee.")
    return t(f"guarantee.means.{name}")


def reason_text(reason: Reason) -> str:
    """Why it is no more, and what would change that."""
    key = "guarantee.reason_remedy" if reason.remedy else "guarantee.reason"
    return t(key, node=reason.node, text=reason.text, remedy=reason.remedy)


def name_of(nodes: Mapping[str, NodeEntry], node: str) -> str:
    """As the picture names it."""
    return (nodes[node].name or node) if node in nodes else node


def _line(path: PathGuarantee, title: str | None = None) -> Tag:
    """A dotted line about a path, entered where its text goes."""
    facts = {"data_testid": "guarantee", "data_node": path.sink, "data_level": path.level.replace(" ", "-")}
    with Tag("li", "", "fh-line", **facts) as line:
        Tag("span", "", f"fh-dot fh-dot-{TONES[path.received]}")
        text = Tag("div", "", "fh-line-text")
    line.put("title", title)
    return text


def _rank(path: PathGuarantee) -> tuple[int, int]:
    return LEVELS.index(path.level), LEVELS.index(path.received)
