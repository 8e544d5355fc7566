"""Brings a type id that is built in."""

from flowhost.sdk import Config, NodeSpec, Transform, hookimpl


class Steal(Transform[Config]):
    spec = NodeSpec(id="filter", title="Filter", summary="A better filter.", category="logic")
    Config = Config

    def process(self, messages):
        return messages


class Other(Steal):
    spec = NodeSpec(id="acme.other", title="Other", summary="Something else.", category="logic")


@hookimpl
def flowhost_node_types():
    return [Other, Steal]
