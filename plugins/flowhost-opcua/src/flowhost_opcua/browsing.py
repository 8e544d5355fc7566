"""What there is on a server, for the pick list of a form: a branch at a time, or a search through all branches."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from flowhost.sdk import BrowseRequest, Choice, Choices, ucum_unit
from flowhost_opcua import driver as ua
from flowhost_opcua.link import Link
from flowhost_opcua.nodeids import parse_node
from flowhost_opcua.values import json_value

SEARCH_S = 6.0
"""A search ends after this time with what it has, seconds."""
SEARCHED_NODES = 20_000
AT_ONCE = 100
"""Branches browsed in one request of a search."""
SHOWN_CHARACTERS = 40

_OBJECTS = ua.node_id(ua.ObjectIds.ObjectsFolder)
_SERVER = ua.node_id(ua.ObjectIds.Server)
_HIERARCHICAL = ua.node_id(ua.ObjectIds.HierarchicalReferences)
_HAS_PROPERTY = ua.node_id(ua.ObjectIds.HasProperty)
_SEPARATORS = re.compile(r"\s*[/+#]\s*")
_MASK = ua.NodeClass.Object | ua.NodeClass.Variable


_Branch = tuple[ua.NodeId, tuple[str, ...]]
"""A node, and the names that lead to it from the top, its own last."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A reference, and the names of the branches it was found in, from the top."""

    reference: ua.ReferenceDescription
    above: tuple[str, ...] = ()

    @property
    def node(self) -> ua.NodeId:
        """Where it leads to."""
        return _plain(self.reference.NodeId)

    @property
    def is_value(self) -> bool:
        """A variable, which can be followed."""
        return bool(self.reference.NodeClass == ua.NodeClass.Variable)

    @property
    def name(self) -> str:
        """For people."""
        return self.reference.DisplayName.Text or self.reference.BrowseName.Name or ""

    @property
    def topic(self) -> str:
        """Its names with slashes between; none has a sign that separates or stands for others in topics."""
        return "/".join(_SEPARATORS.sub("_", name.strip()) for name in (*self.above, self.name))

    def fits(self, words: str, text: str) -> bool:
        """Whether its name or id holds what was searched for."""
        return words in self.name.lower() or words in text.lower()


async def look_around(link: Link, request: BrowseRequest) -> Choices:
    """The nodes below a branch, or those whose name or id holds the text searched for."""
    if request.search:
        return await _search(link, request)
    under, above = _branch(link, request.under)
    found = await _children(link, [(under, above)])
    shown = found[: request.limit]
    note = (
        f"{len(found):,} nodes, the first {len(shown):,} are shown: search for a part of the name"
        if found != shown
        else ""
    )
    return Choices(items=await _choices(link, shown), note=note)


async def _search(link: Link, request: BrowseRequest) -> Choices:
    """Breadth first: what stands near the top is what people mean."""
    words = request.search.lower()
    deadline = time.monotonic() + SEARCH_S
    branches: deque[_Branch] = deque([(_OBJECTS, ())])
    seen = {_OBJECTS, _SERVER}
    hits: list[_Found] = []
    while branches and len(hits) < request.limit and len(seen) < SEARCHED_NODES and time.monotonic() < deadline:
        for found in await _children(link, [branches.popleft() for _ in range(min(AT_ONCE, len(branches)))]):
            if found.node in seen:
                continue
            seen.add(found.node)
            branches.append((found.node, (*found.above, found.name)))
            if found.is_value and found.fits(words, text_of(link, found.node)):
                hits.append(found)
    note = f"not everything was searched: {len(seen):,} nodes looked at" if branches else ""
    if len(hits) > request.limit:
        note = f"more than {request.limit} fit: write more of the name"
    return Choices(items=await _choices(link, hits[: request.limit], searched=True), note=note)


async def _children(link: Link, branches: Sequence[_Branch]) -> list[_Found]:
    """What hangs below nodes, without their properties, such as range and unit: those only describe."""
    found = await _references(link, [node for node, _ in branches], _HIERARCHICAL)
    return [
        _Found(reference, above)
        for (_, above), references in zip(branches, found, strict=True)
        for reference in references
        if reference.ReferenceTypeId != _HAS_PROPERTY
    ]


