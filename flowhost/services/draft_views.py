"""Views of drafts: what those who edit see of a draft, of its versions and of what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flowhost.graph.diff import Change
from flowhost.graph.guarantee import PathGuarantee
from flowhost.services.views import ProblemView
from flowhost.store import WayBack


@dataclass(frozen=True, kw_only=True)
class DraftView:
    """A draft as those who edit it see it.

    Attributes:
        rev: counts its batches of edits.
        base: number of the revision it began from.
        deployed: number of the revision that is deployed now.
        changed: it differs from the deployed revision.
        problems: what lint says of it.
        guarantees: what each path promises; empty where there are errors.
        ports: outputs of each node besides `error`, as its config says.
        last_put: the last edits, where they put another version on the canvas: they can be undone.
    """

    flow_id: str
    rev: int
    base: int
    deployed: int
    document: dict[str, Any]
    changed: bool
    problems: tuple[ProblemView, ...]
    guarantees: tuple[PathGuarantee, ...] = ()
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    last_put: DraftEdited | None = None


@dataclass(frozen=True, kw_only=True)
class DraftEdited:
    """Somebody edited the draft; without `ops` it was replaced as a whole.

    Attributes:
        way_back: where another version was put on the canvas.
        tab: of the browser in which that was asked for; empty where it is not known.
    """

    rev: int
    batch: str
    ops: list[dict[str, Any]]
    by: str
    way_back: WayBack | None = None
    tab: str = ""


@dataclass(frozen=True, kw_only=True)
class DraftChecked:
    """Lint has looked at the draft again."""

    rev: int
    problems: tuple[ProblemView, ...]
    guarantees: tuple[PathGuarantee, ...] = ()
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DraftDeployed:
    """Another revision is the deployed one: the draft, or one that was gone back to.

    Attributes:
        changed: the draft differs from it.
    """

    rev: int
    revision: int
    by: str
    changed: bool = False


@dataclass(frozen=True, kw_only=True)
class RevisionView:
    """A saved version of a flow.

    Attributes:
        changes: what differs from the version before; empty for the first.
        from_deployed: what differs from the deployed version; empty for that one.
        note: what its author said about it.
    """

    number: int
    author: str
    note: str
    created_at: datetime
    changes: tuple[Change, ...]
    from_deployed: tuple[Change, ...] = ()


DraftNews = DraftEdited | DraftChecked | DraftDeployed
Listener = Callable[[DraftNews], None]


@dataclass(frozen=True, kw_only=True)
class DeployPlan:
    """What a deployment would do.

    Attributes:
        changes: differences from the deployed revision.
        problems: what lint says; with an error among them it is refused.
        moved: things stand elsewhere on the canvas, or something else nobody has to look at differs.
        restarts: a running flow starts anew.
        running: it runs now.
        orphans: messages by the node they wait before that would become dead letters; such a deployment has to be
            confirmed.
        empty: the deployed revision has no nodes.
        drain_s: how long stopping the flow waits at most for what is on its way, seconds.
    """

    rev: int
    deployed: int
    changes: tuple[Change, ...]
    problems: tuple[ProblemView, ...]
    restarts: bool
    running: bool
    moved: bool = False
    orphans: Mapping[str, int] = field(default_factory=dict)
    empty: bool = False
    drain_s: float = 0.0
