"""Kit for authors of plugins and flows: virtual time, frozen payloads, a harness that runs a flow by the book."""

from flowhost.testing.clock import VirtualClock
from flowhost.testing.freeze import freeze
from flowhost.testing.harness import FlowHarness

__all__ = ["FlowHarness", "VirtualClock", "freeze"]
