"""What there is on a server, for the pick list of a form: a branch at a time, or a search through all branches."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from flowhost.sdk import BrowseRequest, Choice, Choices
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
_MASK = ua.NodeClass.Object | ua.NodeClass.Variable


async def look_around(link: Link, request: BrowseRequest) -> Choices:
    """The nodes below a branch, or those whose name or id holds the text searched for."""
    if request.search:
        return await _search(link, request)
    found = await _children(link, [_bound(link, request.under) if request.under else _OBJECTS])
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
    branches: deque[ua.NodeId] = deque([_OBJECTS])
    seen = {_OBJECTS, _SERVER}
    hits: list[ua.ReferenceDescription] = []
    while branches and len(hits) < request.limit and len(seen) < SEARCHED_NODES and time.monotonic() < deadline:
        found = await _children(link, [branches.popleft() for _ in range(min(AT_ONCE, len(branches)))])
        for reference in found:
            node = _plain(reference.NodeId)
            if node in seen:
                continue
            seen.add(node)
            branches.append(node)
            is_value = reference.NodeClass == ua.NodeClass.Variable
            if is_value and (words in _name(reference).lower() or words in text_of(link, node).lower()):
                hits.append(reference)
    note = f"not everything was searched: {len(seen):,} nodes looked at" if branches else ""
    if len(hits) > request.limit:
        note = f"more than {request.limit} fit: write more of the name"
    return Choices(items=await _choices(link, hits[: request.limit], leaves=True), note=note)


async def _children(link: Link, nodes: Sequence[ua.NodeId]) -> list[ua.ReferenceDescription]:
    """What hangs below nodes, all of it, however small the answers of the server are."""
    parameters = ua.BrowseParameters()
    parameters.NodesToBrowse = [_description(node) for node in nodes]
    results = await link.request("browsing", link.session.browse(parameters))
    found: list[ua.ReferenceDescription] = []
    while results:
        for result in results:
            found += result.References or []
        points = [result.ContinuationPoint for result in results if result.ContinuationPoint]
        results = []
        if points:
            following = ua.BrowseNextParameters()
            following.ContinuationPoints = points
            results = await link.request("browsing", link.session.browse_next(following))
    return found


def _description(node: ua.NodeId) -> ua.BrowseDescription:
    wanted = ua.BrowseDescription()
    wanted.NodeId = node
    wanted.ReferenceTypeId = _HIERARCHICAL
    wanted.IncludeSubtypes = True
    wanted.NodeClassMask = int(_MASK)
    wanted.ResultMask = int(ua.BrowseResultMask.All)
    return wanted


async def _choices(link: Link, found: Sequence[ua.ReferenceDescription], *, leaves: bool = False) -> list[Choice]:
    values = await _values(link, [_plain(one.NodeId) for one in found if one.NodeClass == ua.NodeClass.Variable])
    choices = []
    for one in found:
        node = _plain(one.NodeId)
        text = text_of(link, node)
        if one.NodeClass == ua.NodeClass.Variable:
            # what hangs below a variable are its properties: nobody follows those
            choices.append(Choice(value=text, label=_name(one), detail=values.get(node, "")))
        elif not leaves:
            choices.append(Choice(label=_name(one), opens=text))
    return choices


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


def _name(reference: ua.ReferenceDescription) -> str:
    return reference.DisplayName.Text or reference.BrowseName.Name or ""
