"""A hook that wants an argument it does not get."""

from flowhost.sdk import hookimpl


@hookimpl
def flowhost_node_types(settings):
    return []
