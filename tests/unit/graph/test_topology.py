from itertools import pairwise

import pytest

from flowhost.graph.document import FlowDocument
from flowhost.graph.jsonform import from_json
from flowhost.graph.topology import find_cycle, predecessors, sinks, sources, successors, topological_order


def flow(nodes: str, *wires: str) -> FlowDocument:
    return from_json({"flowhost": 1, "id": "f", "nodes": {n: {"type": "log"} for n in nodes}, "wires": list(wires)})


def test_neighbours_by_port() -> None:
    document = flow("abcd", "a -> b", "a -> c", "a.error -> d", "b -> c", "x -> c", "a -> y")
    assert successors(document, "a") == {"out": ("b", "c"), "error": ("d",)}
    assert successors(document, "d") == {}
    assert predecessors(document, "c") == (("a", "out"), ("b", "out"))
    assert sources(document) == ("a",)
    assert sinks(document) == ("c", "d")


def test_order_follows_the_wires_then_the_file() -> None:
    assert topological_order(flow("dcba", "a -> b", "b -> d", "a -> d", "a -> d")) == ("c", "a", "b", "d")
    assert topological_order(flow("")) == ()


@pytest.mark.parametrize(
    ("wires", "cycle"),
    [
        (["a -> b", "b -> c", "a -> c", "c -> d"], None),
        (["a -> a"], ["a", "a"]),
        (["a -> b", "b -> c", "c -> b"], ["b", "c", "b"]),
        (["d -> a", "a -> b", "b -> c", "c.error -> a"], ["a", "b", "c", "a"]),
        (["a -> b", "a -> c", "b -> d", "c -> d"], None),
    ],
)
def test_cycles_are_named(wires: list[str], cycle: list[str] | None) -> None:
    document = flow("abcd", *wires)
    assert find_cycle(document) == cycle
    if cycle is not None:
        with pytest.raises(ValueError, match="has a cycle: " + " -> ".join(cycle)):
            topological_order(document)


def test_a_long_chain_needs_no_deep_stack() -> None:
    ids = [f"n{i}" for i in range(5000)]
    wires = [f"{a} -> {b}" for a, b in pairwise(ids)]
    document = from_json({"flowhost": 1, "id": "f", "nodes": {n: {"type": "log"} for n in ids}, "wires": wires})
    assert find_cycle(document) is None
    assert topological_order(document) == tuple(ids)
