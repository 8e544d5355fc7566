"""A sink that would block the event loop."""

from flowhost.sdk import Config, NodeSpec, Sink, hookimpl


class Write(Sink[Config]):
    spec = NodeSpec(id="acme.write", title="Write", summary="Writes.", category="plant", ports=())
    Config = Config

    def write(self, messages):
        return None


@hookimpl
def flowhost_node_types():
    return [Write]
