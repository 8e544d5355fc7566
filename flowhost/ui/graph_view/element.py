"""The element on the page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from nicegui import Client, background_tasks, core
from nicegui.dependencies import register_esm
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from flowhost.ui.texts import t

SCRIPTS = Path(__file__).parent / "js"


def _fingerprint(folder: Path) -> float:
    """A number that changes with the contents, so that browsers never keep scripts of an older version."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(folder.glob("*.js")):
        digest.update(path.read_bytes())
    return float(int.from_bytes(digest.digest()[:6], "big"))


register_esm("flowhost-graph", SCRIPTS, max_time=_fingerprint(SCRIPTS))


class GraphView(Element, component=Path(__file__).parent / "graph_view.js"):
    """A flow's graph with live figures; read-only.

    Args:
        picture: JSON text from `describe`.
        figures: JSON text from `figures_text`, for the first moment.
        on_select: told the id of the node that was picked, or an empty text.
        picked: id of the node that is picked at first.
    """

    def __init__(self, picture: str, figures: str, on_select: Callable[[str], None], picked: str = "") -> None:
        super().__init__()
        self.props["picture"] = picture
        self.props["figures"] = figures
        self.props["picked"] = picked
        self.props["words"] = {name: t(f"graph.{name}") for name in ("label", "fit", "in", "out", "empty")}
        self.on("select", lambda event: on_select(_node_id(event)))

    def send(self, figures: str) -> None:
        """Bring the figures up to date."""
        self._sending = background_tasks.create(send_figures(self.client, figures), name="figures of a picture")


async def send_figures(client: Client, text: str) -> None:
    """Give a page's picture new figures.

    They go over NiceGUI's own socket, guarded as that is: data for text nodes, not code, and not kept for replay,
    as the next second brings newer ones.
    """
    await core.sio.emit("flowhost.figures", text, room=client.id)


def _node_id(event: GenericEventArguments) -> str:
    return event.args if isinstance(event.args, str) else ""
