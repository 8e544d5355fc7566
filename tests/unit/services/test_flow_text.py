"""Drafts as text: what an edited text would change, and where it is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from flowhost.errors import ForbiddenError
from flowhost.graph.text import read_flow
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.flow_text import ReadText
from flowhost.services.host import Host


@pytest.fixture
async def host(open_host: Any, flow: Any) -> Host:
    host: Host = await open_host()
    await host.flows.import_file(LOCAL_USER, flow())
    return host


async def read(host: Host, change: Callable[[str], str]) -> tuple[str, ReadText]:
    _, base = await host.texts.text(LOCAL_USER, "line")
    text = change(base)
    return text, await host.texts.read(LOCAL_USER, "line", text, base)


async def test_a_text_becomes_the_edits_that_make_it(host: Host) -> None:
    note = "layout: {notes: {n1: {text: hello, at: [1, 2]}}}  # said\n"
    text, found = await read(host, lambda text: text + note)
    assert found.ops is not None
    assert found.comments
    await host.drafts.edit(LOCAL_USER, "line", "b1", found.ops)
    _, after = await host.texts.text(LOCAL_USER, "line")
    kept, meant = [await asyncio.to_thread(read_flow, one) for one in (after, text)]
    assert kept.document == meant.document
    assert [change.place for change in (await host.drafts.plan(LOCAL_USER, "line")).changes] == [
        ("layout", "notes", "n1")
    ]
    _, again = await read(host, lambda text: text)
    assert again.ops == []
    assert not again.comments


async def test_what_others_changed_meanwhile_stays(host: Host) -> None:
    _, base = await host.texts.text(LOCAL_USER, "line")
    other = [{"op": "set", "path": ["description"], "value": "by somebody else"}]
    await host.drafts.edit(LOCAL_USER, "line", "b1", other)
    found = await host.texts.read(LOCAL_USER, "line", base + "tables: {t: {a: 1}}\n", base)
    assert found.ops is not None
    await host.drafts.edit(LOCAL_USER, "line", "b2", found.ops)
    document = (await host.drafts.look(LOCAL_USER, "line")).document
    assert (document["description"], document["tables"]) == ("by somebody else", {"t": {"a": 1}})


@pytest.mark.parametrize(
    ("change", "at", "said"),
    [
        (lambda text: text.replace("wires:", "wires: ["), "  - gen", "not YAML"),
        (lambda text: text.replace("id: line", "id: other"), "id: other", "stays what it is"),
        (lambda text: text.replace("  even:", "  even: {}\n  Even:"), "  Even:", "must begin with a letter"),
        (lambda text: text.replace("  - gen -> even", "  - gen -> even\n  - even -> gen"), "  - even -> gen", "circle"),
        (lambda text: text.replace("  - gen -> even", "  - gen -> nobody"), "  - gen -> nobody", "no node 'nobody'"),
        (lambda text: "", "", "empty"),
    ],
)  # fmt: skip
async def test_what_is_wrong_blocks_and_names_its_line(
    host: Host, change: Callable[[str], str], at: str, said: str
) -> None:
    text, found = await read(host, change)
    assert found.ops is None
    (problem, *_) = [one for one in found.problems if said in one.message]
    assert problem.blocks
    assert text.split("\n")[problem.line - 1].startswith(at), problem


async def test_what_lint_says_does_not_block(host: Host) -> None:
    text, found = await read(host, lambda text: text.replace("type: filter", "type: fillter"))
    assert found.ops
    (problem,) = [one for one in found.problems if "fillter" in one.message]
    assert not problem.blocks
    assert "fillter" in text.split("\n")[problem.line - 1]


async def test_who_may_not_edit_may_not_ask_for_edits(host: Host) -> None:
    with pytest.raises(ForbiddenError):
        await host.texts.read(Principal("vera", frozenset({"viewer"})), "line", "", "")
