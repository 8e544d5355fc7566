"""Nodes, notes and frames of all flows that fit what is looked for on the overview."""

from __future__ import annotations

from urllib.parse import quote

from flowhost.errors import FlowHostError
from flowhost.services.flow_search import Hit
from flowhost.ui.caller import caller
from flowhost.ui.field_titles import Facts, field_title
from flowhost.ui.live import Live
from flowhost.ui.tags import Tag, link
from flowhost.ui.texts import t

SHOWN = 12
SHORTEST = 2
"""Fewer letters fit nearly every node."""


class NodeHits(Tag):
    """A list of links into the editor; nothing while nobody looks for anything."""

    def __init__(self, live: Live) -> None:
        super().__init__("section", "", "fh-node-hits", data_testid="node-hits")
        self._live = live
        self._words = ""
        self.show_if(condition=False)

    async def search(self, words: str) -> None:
        """Show what fits; an answer that comes after the next question is not shown."""
        self._words = words
        if len(words.strip()) < SHORTEST:
            self.show_if(condition=False)
            return
        try:
            found = await self._live.host.search.find(caller(), words, SHOWN)
            types = await self._types() if any(hit.place for hit in found.hits) else {}
        except FlowHostError:
            self.show_if(condition=False)
            return
        if words != self._words:
            return
        self.clear()
        self.show_if(found.hits)
        with self:
            Tag("h3", t("overview.nodes", count=found.total))
            for hit in found.hits:
                target = f"/flows/{quote(hit.flow)}/edit?node={quote(hit.node)}"
                with link("", target, "fh-node-hit").put("data-testid", "node-hit"):
                    Tag("span", hit.title, "fh-node-hit-title")
                    Tag("span", hit.type or t(f"overview.{hit.kind}"), "fh-mono" if hit.type else "fh-sub")
                    Tag("span", hit.flow_name, "fh-sub")
                    Tag("span", where(hit, types.get(hit.type, {})), "fh-sub fh-node-hit-where")

    async def _types(self) -> dict[str, Facts]:
        return {str(one["type"]): one for one in await self._live.host.plugins.describe_all(caller())}


def where(hit: Hit, kind: Facts) -> str:
    """The setting that fits, as the form calls it; nothing where the name fits."""
    return f"{field_title(kind, hit.place)}: {hit.value}" if hit.place else ""
