"""Node ids as text, and namespaces over several sessions."""

from __future__ import annotations

import uuid

import pytest
from flowhost_opcua.nodeids import Namespaces, UnknownNamespaceError, parse_node
from hypothesis import given
from hypothesis import strategies as st

GUID = "72962b91-fa75-4ae6-8d28-b404dc7daf63"


@pytest.mark.parametrize(
    ("text", "uri", "index", "kind", "identifier", "topic"),
    [
        ("i=2258", "", 0, "i", 2258, "i=2258"),
        ("ns=2;s=Line1.Speed", "", 2, "s", "Line1.Speed", "Line1.Speed"),
        ("nsu=http://a.b/c;s=x;y=z", "http://a.b/c", 0, "s", "x;y=z", "x;y=z"),
        ("nsu=urn:a%3Bb%25;i=4", "urn:a;b%", 0, "i", 4, "nsu=urn:a%3Bb%25;i=4"),
        (f"ns=1;g={GUID}", "", 1, "g", uuid.UUID(GUID), f"ns=1;g={GUID}"),
        ("ns=3;b=AAE=", "", 3, "b", b"\x00\x01", "ns=3;b=AAE="),
        ('ns=3;s="DB 1"."a"', "", 3, "s", '"DB 1"."a"', '"DB 1"."a"'),
    ],
)
def test_forms(text, uri, index, kind, identifier, topic):
    ref = parse_node(text)
    assert (ref.uri, ref.index, ref.kind, ref.identifier, ref.topic) == (uri, index, kind, identifier, topic)


@pytest.mark.parametrize(
    "text", ["", "s", "ns=2", "ns=x;s=a", "i=abc", "i=-1", "i=4294967296", "g=12", "b=*", "s=", "ns=2;S=a"]
)
def test_wrong_forms(text):
    with pytest.raises(ValueError, match="is not an OPC UA node id"):
        parse_node(text)


@given(st.text(min_size=1).filter(lambda text: text.strip() == text), st.integers(0, 65535))
def test_any_text_may_be_an_identifier(name, index):
    ref = parse_node(f"ns={index};s={name}")
    assert (ref.identifier, ref.index) == (name, index)


def test_an_index_means_the_namespace_it_meant_at_first():
    namespaces = Namespaces()
    assert namespaces.update(["ua", "urn:server", "line"]) == []
    ref = parse_node("ns=2;s=A")
    assert namespaces.index_of(ref) == 2
    assert namespaces.update(["ua", "urn:server", "other", "line"]) == ["namespace line is now index 3, it was 2"]
    assert namespaces.index_of(ref) == 3
    assert namespaces.index_of(parse_node("nsu=other;s=A")) == 2
    namespaces.update(["ua", "urn:server", "other"])
    with pytest.raises(UnknownNamespaceError, match="the server has no namespace line"):
        namespaces.index_of(ref)


def test_the_standards_own_indices_never_move():
    namespaces = Namespaces()
    namespaces.update(["ua", "urn:old-host"])
    namespaces.update(["ua", "urn:new-host"])
    assert namespaces.index_of(parse_node("ns=1;s=A")) == 1
    assert namespaces.index_of(parse_node("i=2258")) == 0
    assert namespaces.index_of(parse_node("ns=9;s=A")) == 9
