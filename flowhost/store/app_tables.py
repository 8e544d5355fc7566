"""Tables of `app.db`: what people made and asked for. Small, precious, written with full synchronisation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, MetaData, String, UniqueConstraint, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapper
from sqlmodel import Field, SQLModel

from flowhost.store.columns import UtcDateTime


class AppTable(SQLModel):
    """Base of the tables in `app.db`."""

    metadata = MetaData()


class HostFactRow(AppTable, table=True):
    """One fact about this host, e.g. its id."""

    __tablename__ = "host_fact"

    name: str = Field(primary_key=True)
    value: str


class FlowRow(AppTable, table=True):
    """A flow: which revision is deployed and whether it shall run."""

    __tablename__ = "flow"

    id: str = Field(primary_key=True)
    name: str
    area: str = Field(index=True)
    base_dir: str
    deployed: int
    desired: str
    created_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    changed_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


class RevisionRow(AppTable, table=True):
    """An immutable saved version of a flow."""

    __tablename__ = "revision"
    __table_args__ = (UniqueConstraint("flow_id", "number", name="uq_revision_flow_number"),)

    id: int | None = Field(default=None, primary_key=True)
    flow_id: str = Field(foreign_key="flow.id", ondelete="CASCADE", index=True)
    number: int
    content_hash: str
    document: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    author: str
    note: str = Field(default="", sa_column=Column(String(), nullable=False, server_default=text("''")))
    created_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


class DraftRow(AppTable, table=True):
    """What is being edited: one draft per flow, shared by all who edit it."""

    __tablename__ = "draft"

    flow_id: str = Field(primary_key=True, foreign_key="flow.id", ondelete="CASCADE")
    rev: int
    base: int
    document: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    changed_by: str
    changed_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


class DraftBatchRow(AppTable, table=True):
    """One batch of edits: what a browser that was away needs to catch up, and who did what."""

    __tablename__ = "draft_batch"
    __table_args__ = (UniqueConstraint("flow_id", "batch", name="uq_draft_batch"),)

    flow_id: str = Field(primary_key=True, foreign_key="flow.id", ondelete="CASCADE")
    rev: int = Field(primary_key=True)
    batch: str
    ops: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    way_back: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    author: str
    at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


class ConnectionRow(AppTable, table=True):
    """A connection of the host, shared by all flows that name it."""

    __tablename__ = "connection"

    name: str = Field(primary_key=True)
    type: str
    config: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    version: int
    changed_by: str
    changed_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


class SecretRow(AppTable, table=True):
    """A secret of the host; the key that opens it lies in a file outside the database."""

    __tablename__ = "secret"

    name: str = Field(primary_key=True)
    encrypted: str = Field(repr=False)
    changed_by: str
    changed_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


@event.listens_for(RevisionRow, "before_update")
def _revisions_do_not_change(_mapper: Mapper[RevisionRow], _connection: Connection, row: RevisionRow) -> None:
    """A run, an audit and a roll-back all point at a revision: it must stay what it was."""
    msg = f"revision {row.number} of flow {row.flow_id} cannot be changed: save a new one"
    raise TypeError(msg)
