"""split, batch, delay, counter: lists taken apart and put together, messages held, totals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowhost.errors import ConfigError
from flowhost.nodes.held import from_state, to_state
from flowhost.sdk import Message, Meta

ORDER = {"order": 7, "lines": [{"item": "bolt"}, {"item": "nut"}]}


# -- split


async def test_split_sends_a_message_per_item(bench, msg) -> None:
    node = await bench("split", items="payload.lines")
    assert await node.give(msg(ORDER, id="o7", key="k", headers={"h": "1"})) == ORDER["lines"]
    first, second = (message.meta for message in node.messages())
    assert (first.id, second.id) == ("o7/0", "o7/1")
    assert (first.key, first.topic, first.headers) == ("k", "t", {"h": "1", "part": "0", "parts": "2"})
    figures = node.node
    assert (figures.in_, figures.made, figures.out) == (1, 1, 2)


async def test_split_keeps_the_rest_beside_the_item(bench, msg) -> None:
    node = await bench("split", items="payload.lines", into="line", drop="lines", key="payload.line.item")
    assert await node.give(msg(ORDER)) == [{"order": 7, "line": line} for line in ORDER["lines"]]
    assert [message.meta.key for message in node.messages()] == ["bolt", "nut"]
    assert [message.meta.id for message in node.messages()] == ["", ""], "no id is made up"


async def test_split_of_nothing_is_filtered_and_what_is_no_list_fails(bench, msg) -> None:
    node = await bench("split")
    assert await node.give(msg([]), msg("text"), msg([1])) == [1]
    assert node.errors == ["the payload must be a list but is 'text'"]
    assert node.node.filtered == 1


async def test_split_into_a_field_needs_an_object(bench, msg) -> None:
    node = await bench("split", into="x")
    await node.give(msg([1]))
    assert node.errors == ["`into` names a field, and the payload is no object but [1]"]
    with pytest.raises(ConfigError, match="`drop` leaves a field out beside `into`"):
        await bench("split", drop="x")


# -- batch


async def test_batch_sends_full_lists_per_key(bench, msg) -> None:
    node = await bench("batch", count=3)
    out = await node.give(*(msg(n, key="ab"[n % 2], at=n, id=f"i{n}") for n in range(9)))
    assert out == [[0, 2, 4], [1, 3, 5]]
    meta = node.messages()[0].meta
    assert (meta.key, meta.topic, meta.id, meta.headers) == ("a", "t", "f/node/i0+3", {})
    assert meta.time_ns == msg(at=4).meta.time_ns
    figures = node.node
    assert (figures.in_, figures.used, figures.made, figures.pending) == (9, 6, 2, 3)


async def test_batch_goes_out_when_its_first_item_has_waited_long_enough(bench, msg) -> None:
    node = await bench("batch", count=10, item="{'at': topic, 'v': payload}")
    await node.give(msg(1))
    assert await node.after(4) == []
    await node.give(msg(2))
    assert await node.after(1) == [[{"at": "t", "v": 1}, {"at": "t", "v": 2}]]
    await node.give(msg(3))
    assert await node.after(4.9) == []
    assert await node.after(0.1) == [[{"at": "t", "v": 3}]]


async def test_batch_gives_out_what_is_there_when_the_run_ends(bench, msg) -> None:
    node = await bench("batch", count=10)
    await node.give(msg(1, id="a"), msg(2, id="b"))
    assert await node.end() == [[1, 2]]
    assert node.messages()[0].meta.headers == {"partial": "true"}
    assert node.messages()[0].meta.id == "f/node/a+2"
    assert node.node.pending == 0


async def test_batch_refuses_an_item_alone(bench, msg) -> None:
    node = await bench("batch", count=3, item="payload.v")
    out = await node.give(*(msg({"v": n} if n != 1 else {}) for n in range(4)))
    assert out == [[0, 2, 3]]
    assert len(node.errors) == 1


async def test_batch_of_one_without_waiting_is_no_batch(bench) -> None:
    with pytest.raises(ConfigError, match="a list of one item needs no collecting"):
        await bench("batch", count=1, within_s=0)


# -- delay


async def test_delay_sends_each_message_on_as_it_was(bench, msg) -> None:
    node = await bench("delay", delay_s=10)
    sent = msg({"v": Decimal("1.50")}, id="a", key="k", unit="kW", quality="uncertain", status=5, headers={"h": "1"})
    await node.give(sent)
    assert node.node.pending == 1
    assert await node.after(5) == []
    await node.give(msg(2, key="k"))
    assert await node.after(4.999) == []
    assert await node.after(0.001) == [{"v": Decimal("1.50")}]
    assert node.messages() == [sent]
    assert await node.after(5) == [2]
    figures = node.node
    assert (figures.in_, figures.out, figures.made, figures.used, figures.pending) == (2, 2, 0, 0, 0)


async def test_delay_gives_out_all_when_the_run_ends(bench, msg) -> None:
    node = await bench("delay", delay_s=100)
    await node.give(msg(1), msg(2))
    assert await node.end() == [1, 2]


async def test_delay_holds_so_many_and_no_more(bench, msg) -> None:
    node = await bench("delay", delay_s=100)
    await node.give(*map(msg, range(10_002)))
    assert node.node.pending == 10_000
    assert node.errors[0].startswith("10000 messages of this key are held already")
    assert len(node.errors) == 2


@given(
    st.builds(
        Meta, topic=st.text(), time_ns=st.integers(0, 2**62), key=st.text(), id=st.text(), unit=st.text(),
        quality=st.sampled_from(["good", "uncertain", "bad"]), status=st.none() | st.integers(0, 2**32 - 1),
        headers=st.dictionaries(st.text(), st.text(), max_size=3),
    )
)  # fmt: skip
def test_what_is_held_comes_back_as_it_was(meta: Meta) -> None:
    assert from_state(to_state(Message(1, meta))) == Message(1, meta)


# -- counter


async def test_counter_adds_up_per_key(bench, msg) -> None:
    node = await bench("counter")
    assert await node.give(*(msg("any", key=key) for key in "aabab")) == [1, 2, 1, 3, 2]


async def test_counter_adds_values_and_begins_again(bench, msg) -> None:
    node = await bench("counter", add="payload.n", into="total", reset="payload.n == -1", by="'all'")
    out = await node.give(*(msg({"n": n}) for n in (2, 3, None, float("nan"), -1, 4)))
    assert [payload["total"] for payload in out] == [2, 5, 5, 5, -1, 3]


async def test_counter_refuses_what_is_no_number_and_no_truth(bench, msg) -> None:
    node = await bench("counter", add="payload.n", reset="payload.r")
    rows = [{"n": "1", "r": False}, {"n": 1, "r": 1}, {"n": 0.5, "r": False}, {"n": Decimal(1), "r": False}]
    assert await node.give(*map(msg, rows)) == [0.5]
    assert [error.partition(";")[0] for error in node.errors] == [
        "what a counter adds must be a number but is '1'",
        "`reset` must give true or false but gave 1",
        "a counter's values changed between exact decimal and float",
    ]
