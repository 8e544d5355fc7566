"""What must outlive a restart: flows, drafts, connections and secrets in `app.db`, runs and events in `history.db`.

SQLModel lives here and nowhere else. Callers give and take plain data, never a table object or a session.
"""

from flowhost.store.alarms import AlarmRecord, AlarmStore, Severity
from flowhost.store.connections import ConnectionRecord, ConnectionStore
from flowhost.store.drafts import BatchRecord, DraftRecord, DraftStore, WayBack
from flowhost.store.flows import FlowRecord, FlowStore, NewRevision, RevisionRecord
from flowhost.store.runs import EventRecord, Outcome, RunFigures, RunRecord, RunStore
from flowhost.store.secrets import SecretRecord, SecretStore
from flowhost.store.store import Store

__all__ = [
    "AlarmRecord",
    "AlarmStore",
    "BatchRecord",
    "ConnectionRecord",
    "ConnectionStore",
    "DraftRecord",
    "DraftStore",
    "EventRecord",
    "FlowRecord",
    "FlowStore",
    "NewRevision",
    "Outcome",
    "RevisionRecord",
    "RunFigures",
    "RunRecord",
    "RunStore",
    "SecretRecord",
    "SecretStore",
    "Severity",
    "Store",
    "WayBack",
]
