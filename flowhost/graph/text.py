"""Flow files: read with the position of everything, written with comments and unchanged lines kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from flowhost.errors import FlowFileError
from flowhost.graph.document import FlowDocument
from flowhost.graph.edit import edited
from flowhost.graph.emit import dump_flow
from flowhost.graph.jsonform import same, to_json
from flowhost.graph.place import Place, format_place, parse_place
from flowhost.graph.problem import Problem
from flowhost.graph.shape import read_shape
from flowhost.graph.tree import MAX_BYTES, Duplicate, Piece, Tree, parse_tree, plain

__all__ = ["FlowFile", "dump_flow", "load_flow", "read_flow"]


@dataclass(frozen=True, kw_only=True)
class FlowFile:
    """A flow file as read.

    Attributes:
        source: name of the file, for messages.
        text: the whole file.
        tree: every value with its position.
        document: the flow; wrong parts are left out.
        problems: what is wrong with the shape, in file order.
    """

    source: str
    text: str = field(repr=False)
    tree: Tree = field(repr=False)
    document: FlowDocument
    problems: tuple[Problem, ...]

    def place_line(self, place: str) -> tuple[int, int] | None:
        """Line and column, from 1, of what stands at this place; None where nothing does.

        A simple value is found where it begins; an object, a list or an empty value where its key begins.
        """
        return self.position(parse_place(place))

    def position(self, place: Place, *, at_key: bool = False) -> tuple[int, int] | None:
        """As `place_line`; with `at_key`, always the key."""
        piece, entry = self.tree.piece(place), self.tree.entry(place)
        if piece is None:
            return None
        if entry is not None and (at_key or piece.kind in ("mapping", "sequence") or piece.start == piece.end):
            piece = entry.key
        return piece.line, piece.column

    def nearest(self, place: Place, *, at_key: bool = False) -> tuple[int, int]:
        """As `position`; where nothing stands there, of what should hold it."""
        found = self.position(place, at_key=at_key)
        if found is not None:
            return found
        return self.nearest(place[:-1]) if place else (1, 1)

    def located(self, problem: Problem, *, at_key: bool = False) -> Problem:
        """The problem with its line and column."""
        line, column = self.nearest(parse_place(problem.place), at_key=at_key)
        return replace(problem, line=line, column=column)

    def write(self, document: FlowDocument) -> str:
        """The file with this flow in it: comments stay, lines that say the same stay byte for byte.

        Where the changes cannot be made in place (within values shared by aliases), the flow is written afresh.

        Raises:
            FlowFileError: the file has parts that could not be read; writing would lose them.
        """
        if self.problems:
            first = self.problems[0]
            raise FlowFileError(f"repair this before the file is changed: {first.message}", first.place)
        new = to_json(document)
        text = edited(self.text, self.tree, to_json(self.document), new)
        return text if text is not None and _says(text, new) else dump_flow(document)


def read_flow(text: str, source: str = "") -> FlowFile:
    """Read a flow file.

    Raises:
        FlowFileError: not YAML, no object at all, or beyond the limits; wrong parts become `problems`.
    """
    tree = parse_tree(text, source)
    data = plain(tree.top)
    if not isinstance(data, dict):
        raise FlowFileError("not a flow: the file must hold 'key: value' lines, first 'flowhost: 1'", source)
    document, problems = read_shape(data)
    file = FlowFile(source=source, text=text, tree=tree, document=document, problems=())
    found = [file.located(problem, at_key=problem.code in ("unknown-key", "bad-id")) for problem in problems]
    found += [_duplicate(duplicate) for duplicate in tree.duplicates]
    found += [_odd_key(place, key) for place, key in tree.odd_keys]
    return replace(file, problems=tuple(sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0))))


def load_flow(path: Path) -> FlowFile:
    """Read a flow file from disk.

    Raises:
        FlowFileError: as `read_flow`, or the file cannot be opened or is not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FlowFileError(f"larger than {MAX_BYTES // 1_000_000} MB; that is not a flow", str(path))
        return read_flow(path.read_bytes().decode("utf-8"), str(path))
    except OSError as error:
        raise FlowFileError(f"cannot be read: {error.strerror or error}", str(path)) from None
    except UnicodeDecodeError as error:
        raise FlowFileError(f"is not UTF-8 text (byte {error.start}); save it as UTF-8", str(path)) from None


def _says(text: str, expected: dict[str, object]) -> bool:
    """Whether the text, read again, is this flow."""
    try:
        again = read_flow(text)
    except FlowFileError:
        return False
    return not again.problems and same(to_json(again.document), expected)


def _duplicate(duplicate: Duplicate) -> Problem:
    first, second, place = duplicate.first, duplicate.second, duplicate.place
    what = {"nodes": "node id", "connections": "connection"}.get(str(place[0]) if len(place) == 2 else "", "key")
    return Problem(
        severity="error",
        place=format_place(place),
        message=f"{what} {place[-1]!r} stands twice: in line {first.line} and in line {second.line}; rename one",
        code="duplicate-id" if what != "key" else "duplicate-key",
        line=second.line,
        column=second.column,
    )


def _odd_key(place: Place, key: Piece) -> Problem:
    message = f"key {place[-1]!r} is not text; write it in quotes"
    if place[-1] == "<<":
        message = "merge keys ('<<') are not used in flow files; write the values out"
    return Problem(
        severity="error", place=format_place(place), message=message, code="bad-key", line=key.line, column=key.column
    )
