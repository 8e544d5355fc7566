from typing import Any

import pytest

from flowhost.errors import ConfigError
from flowhost.graph.document import FlowDocument
from flowhost.graph.jsonform import from_json
from flowhost.graph.settings import apply_settings


def flow(**nodes: Any) -> FlowDocument:
    entries = {name: {"type": "log", "config": config} for name, config in nodes.items()}
    connections = {"plc": {"type": "modbus.client", "config": {"host": "a", "port": 1}}}
    return from_json({"flowhost": 1, "id": "f", "connections": connections, "nodes": entries})


@pytest.mark.parametrize(
    ("setting", "config"),
    [
        ("temps.qos=0", {"qos": 0, "tags": [{"scale": 1}]}),
        ("temps.name = no", {"qos": 1, "tags": [{"scale": 1}], "name": "no"}),
        ("temps.qos=", {"qos": "", "tags": [{"scale": 1}]}),
        ("temps.qos=~", {"qos": None, "tags": [{"scale": 1}]}),
        ("temps.qos=a=b", {"qos": "a=b", "tags": [{"scale": 1}]}),
        ("temps.tags[0].scale=2.5", {"qos": 1, "tags": [{"scale": 2.5}]}),
        ("temps.tags=[a, b]", {"qos": 1, "tags": ["a", "b"]}),
        ("temps.set.deep=true", {"qos": 1, "tags": [{"scale": 1}], "set": {"deep": True}}),
        ("temps.key={secret: x}", {"qos": 1, "tags": [{"scale": 1}], "key": {"secret": "x"}}),
    ],
)
def test_values_of_nodes(setting: str, config: dict[str, Any]) -> None:
    document = flow(temps={"qos": 1, "tags": [{"scale": 1}]})
    assert apply_settings(document, [setting]).nodes["temps"].config == config
    assert document.nodes["temps"].config == {"qos": 1, "tags": [{"scale": 1}]}


def test_values_of_connections() -> None:
    changed = apply_settings(flow(), ["connections.plc.port=502", "connections.plc.host=10.1.2.3"])
    assert changed.connections["plc"].config == {"host": "10.1.2.3", "port": 502}


def test_a_node_may_be_called_connections() -> None:
    document = apply_settings(flow(connections={}), ["connections.deep.x=1", "connections.plc.port=2"])
    assert document.nodes["connections"].config == {"deep": {"x": 1}}
    assert document.connections["plc"].config["port"] == 2


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("temps.qos", "is not a setting; write node.field=value or connections.name.field=value"),
        ("temps=1", "is not a setting"),
        ("connections.plc=1", "is not a setting"),
        ("tmps.qos=1", "there is no node 'tmps'; did you mean 'temps'?; known: out, temps"),
        ("connections.plx.port=1", "there is no connection 'plx'; did you mean 'plc'?; known: plc"),
        ("temps.tags[3]=1", "there is no item [3] to change"),
        ("temps.qos[0]=1", "there is no item [0] to change"),
        ("temps.qos=[1", "cannot be read"),
        ("temps..qos=1", "is not a place like"),
    ],
)
def test_wrong_settings(setting: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_settings(flow(temps={"qos": 1, "tags": [1]}, out={}), [setting])
    assert words in str(caught.value)
