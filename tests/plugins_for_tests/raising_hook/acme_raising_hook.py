"""A hook that raises."""

from flowhost.sdk import hookimpl


@hookimpl
def flowhost_node_types():
    raise LookupError("no configuration in C:/acme.ini")
