"""Where flows run: worker processes, kept alive by the host and spoken to in typed frames."""

from flowhost.fleet.contract import Fleet, FleetListener, FlowOrder, RunGoneError, WorkerState, WorkerStatus
from flowhost.fleet.frames import RunOutcome
from flowhost.fleet.local import LocalFleet

__all__ = [
    "Fleet",
    "FleetListener",
    "FlowOrder",
    "LocalFleet",
    "RunGoneError",
    "RunOutcome",
    "WorkerState",
    "WorkerStatus",
]
