"""The editor on the page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nicegui.dependencies import register_esm
from nicegui.element import Element

from flowhost.ui.guarantees import LEVEL_TEXTS, meaning_of
from flowhost.ui.icons import bundled
from flowhost.ui.texts.bench import BENCH_WORDS
from flowhost.ui.texts.editor import WORDS
from flowhost.ui.texts.secrets import SECRET_FORM_WORDS

SCRIPTS = Path(__file__).parent / "js"
CATEGORIES = ("plant", "business", "logic", "time", "files", "debug")
"""Order of the palette: from the machine to the test bench."""


def _fingerprint(folder: Path) -> float:
    """A number that changes with the contents, so that browsers never keep scripts of an older version."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(folder.glob("*.js")):
        digest.update(path.read_bytes())
    return float(int.from_bytes(digest.digest()[:6], "big"))


register_esm("flowhost-editor", SCRIPTS, max_time=_fingerprint(SCRIPTS))


class FlowEditor(Element, component=Path(__file__).parent / "flow_editor.js"):
    """Canvas, palette and settings of one flow. It speaks to the host over a socket of its own.

    Args:
        flow_id: the flow.
        life: tells it from an earlier flow of its id: what a tab remembers of that one does not count.
        types: node types as `flowhost.catalog.describe` gives them.
        may_edit: without it everything can be looked at and nothing changed.
        may_operate: the flow may be started and stopped.
        may_send: sources may be told to send by hand.
        on_deploy: told what somebody wants to deploy, as `DeployDialog.open` takes it.
        on_start: told what somebody wants to start, as `StartDialog.open` takes it.
        on_stop: the flow shall stop.
        on_history: the versions of the flow are asked for.
    """

    def __init__(
        self,
        flow_id: str,
        life: str,
        types: Sequence[Mapping[str, Any]],
        *,
        may_edit: bool,
        may_operate: bool,
        may_send: bool,
        on_deploy: Callable[[Mapping[str, Any]], Any],
        on_start: Callable[[Mapping[str, Any]], Any],
        on_stop: Callable[[], Any],
        on_history: Callable[[Mapping[str, Any]], Any],
    ) -> None:
        super().__init__()
        known = [{**kind, "icon": bundled(kind["icon"], kind["kind"])} for kind in types]
        facts = {
            "flow": flow_id,
            "life": life,
            "types": known,
            "words": {**WORDS, **BENCH_WORDS, **SECRET_FORM_WORDS, **_meanings()},
            "categories": CATEGORIES,
            "mayEdit": may_edit,
            "mayOperate": may_operate,
            "maySend": may_send,
        }
        self.props["facts"] = json.dumps(facts, default=str)
        self.on("deploy", lambda event: on_deploy(event.args) if isinstance(event.args, dict) else None)
        self.on("start", lambda event: on_start(event.args) if isinstance(event.args, dict) else None)
        self.on("switch", lambda _: on_stop())
        self.on("history", lambda event: on_history(event.args) if isinstance(event.args, dict) else None)

    def reach(self, place: str) -> None:
        """Open the form at a place of the flow, with the caret in the field."""
        _ = self.run_method("reach", place)

    def asked(self) -> None:
        """The dialog that was asked for stands open."""
        _ = self.run_method("asked")


def _meanings() -> Mapping[str, str]:
    """What each guarantee means, by `means <from the origin>, <from receipt>`."""
    return {f"means {level}, {received}": meaning_of(level, received) for level, received in LEVEL_TEXTS}
