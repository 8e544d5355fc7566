"""How tags become requests."""

from __future__ import annotations

from typing import Any

from flowhost_modbus.config import Tag
from flowhost_modbus.plan import Limits, describe, plan_blocks, split_block
from hypothesis import given
from hypothesis import strategies as st


def tag(address: int, kind: str = "uint16", table: str = "holding", **more: Any) -> Tag:
    return Tag(name=f"{table}{address}{kind}", address=address, table=table, **({"type": kind} | more))


def ranges(tags: list[Tag], **limits: int) -> list[tuple[str, int, int]]:
    return [(block.table, block.start, block.count) for block in plan_blocks(tags, Limits(**limits))]


def test_neighbours_are_read_together_and_gaps_filled() -> None:
    tags = [tag(30), tag(0, "float32"), tag(2), tag(10), tag(100)]
    assert ranges(tags) == [("holding", 0, 11), ("holding", 30, 1), ("holding", 100, 1)]
    assert ranges(tags, max_gap=19) == [("holding", 0, 31), ("holding", 100, 1)]
    assert ranges(tags, max_gap=0) == [("holding", 0, 3), ("holding", 10, 1), ("holding", 30, 1), ("holding", 100, 1)]


def test_tables_are_never_mixed() -> None:
    tags = [tag(0), tag(0, table="input"), tag(0, "bit", "coil"), tag(0, "bit", "discrete")]
    assert [block.table for block in plan_blocks(tags, Limits())] == ["coil", "discrete", "input", "holding"]


def test_no_request_is_longer_than_the_protocol_allows() -> None:
    assert ranges([tag(i) for i in range(126)]) == [("holding", 0, 125), ("holding", 125, 1)]
    assert ranges([tag(123, "float32"), tag(0), tag(124)], max_gap=124)[0] == ("holding", 0, 125)
    assert ranges([tag(124, "float32"), tag(0)], max_gap=124) == [("holding", 0, 1), ("holding", 124, 2)]
    assert ranges([tag(i, "bit", "coil") for i in range(0, 2100, 100)]) == [("coil", 0, 1901), ("coil", 2000, 1)]


def test_two_tags_may_read_the_same_register() -> None:
    tags = [tag(5, "bit", bit=1), tag(5, "uint32"), tag(5)]
    assert ranges(tags) == [("holding", 5, 2)]


def test_a_long_tag_before_a_short_one_counts_to_its_end() -> None:
    assert ranges([tag(0, "string", length=60), tag(1), tag(40)], max_gap=10) == [("holding", 0, 41)]


def test_splitting_first_leaves_out_the_gaps() -> None:
    (block,) = plan_blocks([tag(0), tag(1), tag(5), tag(9)], Limits())
    parts = split_block(block)
    assert [(part.start, part.count) for part in parts] == [(0, 2), (5, 1), (9, 1)]
    halves = split_block(parts[0])
    assert [(part.start, part.count) for part in halves] == [(0, 1), (1, 1)]
    assert split_block(halves[0]) == (halves[0],)


def test_the_plan_in_words() -> None:
    blocks = plan_blocks([tag(0), tag(1), tag(0, "bit", "coil")], Limits())
    assert describe(blocks) == "2 requests per scan: coil 0 (1 tag), holding 0..1 (2 tags)"


KINDS = st.sampled_from(["uint16", "float32", "int64"])


@given(
    st.lists(st.tuples(st.integers(0, 400), KINDS), min_size=1, max_size=60), st.integers(0, 124), st.integers(4, 125)
)
def test_every_tag_is_covered_once(places: list[tuple[int, str]], gap: int, most: int) -> None:
    tags = [Tag(name=str(i), address=address, type=kind) for i, (address, kind) in enumerate(places)]
    blocks = plan_blocks(tags, Limits(max_gap=gap, max_registers=most))
    assert sorted(tag.name for block in blocks for tag in block.tags) == sorted(tag.name for tag in tags)
    for block in blocks:
        assert block.count <= most
        assert all(block.start <= tag.address <= block.start + block.count - tag.width for tag in block.tags)
        for part in split_block(block):
            assert part.count <= block.count
