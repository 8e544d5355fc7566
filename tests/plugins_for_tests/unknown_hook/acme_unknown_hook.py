"""A hook whose name is misspelt."""

from flowhost.sdk import hookimpl


@hookimpl
def flowhost_node_type():
    return []
