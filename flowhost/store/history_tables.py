"""Tables of `history.db`: what happened. Large, purged by age and count, never in the way of a delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, MetaData, String, text
from sqlmodel import Field, SQLModel

from flowhost.store.columns import UtcDateTime

NOTHING = text("''")
"""What a text column added later holds in rows that were there before."""


class HistoryTable(SQLModel):
    """Base of the tables in `history.db`."""

    metadata = MetaData()


class RunRow(HistoryTable, table=True):
    """One life of a deployed revision."""

    __tablename__ = "run"
    __table_args__ = (Index("ix_run_flow_started", "flow_id", "started_at"),)

    id: int | None = Field(default=None, primary_key=True)
    flow_id: str
    flow_name: str
    revision: int
    outcome: str = Field(index=True)
    reason: str = ""
    started_by: str = ""
    started_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False, index=True))
    seen_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    messages_in: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    messages_out: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    errors: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    dead: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    dropped: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    events_left_out: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    nodes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class RunEventRow(HistoryTable, table=True):
    """A line of a run's history."""

    __tablename__ = "run_event"

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id", ondelete="CASCADE", index=True)
    time: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    kind: str
    text: str
    node: str = ""
    topic: str = ""
    count: int = 1


class AlarmRow(HistoryTable, table=True):
    """Something that is or was wrong."""

    __tablename__ = "alarm"

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    flow_id: str
    flow_name: str
    subject: str
    severity: str
    text: str
    past: str = Field(default="", sa_column=Column(String(), nullable=False, server_default=NOTHING))
    advice: str
    since: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    raised_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    cleared_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True, index=True))
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
