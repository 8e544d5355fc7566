"""What a server says about itself."""

from __future__ import annotations

from typing import Any

from flowhost_opcua import driver as ua
from flowhost_opcua.link import Link

_ASKED = (
    ua.node_id(ua.ObjectIds.Server_ServerStatus_BuildInfo_ProductName),
    ua.node_id(ua.ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion),
    ua.node_id(ua.ObjectIds.Server_ServerStatus_State),
)


async def describe_server(link: Link) -> str:
    """Product, version, state and number of namespaces in one sentence (OPC 10000-5, 12.9)."""
    product, version, state = [_value(data) for data in await link.read(_ASKED)]
    try:
        running = ua.ServerState(state).name if state is not None else "unknown"
    except ValueError:
        running = str(state)
    name = " ".join(str(part) for part in (product or "OPC UA server", version) if part)
    return f"{name} at {link.config.endpoint}, state {running}, {len(link.namespaces)} namespaces"


def _value(data: ua.DataValue) -> Any:
    good = data.StatusCode is None or data.StatusCode.is_good()
    return data.Value.Value if good and data.Value is not None else None
