"""Where the rules of lint put what they find."""

from __future__ import annotations

from flowhost.graph.document import FlowDocument
from flowhost.graph.place import Place, format_place
from flowhost.graph.problem import Problem, Severity
from flowhost.graph.text import FlowFile

WRONG_WIRES = frozenset({"bad-wire", "dangling-wire", "unknown-port"})
MAY_FOLLOW = frozenset({"no-input", "source-unwired", "unwired-port"})
"""What a wire that leads nowhere leaves behind."""


class Report:
    """Collects problems and gives each its line and column, where there is a file."""

    def __init__(self, file: FlowFile | None) -> None:
        self._file = file
        self._problems: list[Problem] = list(file.problems) if file else []

    def error(self, place: Place, code: str, message: str, *, at_key: bool = False, column: int | None = None) -> None:
        """Keeps the flow from starting.

        Args:
            place: where.
            code: of the rule.
            message: the thing, then the next step.
            at_key: the key is at fault, not its value.
            column: within the expression that stands at the place.
        """
        self._add("error", place, code, message, at_key=at_key, column=column)

    def warning(self, place: Place, code: str, message: str, *, at_key: bool = False) -> None:
        """Worth a look; the flow starts."""
        self._add("warning", place, code, message, at_key=at_key, column=None)

    def has(self, place: Place) -> bool:
        """Whether something is wrong with this place already; what would follow from it is not said."""
        return any(problem.place == format_place(place) for problem in self._problems)

    def problems(self) -> list[Problem]:
        """All of them, in file order; where a wire is wrong, what may only follow from it comes last."""
        wrong_wire = any(problem.code in WRONG_WIRES for problem in self._problems)

        def rank(problem: Problem) -> tuple[bool, int, int]:
            return wrong_wire and problem.code in MAY_FOLLOW, problem.line or 0, problem.column or 0

        return sorted(self._problems, key=rank)

    def wire_places(self, document: FlowDocument) -> list[Place]:
        """The place of each wire of the document: wires that could not be read are missing there."""
        unread = {problem.place for problem in self._problems if problem.code == "bad-wire"}
        every: list[Place] = [("wires", index) for index in range(len(document.wires) + len(unread))]
        return [place for place in every if format_place(place) not in unread]

    def _add(
        self, severity: Severity, place: Place, code: str, message: str, *, at_key: bool, column: int | None
    ) -> None:
        line = file_column = None
        if self._file is not None:
            line, file_column = self._file.nearest(place, at_key=at_key)
            file_column += self._offset(place, column)
        problem = Problem(
            severity=severity, place=format_place(place), message=message, code=code, line=line, column=file_column
        )
        self._problems.append(problem)

    def _offset(self, place: Place, column: int | None) -> int:
        """How far behind the start of a value in one line the column of an expression stands."""
        piece = self._file.tree.piece(place) if self._file is not None and column is not None else None
        if piece is None or self._file is None or column is None or piece.kind != "scalar":
            return 0
        raw = self._file.text[piece.start : piece.end]
        if raw == piece.value:
            return column - 1
        return column if raw[1:-1] == piece.value else 0
