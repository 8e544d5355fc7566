"""A hook that is async."""

from flowhost.sdk import hookimpl


@hookimpl
async def flowhost_node_types():
    return []
