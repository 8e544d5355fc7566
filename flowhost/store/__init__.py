"""What must outlive a restart: flows and revisions in `app.db`, runs and their events in `history.db`.

SQLModel lives here and nowhere else. Callers give and take plain data, never a table object or a session.
"""

from flowhost.store.flows import FlowRecord, FlowStore, RevisionRecord
from flowhost.store.runs import EventRecord, Outcome, RunFigures, RunRecord, RunStore
from flowhost.store.store import Store

__all__ = [
    "EventRecord",
    "FlowRecord",
    "FlowStore",
    "Outcome",
    "RevisionRecord",
    "RunFigures",
    "RunRecord",
    "RunStore",
    "Store",
]
