"""opcua.subscribe against a real asyncua server."""

from __future__ import annotations
