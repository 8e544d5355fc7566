"""Runs one flow: compiles it to stages, moves batches, keeps the ledger."""

from flowhost.engine.collector import tune_collector
from flowhost.engine.options import RunOptions
from flowhost.engine.runner import FlowRunner
from flowhost.engine.snapshot import (
    ConnectionSnapshot,
    EdgeSnapshot,
    FlowSnapshot,
    NodeSnapshot,
    RunEvent,
    ValueSnapshot,
)

__all__ = [
    "ConnectionSnapshot",
    "EdgeSnapshot",
    "FlowRunner",
    "FlowSnapshot",
    "NodeSnapshot",
    "RunEvent",
    "RunOptions",
    "ValueSnapshot",
    "tune_collector",
]
