"""What PostgreSQL's refusals mean, by SQLSTATE (PostgreSQL documentation, appendix A)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from flowhost_sql.dialects import Fault, FaultKind

LOST = {
    "57P01": "is being shut down",
    "57P02": "has crashed and starts again",
    "57P03": "is starting or stopping",
    "57P05": "closed the idle link",
    "25P03": "closed the link: a transaction stood still for too long",
}
"""The server closes the link after these, and after all of class 08."""

NO_RIGHT = "42501"

LATER = {
    "40001": "asks to try again: another transaction was in the way",
    "40P01": "broke a deadlock with another program; the batch is tried again",
    "55P03": "has the table locked by another program; the batch is tried again",
    "57014": "cancelled the statement: look for a time-out set at the server or an administrator's hand",
    "25006": "is read-only, e.g. a standby: name the primary, or add `target_session_attrs=read-write` to the URL",
    "53100": "cannot grow: its disk is full; make room",
    "53200": "is out of memory",
    "53300": "has too many connections",
}
"""Next step where not the data is at fault."""

KINDS = {
    "42P01": FaultKind.NO_TABLE,
    "42703": FaultKind.NO_COLUMN,
    "42P10": FaultKind.NO_UNIQUE_INDEX,
    "42804": FaultKind.ROW,  # the types of this row's values do not fit
    "42846": FaultKind.ROW,
    "P0001": FaultKind.ROW,  # raised by a trigger
}

ROW_CLASSES = {"21", "22", "23", "44", "54", "P0"}
"""Cardinality, data exception, constraint, check option, too large, PL/pgSQL: a row is at fault."""

STATEMENT_CLASSES = {"42", "3D", "3F", "0A"}
"""The table or its columns do not fit the statement: all rows with these columns are at fault."""

WORDS = {
    "23505": "there is a row with the same key already",
    "23502": "a column that must have a value has none",
    "23503": "it refers to a row of another table that does not exist",
    "23514": "a value is outside what the table allows",
    "22P02": "a value has the wrong type",
    "42804": "a value has the wrong type",
    "22003": "a number is too large for its column",
    "22001": "a text is too long for its column",
    "22007": "a text is no date or time",
    "22008": "a date or time is out of range",
    "428C9": "a column is made by the database itself and takes no value",
}
"""What a refused row has done."""


def fault_of(error: Exception) -> Fault:
    """The meaning of an error that executing a statement raised."""
    cause: Any = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    text = _text(cause)
    state = getattr(cause, "sqlstate", None)
    if state is None:
        return _without_state(cause, text)
    if state in LOST or state.startswith("08"):
        return Fault(FaultKind.LOST, f"{LOST.get(state, 'lost the link')} ({text})")
    if state == NO_RIGHT:
        return Fault(FaultKind.FORBIDDEN, f"gives no right to do this: grant it ({text})")
    if state in LATER:
        return Fault(FaultKind.LATER, f"{LATER[state]} ({text})")
    kind = KINDS.get(state)
    if kind is None:
        kind = FaultKind.ROW if state[:2] in ROW_CLASSES else FaultKind.LATER
        kind = FaultKind.STATEMENT if state[:2] in STATEMENT_CLASSES else kind
    if kind is FaultKind.LATER:
        return Fault(kind, f"cannot be used now: {text} ({state})")
    return Fault(kind, f"{WORDS[state]} ({text})" if state in WORDS else text, *_hints(cause))


def _without_state(cause: Any, text: str) -> Fault:
    """Raised by the driver itself: the link is gone, or it could not even hand over a value."""
    import psycopg

    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return Fault(FaultKind.LOST, f"lost the link ({text})")
    at_fault = isinstance(cause, psycopg.Error | OverflowError | UnicodeError)
    return Fault(FaultKind.ROW, text) if at_fault else Fault(FaultKind.LATER, f"cannot be used: {text}")


def _hints(cause: Any) -> tuple[str, str]:
    """The server's sentence with its details, which hold values of the row; the column that lacks a value."""
    diagnosis = getattr(cause, "diag", None)
    if not diagnosis:
        return "", ""
    empty = diagnosis.column_name if diagnosis.sqlstate == "23502" else ""
    return f"{diagnosis.message_primary or ''} {diagnosis.message_detail or ''}", empty or ""


def _text(cause: Any) -> str:
    """The server's sentence, without the statement it quotes."""
    diagnosis = getattr(cause, "diag", None)
    return (diagnosis.message_primary if diagnosis else None) or " ".join(str(cause).split())
