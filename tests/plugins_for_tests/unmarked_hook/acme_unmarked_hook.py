"""A hook without its mark."""

def flowhost_node_types():
    return []
