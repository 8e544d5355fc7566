"""Names of tables and columns, for the pick lists of forms. Runs in the database thread."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from flowhost.sdk import BrowseRequest, Choice, Choices, PermanentError
from flowhost_sql.database import Database, DriverError, refusals

OWN = "flowhost_"
"""Tables that begin so are ours, and nobody's business."""


def names(database: Database, request: BrowseRequest) -> Choices:
    """Tables and views, or the columns of the table the config names.

    Raises:
        NodeError: the database refused, or there is no such table.
    """
    try:
        with database.transaction(reading=True) as connection, refusals(database.dialect):
            inspector = sa.inspect(connection)
            found = list(_columns(inspector, request) if request.what == "columns" else _tables(inspector))
    except DriverError as error:
        raise database.later(error.fault) from error
    words = request.search.lower()
    fitting = [choice for choice in found if words in choice.value.lower()]
    note = f"{len(fitting)} names, the first {request.limit} are shown" if len(fitting) > request.limit else ""
    if not found:
        note = "the database has no tables yet; type the name, and let Create table (`create_table`) make it"
    return Choices(items=fitting[: request.limit], note=note)


def _tables(inspector: sa.Inspector) -> Iterator[Choice]:
    for name in sorted(inspector.get_table_names()):
        if not name.startswith(OWN):
            yield Choice(value=name, detail="table")
    for name in sorted(inspector.get_view_names()):
        yield Choice(value=name, detail="view")


def _columns(inspector: sa.Inspector, request: BrowseRequest) -> Iterator[Choice]:
    table = request.config.get("table")
    if not isinstance(table, str) or not table:
        raise PermanentError("name the table first: the columns are those of the table")
    if not inspector.has_table(table):
        raise PermanentError(f"there is no table {table!r} yet: its columns cannot be listed")
    keys = set(inspector.get_pk_constraint(table).get("constrained_columns") or ())
    for column in inspector.get_columns(table):
        kind = str(column["type"]).lower() or "any type"
        yield Choice(value=column["name"], detail=f"{kind}, primary key" if column["name"] in keys else kind)
