"""Operations on drafts: what the shared examples say, and every batch can be taken back."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowhost.graph.jsonform import from_json
from flowhost.graph.ops import OpError, apply, read_ops, write_ops

ROOT = Path(__file__).resolve().parents[3]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "ops.json").read_text(encoding="utf-8"))


def at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_shared_examples(case: dict[str, Any]) -> None:
    before = copy.deepcopy(VECTORS["draft"])
    if "error" in case:
        with pytest.raises(OpError, match=case["error"]) as refused:
            apply(before, read_ops(case["ops"]))
        assert refused.value.gone is case.get("lost", False)
        assert before == VECTORS["draft"]
        return
    after, inverse = apply(before, read_ops(case["ops"]))
    assert before == VECTORS["draft"], "the draft given is not changed"
    for path, value in case.get("changes", {}).items():
        assert at(after, path) == value, path
    for path in case.get("gone", ()):
        assert at(after, path) is None, path
    if "order" in case:
        assert list(after["nodes"]) == case["order"]
    again, _ = apply(after, read_ops(json.loads(json.dumps(write_ops(inverse)))))
    assert again == VECTORS["draft"]
    assert list(again["nodes"]) == list(VECTORS["draft"]["nodes"])


@pytest.mark.parametrize(
    "data",
    [None, {}, [1], [{}], [{"op": "burn"}], [{"op": "del_node"}], [{"op": "del_node", "id": 1}],
     [{"op": "move", "at": {"a": [1]}}], [{"op": "set", "path": "name", "value": 1}],
     [{"op": "add_wire", "wire": "a -> b", "index": -1}], [{"op": "del_node", "id": "a", "more": 1}]],
    ids=repr,
)  # fmt: skip
def test_what_is_no_operation_is_refused(data: Any) -> None:
    with pytest.raises(OpError, match="not a list of operations"):
        read_ops(data)


def test_a_value_nested_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    with pytest.raises(OpError, match="levels deep"):
        apply(VECTORS["draft"], read_ops([{"op": "set", "path": ["layout", "x"], "value": deep}]))


IDS = st.sampled_from(["a", "b", "c", "x", "y"])
SPOTS = st.none() | st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(list)
VALUES = st.sampled_from([1, "x", None, {"r": 2}, [1, {"z": 0}]])
PATHS = st.sampled_from([["name"], ["layout", "groups", "g"], ["tables"]]) | st.builds(
    lambda node, rest: ["nodes", node, *rest],
    IDS,
    st.sampled_from([["name"], ["config", "p"], ["config", "p", "r"], ["config", "p", 1, "z"]]),
)
OPS = st.one_of(
    st.builds(
        lambda i, s, n: {"op": "add_node", "id": i, "node": {"type": "log"}, "at": s, "index": n},
        IDS, SPOTS, st.integers(0, 3),
    ),
    st.builds(lambda i: {"op": "del_node", "id": i}, IDS),
    st.builds(lambda i, j: {"op": "rename_node", "id": i, "to": j}, IDS, IDS),
    st.builds(lambda i, s: {"op": "move", "at": {i: s}}, IDS, SPOTS),
    st.builds(lambda p, v: {"op": "set", "path": p, "value": v}, PATHS, VALUES),
    st.builds(lambda p: {"op": "unset", "path": p}, PATHS),
    st.builds(lambda i, e, j: {"op": "add_wire", "wire": f"{i}{e} -> {j}"}, IDS, st.sampled_from(["", ".error"]), IDS),
    st.builds(lambda i, j: {"op": "del_wire", "wire": f"{i} -> {j}"}, IDS, IDS),
)  # fmt: skip


@given(st.lists(OPS, max_size=25))
@settings(deadline=None)
def test_any_sequence_can_be_taken_back(ops: list[dict[str, Any]]) -> None:
    draft = VECTORS["draft"]
    past = []
    for op in ops:
        try:
            after, inverse = apply(draft, read_ops([op]))
        except OpError:
            continue
        past.append((draft, inverse))
        draft = after
    for before, inverse in reversed(past):
        draft, _ = apply(draft, inverse)
        assert draft == before


def test_a_draft_stays_a_flow() -> None:
    after, _ = apply(VECTORS["draft"], read_ops([{"op": "del_node", "id": "b"}, {"op": "move", "at": {"a": None}}]))
    assert [str(wire) for wire in from_json(after).wires] == []


def test_the_browsers_copy_agrees() -> None:
    node = shutil.which("node")
    if node is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("node is not installed")
    scripts = sorted(str(path) for path in (ROOT / "tests" / "js").glob("*.test.mjs"))
    done = subprocess.run(
        [node, "--test", *scripts], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
