"""A node type whose Config is not FlowHost's."""

from pydantic import BaseModel

from flowhost.sdk import NodeSpec, Source, hookimpl


class Loose(BaseModel):
    host: str = ""


class Read(Source):
    spec = NodeSpec(id="acme.read", title="Read", summary="Reads.", category="plant")
    Config = Loose

    async def run(self, emit):
        await emit([])


@hookimpl
def flowhost_node_types():
    return [Read]
