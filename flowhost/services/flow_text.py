"""A draft as YAML text, and such a text as edits of the draft: what the YAML view shows and applies."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowhost.errors import ConfigError, FlowFileError
from flowhost.graph.comments import has_comments
from flowhost.graph.emit import dump_flow
from flowhost.graph.jsonform import from_json, to_json
from flowhost.graph.legal import check_legal
from flowhost.graph.library import NodeLibrary
from flowhost.graph.lint import examine
from flowhost.graph.ops import AddNode, AddWire, Op, OpError, apply, write_ops
from flowhost.graph.place import Place
from flowhost.graph.problem import Problem
from flowhost.graph.steps import steps
from flowhost.graph.text import FlowFile, read_flow
from flowhost.services.access import Principal, demand
from flowhost.services.drafts import DraftService
from flowhost.services.shared_connections import SharedConnections

_AT = re.compile(r"^(?:.*:)?(\d+):(\d+)$")


@dataclass(frozen=True, kw_only=True)
class TextProblem:
    """Something to look at in a text.

    Attributes:
        line: 1-based.
        column: 1-based.
        blocks: it keeps the text from becoming the draft; others only keep the draft from being deployed.
    """

    message: str
    severity: str
    line: int
    column: int
    blocks: bool


@dataclass(frozen=True, kw_only=True)
class ReadText:
    """What a text would change.

    Attributes:
        ops: edits as JSON that lead from the base to this text; None if a problem blocks.
        problems: in the order of the text.
        comments: it holds comments, which a draft does not keep.
    """

    ops: list[dict[str, Any]] | None
    problems: tuple[TextProblem, ...]
    comments: bool


class FlowTextService:
    """Drafts as text. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(self, drafts: DraftService, library: NodeLibrary, shared: SharedConnections) -> None:
        self._drafts = drafts
        self._library = library
        self._shared = shared

    async def text(self, principal: Principal, flow_id: str) -> tuple[int, str]:
        """Number of the draft, and its text. Raises `NotFoundError`."""
        view = await self._drafts.look(principal, flow_id)
        return view.rev, await asyncio.to_thread(_written, view.document)

    async def read(self, principal: Principal, flow_id: str, text: str, base: str) -> ReadText:
        """What a text would change; nothing is changed yet.

        Args:
            principal: the caller.
            flow_id: the flow.
            text: as edited.
            base: as `text` gave it when the editing began: only what differs from it becomes an edit.

        Raises:
            ConfigError: `base` is no flow.
        """
        demand(principal, "flow.edit")
        return await asyncio.to_thread(_read, flow_id, text, base, self._library, self._shared.types)


def _written(document: Mapping[str, Any]) -> str:
    return dump_flow(from_json(document))


def _read(flow_id: str, text: str, base: str, library: NodeLibrary, shared: Mapping[str, str]) -> ReadText:
    before = read_flow(base)
    if before.problems:
        raise ConfigError("what the editing began from is no flow", "base")
    try:
        file = read_flow(text)
    except FlowFileError as error:
        return ReadText(ops=None, problems=(_of_yaml(error),), comments=False)
    blocking = [_of_shape(problem) for problem in file.problems]
    if not blocking and file.document.id != flow_id:
        blocking.append(_at(file, ("id",), f"a flow's id stays what it is: {flow_id}"))
    if blocking:
        return ReadText(ops=None, problems=tuple(blocking), comments=False)
    found = _edits(file, before, library)
    if isinstance(found, TextProblem):
        return ReadText(ops=None, problems=(found,), comments=False)
    lint = examine(file, library, os.environ, shared).problems
    problems = tuple(_of_lint(problem) for problem in lint)
    return ReadText(ops=write_ops(found), problems=problems, comments=has_comments(file.text, file.tree))


def _edits(file: FlowFile, before: FlowFile, library: NodeLibrary) -> list[Op] | TextProblem:
    """The edits, or what keeps them from being done."""
    old, new = to_json(before.document), to_json(file.document)
    try:
        found = steps(old, new)
    except OpError as error:
        return _at(file, _place_of_fault(new["wires"], error), error.message)
    for op in found:
        old, _ = apply(old, [op])
        try:
            check_legal(old, op, library)
        except OpError as error:
            return _at(file, _place_of(op, new["wires"]), error.message)
    return found


def _place_of(op: Op, wires: list[str]) -> Place:
    if isinstance(op, AddWire):
        return "wires", wires.index(op.wire)
    return ("nodes", op.id) if isinstance(op, AddNode) else ()


def _place_of_fault(wires: list[str], error: OpError) -> Place:
    """The wire a message names; a draft that has the shape of a flow can be unsound by its wires only."""
    named = [index for index, wire in enumerate(wires) if repr(wire) in error.message]
    ends = [index for index, wire in enumerate(wires) if any(repr(end) in error.message for end in _ends(wire))]
    return ("wires", *(named[-1:] or ends[:1])) if named or ends else ("wires",)


def _ends(wire: str) -> tuple[str, str]:
    source, _, target = wire.partition(" -> ")
    return source.split(".")[0], target


def _at(file: FlowFile, place: Place, message: str) -> TextProblem:
    line, column = file.nearest(place)
    return TextProblem(message=message, severity="error", line=line, column=column, blocks=True)


def _of_yaml(error: FlowFileError) -> TextProblem:
    found = _AT.match(error.place)
    line, column = (int(found[1]), int(found[2])) if found else (1, 1)
    return TextProblem(message=error.message, severity="error", line=line, column=column, blocks=True)


def _of_shape(problem: Problem) -> TextProblem:
    return TextProblem(
        message=problem.message, severity="error", line=problem.line or 1, column=problem.column or 1, blocks=True
    )


def _of_lint(problem: Problem) -> TextProblem:
    return TextProblem(
        message=problem.message, severity=problem.severity, line=problem.line or 1, column=problem.column or 1,
        blocks=False,
    )  # fmt: skip