async def _references(link: Link, nodes: Sequence[ua.NodeId], kind: ua.NodeId) -> list[list[ua.ReferenceDescription]]:
    """What leads on from each node, all of it, however small the answers of the server are."""
    parameters = ua.BrowseParameters()
    parameters.NodesToBrowse = [_description(node, kind) for node in nodes]
    results = await link.request("browsing", link.session.browse(parameters))
    found: list[list[ua.ReferenceDescription]] = [[] for _ in nodes]
    places = list(range(len(nodes)))
    while results:
        for place, result in zip(places, results, strict=True):
            found[place] += result.References or []
        going = [(place, result) for place, result in zip(places, results, strict=True) if result.ContinuationPoint]
        places, results = [place for place, _ in going], []
        if going:
            following = ua.BrowseNextParameters()
            following.ContinuationPoints = [result.ContinuationPoint for _, result in going]
            results = await link.request("browsing", link.session.browse_next(following))
    return found


def _description(node: ua.NodeId, kind: ua.NodeId) -> ua.BrowseDescription:
    wanted = ua.BrowseDescription()
    wanted.NodeId = node
    wanted.ReferenceTypeId = kind
    wanted.IncludeSubtypes = True
    wanted.NodeClassMask = int(_MASK)
    wanted.ResultMask = int(ua.BrowseResultMask.All)
    return wanted


async def _choices(link: Link, found: Sequence[_Found], *, searched: bool = False) -> list[Choice]:
    tags = [one.node for one in found if one.is_value]
    values, units = await _values(link, tags), await _units(link, tags)
    choices = []
    for one in found:
        text = text_of(link, one.node)
        if one.is_value:
            place = " / ".join(one.above) if searched else ""
            fills = {"topic": one.topic, **({"unit": units[one.node]} if one.node in units else {})}
            choices.append(
                Choice(value=text, label=one.name, detail=values.get(one.node, ""), place=place, fills=fills)
            )
        else:
            choices.append(Choice(label=one.name, opens=json.dumps([text, *one.above, one.name])))
    return choices


def _branch(link: Link, under: str) -> _Branch:
    """The branch that `opens` of a choice stands for."""
    if not under:
        return _OBJECTS, ()
    text, *above = json.loads(under)
    return _bound(link, text), tuple(above)


async def _units(link: Link, tags: Sequence[ua.NodeId]) -> dict[ua.NodeId, str]:
    """The UCUM unit of each tag that says its engineering unit, and one that is known (OPC 10000-8, 5.6.3)."""
    found: dict[ua.NodeId, ua.NodeId] = {}
    for begin in range(0, len(tags), AT_ONCE):
        some = tags[begin : begin + AT_ONCE]
        for tag, properties in zip(some, await _references(link, some, _HAS_PROPERTY), strict=True):
            for one in properties:
                if one.BrowseName.Name == "EngineeringUnits":
                    found[tag] = _plain(one.NodeId)
    if not found:
        return {}
    values = await link.read(list(found.values()))
    units = {tag: _unit(value) for tag, value in zip(found, values, strict=True)}
    return {tag: unit for tag, unit in units.items() if unit}


def _unit(data: ua.DataValue) -> str:
    said = data.Value.Value if data.Value is not None else None
    if not isinstance(said, ua.EUInformation) or said.UnitId <= 0:
        return ""
    code = said.UnitId.to_bytes(4, "big").lstrip(b"\0")
    return ucum_unit(code.decode("ascii", "replace"))


async def _values(link: Link, nodes: Sequence[ua.NodeId]) -> dict[ua.NodeId, str]:
    """Type and present value of variables, in words."""
    if not nodes:
        return {}
    values = await link.read(nodes)
    return {node: _shown(value) for node, value in zip(nodes, values, strict=True)}


def _shown(data: ua.DataValue) -> str:
    if data.StatusCode is not None and data.StatusCode.value >> 30:
        return data.StatusCode.name
    if data.Value is None or data.Value.Value is None:
        return "no value"
    text = str(json_value(data.Value.Value))
    short = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
    return f"{data.Value.VariantType.name} {short}"


def text_of(link: Link, node: ua.NodeId) -> str:
    """A node id as flows write it: by the namespace's URI, which stays right when a server numbers them anew."""
    kind, value = node.to_string().rpartition(";")[2].split("=", 1)
    index = node.NamespaceIndex
    if not index:
        return f"{kind}={value}"
    uri = link.namespaces[index] if index < len(link.namespaces) else ""
    if not uri:
        return f"ns={index};{kind}={value}"
    return f"nsu={uri.replace('%', '%25').replace(';', '%3B')};{kind}={value}"


def _bound(link: Link, text: str) -> ua.NodeId:
    """The node id in this session."""
    ref = parse_node(text)
    index = link.namespaces.index(ref.uri) if ref.uri in link.namespaces else ref.index
    return ua.node_id(ref.identifier, index, ref.kind)


def _plain(node: ua.ExpandedNodeId) -> ua.NodeId:
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)
