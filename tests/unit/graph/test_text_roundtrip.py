"""Whatever a flow holds, its file says the same when read again, written afresh or edited in place."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowhost.graph.document import FlowDocument, NodeEntry, Wire
from flowhost.graph.jsonform import from_json, same, to_json
from flowhost.graph.text import dump_flow, read_flow

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "no", "1", "1.5", "1e3", "~", "null", "true", "12:30", "2024-01-01", "0x1f", "1_000", "- a"]),
    st.sampled_from(
        ["a: b", "#x", "a #b", "{x}", "uns/{topic}", "'q'", 'say "x"', "*a", "&a", "!t", "%x", "@x", "a -> b"]
    ),
    st.sampled_from(
        ["x\ny", "x\ny\n", "x\n\n  y\n", " x\n", "x \n", "x\n\n", "\n", "a\tb\n", "a\u2028b", "\x85", "\ufeff"]
    ),
)
keys = texts.filter(lambda text: text != "<<")
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)
configs = st.dictionaries(keys, values, max_size=4)
node_ids = st.sampled_from(["a", "b", "c", "temps", "out"])


@st.composite
def flows(draw: Any) -> FlowDocument:
    ids = draw(st.lists(node_ids, unique=True, max_size=4))
    nodes = {
        node_id: NodeEntry(
            id=node_id,
            type="log",
            name=draw(texts),
            config=draw(configs),
            delivery=draw(st.sampled_from([{}, {"outbox": True}])),
            disabled=draw(st.sampled_from([None, "block", "pass"])),
        )
        for node_id in ids
    }
    pairs = draw(st.lists(st.tuples(node_ids, node_ids, st.sampled_from(["out", "error"])), max_size=4))
    wires = tuple(Wire(source=source, target=target, port=port) for source, target, port in pairs)
    return FlowDocument(id="f", name=draw(texts), nodes=nodes, wires=wires, layout=draw(configs), tables=draw(configs))


def says(text: str, document: FlowDocument) -> bool:
    file = read_flow(text)
    return not file.problems and same(to_json(file.document), to_json(document))


@given(flows())
@settings(deadline=None, max_examples=50)
def test_a_fresh_file_says_the_flow(document: FlowDocument) -> None:
    text = dump_flow(document)
    assert says(text, document)
    assert read_flow(text).write(document) == text


@given(flows())
@settings(deadline=None, max_examples=30)
def test_json_says_the_flow(document: FlowDocument) -> None:
    data = json.loads(json.dumps(to_json(document)))
    assert same(to_json(from_json(data)), to_json(document))
    if max(json.dumps(data), default="") >= "\x7f":
        return
    assert says(json.dumps(data, indent=1), document)


@given(flows(), flows(), st.booleans())
@settings(deadline=None, max_examples=60)
def test_an_edited_file_says_the_new_flow(old: FlowDocument, new: FlowDocument, as_json: bool) -> None:
    text = json.dumps(to_json(old), ensure_ascii=True, indent=2) if as_json else dump_flow(old)
    if says(text, old):
        assert says(read_flow(text).write(new), new)
