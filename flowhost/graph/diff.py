"""What differs between two versions of a flow, by property; where things stand on the canvas is no difference.

Notes and frames are: what they say and hold, not where they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flowhost.graph.jsonform import same

ChangeKind = Literal["added", "removed", "changed"]

_OBJECTS = ("nodes", "connections", "tables", "sagas")
"""Parts whose entries are things of their own: added or removed as one."""
_WORDS = ("name", "area", "description", "layout")
"""Changes of these are for people only; nothing has to run anew."""


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        kind: what happened.
        place: keys from the top, e.g. `("nodes", "temps", "config", "qos")`; a wire is `("wires", "a -> b")`.
        before: the value in the older version; None if it was not there.
        after: the value in the newer version; None if it is gone.
    """

    kind: ChangeKind
    place: tuple[str, ...]
    before: Any = None
    after: Any = None

    @property
    def node(self) -> str:
        """The node it is about; empty if it is about none."""
        return self.place[1] if self.place[0] == "nodes" else ""


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The differences from `old` to `new`, both in the form of `flowhost.graph.jsonform`, in file order."""
    found: list[Change] = []
    for key in dict.fromkeys([*old, *new]):
        if key in ("flowhost", "id"):
            continue
        if key == "layout":
            found += _layout(old.get(key) or {}, new.get(key) or {})
        elif key == "wires":
            found += _wires(old.get(key, ()), new.get(key, ()))
        elif key in _OBJECTS:
            found += _objects((key,), old.get(key) or {}, new.get(key) or {})
        else:
            found += _values((key,), key in old, old.get(key), key in new, new.get(key))
    return found


def restarts(changes: list[Change]) -> bool:
    """Whether a running flow has to start anew to take these changes on."""
    return any(not _for_people(change) for change in changes)


def _for_people(change: Change) -> bool:
    place = change.place
    return place[0] in _WORDS or (len(place) == 3 and place[0] == "nodes" and place[2] == "name")


def _layout(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for part in ("notes", "groups"):
        yield from _objects(("layout", part), _said(old.get(part)), _said(new.get(part)))


def _said(entries: Any) -> dict[str, Any]:
    """Notes or frames without their places."""
    if not isinstance(entries, dict):
        return {}
    inner = {name: entry if isinstance(entry, dict) else {} for name, entry in entries.items()}
    return {
        name: {key: part for key, part in entry.items() if key not in ("at", "size")} for name, entry in inner.items()
    }


def _wires(old: Any, new: Any) -> Iterator[Change]:
    for wire in old:
        if wire not in new:
            yield Change("removed", ("wires", wire), before=wire)
    for wire in new:
        if wire not in old:
            yield Change("added", ("wires", wire), after=wire)


def _objects(place: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        inner = (*place, name)
        if name not in new:
            yield Change("removed", inner, before=old[name])
        elif name not in old:
            yield Change("added", inner, after=new[name])
        else:
            yield from _values(inner, True, old[name], True, new[name])


def _values(place: tuple[str, ...], was: bool, old: Any, is_: bool, new: Any) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _values((*place, key), key in old, old.get(key), key in new, new.get(key))
    elif not was:
        yield Change("added", place, after=new)
    elif not is_:
        yield Change("removed", place, before=old)
    elif not same(old, new):
        yield Change("changed", place, before=old, after=new)
