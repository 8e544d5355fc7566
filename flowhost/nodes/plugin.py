"""Announces the built-in node types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowhost.nodes.sink_discard import Discard
from flowhost.nodes.sink_log import Log
from flowhost.nodes.source_generate import Generate
from flowhost.nodes.source_inject import Inject
from flowhost.nodes.source_schedule import Schedule
from flowhost.nodes.transform_batch import Batch
from flowhost.nodes.transform_changed import Changed
from flowhost.nodes.transform_convert import Convert
from flowhost.nodes.transform_counter import Counter
from flowhost.nodes.transform_deadband import Deadband
from flowhost.nodes.transform_dedupe import Dedupe
from flowhost.nodes.transform_delay import Delay
from flowhost.nodes.transform_delta import Delta
from flowhost.nodes.transform_filter import Filter
from flowhost.nodes.transform_join import Join
from flowhost.nodes.transform_map import Map
from flowhost.nodes.transform_split import Split
from flowhost.nodes.transform_switch import Switch
from flowhost.nodes.transform_template import TemplateNode
from flowhost.nodes.transform_throttle import Throttle
from flowhost.nodes.transform_validate import Validate
from flowhost.nodes.transform_window import Window
from flowhost.sdk import Node, hookimpl


@hookimpl
def flowhost_node_types() -> Sequence[type[Node[Any]]]:
    """All built-in node types, in palette order."""
    return [
        Inject, Schedule, Generate,
        Filter, Switch, Validate, Map, Join, Split, Batch, Convert, TemplateNode,
        Changed, Dedupe, Delta, Counter, Deadband, Throttle, Delay, Window,
        Log, Discard,
    ]  # fmt: skip
