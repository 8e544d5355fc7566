"""The picture of a flow: order of layers, no overlap, few crossings."""

import random

import pytest

from flowhost.ui.layout import Box, arrange, crossings, layers

BOX = Box(200, 70)


def boxes(*names: str) -> dict[str, Box]:
    return dict.fromkeys(names, BOX)


def test_a_chain_runs_from_left_to_right_on_one_line() -> None:
    picture = arrange(boxes("a", "b", "c"), [("a", "b"), ("b", "c")])
    xs = [picture.places[n].x for n in "abc"]
    assert xs == sorted(xs)
    assert len(set(xs)) == 3
    assert len({picture.places[n].y for n in "abc"}) == 1
    assert (picture.width, picture.height) == (xs[2] + BOX.width, BOX.height)


def test_layer_is_the_longest_way_from_a_source() -> None:
    assert layers("abcd", [("a", "d"), ("a", "b"), ("b", "c"), ("c", "d")]) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_fan_out_is_centred_on_its_source() -> None:
    picture = arrange(boxes("s", "x", "y", "z"), [("s", "x"), ("s", "y"), ("s", "z")])
    assert picture.places["s"].y == pytest.approx(picture.places["y"].y)
    assert picture.places["x"].y < picture.places["y"].y < picture.places["z"].y


def test_crossed_wires_are_uncrossed() -> None:
    picture = arrange(boxes("a", "b", "x", "y"), [("a", "y"), ("b", "x")])
    assert (picture.places["a"].y < picture.places["b"].y) == (picture.places["y"].y < picture.places["x"].y)


def test_a_long_wire_passes_beside_the_nodes_between() -> None:
    picture = arrange(boxes("a", "b", "c"), [("a", "b"), ("b", "c"), ("a", "c")])
    (bend,) = picture.bends[("a", "c")]
    b = picture.places["b"]
    assert not b.y <= bend.y <= b.y + BOX.height


def test_positions_of_the_file_are_used_if_complete() -> None:
    picture = arrange(boxes("a", "b"), [("a", "b")], {"a": (80, 120), "b": (480, 20)})
    assert (picture.places["a"].x, picture.places["a"].y) == (0, 100)
    assert (picture.places["b"].x, picture.places["b"].y) == (400, 0)
    partly = arrange(boxes("a", "b"), [("a", "b")], {"a": (80, 120)})
    assert partly.places["a"].y == partly.places["b"].y


def test_a_cycle_and_wires_to_nowhere_are_still_drawn() -> None:
    picture = arrange(boxes("a", "b"), [("a", "b"), ("b", "a"), ("a", "gone"), ("a", "a")])
    assert set(picture.places) == {"a", "b"}


def test_an_empty_flow_has_an_empty_picture() -> None:
    assert arrange({}, []).places == {}


@pytest.mark.parametrize("seed", range(30))
def test_nodes_never_overlap(seed: int) -> None:
    dice = random.Random(seed)
    names = [f"n{i}" for i in range(dice.randint(2, 40))]
    sizes = {n: Box(200, dice.choice([70, 92, 114])) for n in names}
    wires = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if dice.random() < 1.6 / len(names)]
    picture = arrange(sizes, wires)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            p, q = picture.places[a], picture.places[b]
            apart_x = p.x + 200 <= q.x or q.x + 200 <= p.x
            assert apart_x or p.y + sizes[a].height <= q.y + 0.01 or q.y + sizes[b].height <= p.y + 0.01
    assert min(p.x for p in picture.places.values()) >= 0
    assert min(p.y for p in picture.places.values()) >= -0.01


def test_crossings_are_counted() -> None:
    chains = {("a", "y"): ["a", "y"], ("b", "x"): ["b", "x"]}
    assert crossings([["a", "b"], ["x", "y"]], chains) == 1
    assert crossings([["a", "b"], ["y", "x"]], chains) == 0
