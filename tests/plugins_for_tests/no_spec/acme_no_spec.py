"""A node type without a spec."""

from flowhost.sdk import Config, Source, hookimpl


class Read(Source):
    Config = Config

    async def run(self, emit):
        await emit([])


@hookimpl
def flowhost_node_types():
    return [Read]
