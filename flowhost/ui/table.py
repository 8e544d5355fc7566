"""A table whose rows are keyed: showing new data touches only the cells that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowhost.ui.tags import Tag


@dataclass(frozen=True)
class Column:
    """A column: its heading, and how its cells look (`num`, `wide`, `mono`)."""

    title: str
    look: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Cell:
    """What stands in a cell: text, where it leads, a hover text and the tone of its state, if it is one."""

    text: str
    href: str = ""
    hover: str = ""
    tone: str = ""
    look: str = ""


class DataTable(Tag):
    """Rows by key, in the order given."""

    def __init__(self, columns: Sequence[Column], classes: str = "") -> None:
        super().__init__("table", "", f"fh-table {classes}".strip())
        self._columns = columns
        self._rows: dict[str, _Row] = {}
        with self:
            with Tag("thead"), Tag("tr"):
                for column in columns:
                    Tag("th", column.title, column.look, scope="col", title=column.hint or None)
            self._body = Tag("tbody")

    def show(self, rows: Sequence[tuple[str, Sequence[Cell]]]) -> None:
        """Make the table hold exactly these rows."""
        wanted = {key for key, _ in rows}
        for key in [key for key in self._rows if key not in wanted]:
            self._rows.pop(key).delete()
        for index, (key, cells) in enumerate(rows):
            row = self._rows.get(key)
            if row is None:
                with self._body:
                    row = self._rows[key] = _Row(self._columns)
            if self._body.default_slot.children[index] is not row:
                row.move(target_index=index)
            row.show(cells)


class _Row(Tag):
    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__("tr")
        with self:
            self._cells = [_Cell(column.look) for column in columns]

    def show(self, cells: Sequence[Cell]) -> None:
        for element, cell in zip(self._cells, cells, strict=True):
            element.show(cell)


class _Cell(Tag):
    def __init__(self, look: str) -> None:
        super().__init__("td", "", look)
        self._look = look
        self._shown: Cell | None = None
        self._dot: Tag | None = None
        self._inner: Tag | None = None

    def show(self, cell: Cell) -> None:
        if cell == self._shown:
            return
        if self._shown is None:
            with self:
                self._dot = Tag("span") if cell.tone else None
                self._inner = Tag("a" if cell.href else "span")
        self._shown = cell
        self.look(f"{self._look} {cell.look}".strip())
        if self._dot is not None:
            self._dot.look(f"fh-dot fh-dot-{cell.tone}")
        if self._inner is not None:
            self._inner.set_text(cell.text).put("href", cell.href or None).put("title", cell.hover or None)
