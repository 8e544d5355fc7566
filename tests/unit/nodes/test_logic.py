"""filter, switch, map, convert, template: values, and what becomes of the odd ones a plant sends."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from flowhost.errors import ConfigError
from flowhost.nodes.transform_convert import ConvertConfig
from flowhost.testing.clock import START_NS

# -- filter


async def test_filter_lets_through_what_meets_the_condition(bench, msg) -> None:
    node = await bench("filter", where="payload.value > 10")
    assert await node.give(msg({"value": 11}), msg({"value": 9}), msg({"value": 10.5})) == [
        {"value": 11},
        {"value": 10.5},
    ]
    assert (node.node.out, node.node.filtered) == (2, 1)


async def test_filter_on_quality_keeps_bad_values_out(bench, msg) -> None:
    node = await bench("filter", where="quality == 'good' and payload > 0")
    assert await node.give(msg(None, quality="bad"), msg(5), msg(3, quality="uncertain")) == [5]
    assert node.errors == [], "a bad value is not compared"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"value": None}, "null"),
        ({"value": "12"}, "'12'"),
        ({"val": 12}, "payload.value is missing"),
        (None, "payload"),
        ("12", "payload"),
        (b"\x00", "payload"),
    ],
)
async def test_filter_names_what_cannot_be_compared(bench, msg, payload, words) -> None:
    node = await bench("filter", where="payload.value > 10")
    assert await node.give(msg(payload), msg({"value": 11})) == [{"value": 11}]
    (error,) = node.errors
    assert words in error
    assert node.messages("error")[0].payload == payload, "the message leaves as it came"


async def test_filter_wants_true_or_false(bench, msg) -> None:
    node = await bench("filter", where="payload.running")
    assert await node.give(msg({"running": True}), msg({"running": False})) == [{"running": True}]
    await node.give(msg({"running": 1}), msg({"running": None}))
    assert "must give true or false but gave 1" in node.errors[0]
    assert "`payload.running == 1`" in node.errors[0], "says what to write instead"
    assert "null" in node.errors[1]


async def test_filter_compares_decimals_exactly(bench, msg) -> None:
    node = await bench("filter", where="payload.amount > 0")
    assert len(await node.give(msg({"amount": Decimal("0.10")}), msg({"amount": Decimal("0.00")}))) == 1


# -- switch

RULES = [
    {"port": "hot", "where": "payload > 80"},
    {"port": "doubtful", "where": "quality != 'good'"},
    {"port": "warm", "where": "payload > 40"},
]


async def test_switch_first_sends_by_the_first_rule_that_holds(bench, msg) -> None:
    node = await bench("switch", ports=("hot", "doubtful", "warm", "else"), rules=RULES)
    await node.give(msg(90), msg(90, quality="uncertain"), msg(50, quality="uncertain"), msg(50), msg(1))
    assert [node.new(port) for port in ("doubtful", "warm", "else")] == [[50], [50], [1]]
    assert len(node.messages("hot")) == 2


async def test_switch_all_sends_by_every_rule_that_holds(bench, msg) -> None:
    node = await bench("switch", ports=("hot", "doubtful", "warm", "else"), rules=RULES, mode="all")
    await node.give(msg(90, quality="uncertain"), msg(1))
    assert [len(node.messages(port)) for port in ("hot", "doubtful", "warm", "else")] == [1, 1, 1, 1]
    assert node.node.made == 2, "three copies of one message are two more"


async def test_switch_first_does_not_look_at_rules_behind_the_one_that_holds(bench, msg) -> None:
    rules = [{"port": "short", "where": "is_number(payload)"}, {"port": "long", "where": "payload.value > 0"}]
    node = await bench("switch", ports=("short", "long", "error"), rules=rules)
    assert await node.give(msg(5)) == [5]
    assert node.errors == []


async def test_switch_counts_what_leaves_by_an_unwired_port_as_filtered(bench, msg) -> None:
    node = await bench("switch", ports=("hot",), rules=RULES)
    await node.give(msg(90), msg(50), msg(1))
    assert (node.node.out, node.node.filtered) == (1, 2)


async def test_switch_all_sends_nothing_when_a_rule_fails(bench, msg) -> None:
    rules = [{"port": "a", "where": "payload.v > 0"}, {"port": "b", "where": "payload.w > 0"}]
    node = await bench("switch", ports=("a", "b", "error"), rules=rules, mode="all")
    assert await node.give(msg({"v": 1})) == []
    assert "payload.w is missing" in node.errors[0]


@pytest.mark.parametrize(
    ("ports", "words"),
    [(["a", "a"], "used by two rules"), (["else"], "exists on every switch"), (["error"], "exists on every switch")],
)
async def test_switch_refuses_port_names_that_clash(bench, ports, words) -> None:
    rules = [{"port": port, "where": "payload > 0"} for port in ports]
    with pytest.raises(ConfigError, match=words):
        await bench("switch", ports=(), rules=rules)


# -- map


async def test_map_makes_a_new_payload_all_of_it_from_the_old_one(bench, msg) -> None:
    node = await bench("map", set={"a": "payload.b", "b": "payload.a", "tag": "topic"})
    assert await node.give(msg({"a": 1, "b": 2, "c": 3})) == [{"a": 2, "b": 1, "tag": "t"}]


async def test_map_keep_adds_to_what_is_there(bench, msg) -> None:
    node = await bench("map", keep=True, set={"b": "payload.a + 1"})
    given = msg({"a": 1, "b": 9, "c": 3})
    assert await node.give(given) == [{"a": 1, "b": 2, "c": 3}]
    assert given.payload == {"a": 1, "b": 9, "c": 3}


async def test_map_keep_needs_an_object(bench, msg) -> None:
    node = await bench("map", keep=True, set={"b": "1"})
    assert await node.give(msg(5), msg(None), msg({"a": 1})) == [{"a": 1, "b": 1}]
    assert all("not an object" in error for error in node.errors)


async def test_map_wraps_a_bare_value_with_what_is_known_about_it(bench, msg) -> None:
    node = await bench("map", set={"tag": "topic", "value": "payload", "unit": "unit", "ok": "quality == 'good'"})
    assert await node.give(msg(21.5, unit="Cel"), msg(None, quality="bad")) == [
        {"tag": "t", "value": 21.5, "unit": "Cel", "ok": True},
        {"tag": "t", "value": None, "unit": "", "ok": False},
    ]


async def test_map_meta_changes_topic_key_unit_and_time(bench, msg) -> None:
    meta = {"topic": "'uns/' + topic", "key": "text(payload.order)", "unit": "'Cel'", "time": "payload.ts"}
    node = await bench("map", keep=True, set={}, meta=meta)
    await node.give(msg({"order": 4711, "ts": "2026-05-04T12:00:00.123456+02:00"}, id="x", headers={"h": "1"}))
    (out,) = node.messages()
    assert (out.meta.topic, out.meta.key, out.meta.unit) == ("uns/t", "4711", "Cel")
    assert out.meta.time_ns == 1_777_888_800_123_456_000
    assert (out.meta.id, out.meta.headers) == ("x", {"h": "1"}), "the rest of the meta stays"
    assert out.payload == {"order": 4711, "ts": "2026-05-04T12:00:00.123456+02:00"}


async def test_map_meta_sees_the_payload_as_it_came(bench, msg) -> None:
    node = await bench("map", set={"x": "1"}, meta={"key": "payload.order", "topic": "payload.machine"})
    await node.give(msg({"order": "A", "machine": "m1"}))
    assert (node.messages()[0].meta.key, node.messages()[0].meta.topic) == ("A", "m1")


@pytest.mark.parametrize(
    ("ts", "expected"),
    [(0, 0), (1.5, 1_500_000_000), (Decimal("1767225600.25"), START_NS + 250_000_000), ("1970-01-01T00:00:01Z", 10**9)],
)
async def test_map_meta_time_takes_seconds_and_iso_text(bench, msg, ts, expected) -> None:
    node = await bench("map", keep=True, set={}, meta={"time": "payload"})
    await node.give(msg(ts))
    assert node.messages()[0].meta.time_ns == expected


@pytest.mark.parametrize(
    ("ts", "words"),
    [
        ("2026-05-04T12:00:00", "without a zone"),
        ("04.05.2026 12:00", "not an ISO 8601 time"),
        (1_767_225_600_000, "divided by 1000"),
        (float("nan"), "no time"),
        (-5, "no time"),
        (True, "must give ISO 8601 text or seconds"),
        (None, "must give ISO 8601 text or seconds"),
    ],
)
async def test_map_meta_time_refuses_what_is_no_moment(bench, msg, ts, words) -> None:
    node = await bench("map", keep=True, set={}, meta={"time": "payload"})
    assert await node.give(msg(ts)) == []
    assert words in node.errors[0]


async def test_map_meta_wants_text(bench, msg) -> None:
    node = await bench("map", keep=True, set={}, meta={"key": "payload.order"})
    await node.give(msg({"order": 4711}))
    assert "meta.key must give text but gave 4711; write text(...) around it" in node.errors[0]


async def test_map_never_reads_numbers_out_of_text(bench, msg) -> None:
    node = await bench("map", set={"f": "payload * 1.8 + 32"})
    assert await node.give(msg("21.5"), msg(10)) == [{"f": 50.0}]
    assert "'21.5'" in node.errors[0]


async def test_map_without_anything_to_do_is_refused(bench) -> None:
    with pytest.raises(ConfigError, match="nothing to do"):
        await bench("map")


# -- convert


async def test_convert_changes_value_and_unit(bench, msg) -> None:
    node = await bench("convert", **{"from": "Cel", "to": "[degF]"})
    assert await node.give(msg(100, unit="Cel"), msg(-40.0)) == [pytest.approx(212.0), pytest.approx(-40.0)]
    assert {m.meta.unit for m in node.messages()} == {"[degF]"}


async def test_convert_one_field_leaves_the_others(bench, msg) -> None:
    node = await bench("convert", field="t", **{"from": "kPa", "to": "bar"})
    assert await node.give(msg({"t": 250.0, "seq": 1})) == [{"t": pytest.approx(2.5), "seq": 1}]


async def test_convert_takes_the_unit_of_each_message(bench, msg) -> None:
    node = await bench("convert", to="kW")
    assert await node.give(msg(1500, unit="W"), msg(2, unit="MW"), msg(5, unit=""), msg(7, unit="Cel")) == [
        pytest.approx(1.5),
        pytest.approx(2000.0),
    ]
    assert "carries no unit" in node.errors[0]
    assert "Cel" in node.errors[1]


@pytest.mark.parametrize("given", [{"from": "Cel", "to": "[degF]"}, {"to": "[degF]"}])
async def test_convert_keeps_an_empty_value_empty(bench, msg, given) -> None:
    node = await bench("convert", **given)
    assert await node.give(msg(None, quality="bad")) == [None]


@pytest.mark.parametrize("payload", ["21.5", True, {"v": 1}, [1], b"1"])
async def test_convert_refuses_what_is_no_number(bench, msg, payload) -> None:
    node = await bench("convert", **{"from": "Cel", "to": "[degF]"})
    assert await node.give(msg(payload), msg(0)) == [pytest.approx(32.0)]
    assert "is not a number" in node.errors[0]


async def test_convert_keeps_decimals_exact(bench, msg) -> None:
    node = await bench("convert", **{"from": "kg", "to": "g"})
    assert await node.give(msg(Decimal("1.10"))) == [Decimal("1100.0")]


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"w": 1}, "payload.value is missing; there are w"),
        (5, "the payload is the number 5, not an object"),
        (None, "null"),
    ],
)
async def test_convert_says_which_field_is_missing(bench, msg, payload, words) -> None:
    node = await bench("convert", field="value", **{"from": "Cel", "to": "[degF]"})
    await node.give(msg(payload))
    assert words in node.errors[0]


async def test_convert_between_different_quantities_is_refused_before_anything_starts(bench) -> None:
    with pytest.raises(ConfigError, match="temperature"):
        await bench("convert", **{"from": "Cel", "to": "bar"})


# -- template


async def test_template_makes_text(bench, msg) -> None:
    node = await bench("template", text="{topic} is {payload.value} {{ok}} at {time}")
    assert await node.give(msg({"value": 1.5})) == ["t is 1.5 {ok} at 2026-01-01T00:00:00.000000Z"]


async def test_template_into_a_field_keeps_the_rest(bench, msg) -> None:
    node = await bench("template", text="{payload.v} bar", into="shown")
    assert await node.give(msg({"v": 2}), msg(5)) == [{"v": 2, "shown": "2 bar"}]
    assert len(node.errors) == 1


async def test_template_shows_odd_values_as_a_person_would_write_them(bench, msg) -> None:
    node = await bench("template", text="{payload}")
    odd = [None, True, Decimal("1.50"), [1, "a"], {"a": 1}, "x"]
    assert await node.give(*map(msg, odd)) == ["null", "true", "1.50", '[1,"a"]', '{"a":1}', "x"]


async def test_template_names_the_missing_field(bench, msg) -> None:
    node = await bench("template", text="order {payload.order}")
    await node.give(msg({"no": 1}))
    assert "payload.order is missing" in node.errors[0]


@pytest.mark.parametrize(
    ("given", "code"), [("°C", "Cel"), ("℉", "[degF]"), ("kWh", "kW.h"), ("m³/h", "m3/h"), ("L/min", "l/min")]
)
def test_convert_takes_units_as_people_write_them(given: str, code: str) -> None:
    assert ConvertConfig.model_validate({"to": given}).to == code


def test_convert_says_what_is_wrong_with_a_unit_at_its_field() -> None:
    with pytest.raises(ValidationError) as unknown:
        ConvertConfig.model_validate({"from": "furlongs", "to": "m"})
    assert [error["loc"] for error in unknown.value.errors()] == [("from",)]
    with pytest.raises(ValidationError) as unfit:
        ConvertConfig.model_validate({"from": "Cel", "to": "bar"})
    assert [error["loc"] for error in unfit.value.errors()] == [("to",)]
