"""What `flowhost test` runs: expectations that fail readably, test files that are wrong in a findable way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowhost.errors import ConfigError
from flowhost.services.flow_tests import CaseResult, contains, equal
from flowhost.services.flow_tests import test_flows as run_tests

FLOW = """\
flowhost: 1
id: t
nodes:
  temps: {type: inject, config: {messages: [{payload: 1}]}}
  warm: {type: filter, config: {where: payload.value > 20}}
  mean: {type: window, config: {every_s: 10, compute: {mean: mean(payload.value), n: count()}}}
  sink: {type: discard}
  failed: {type: log}
wires: [temps -> warm, warm -> mean, mean -> sink, %s]
"""

GOOD = """
- name: warm ones are averaged
  given:
    temps:
      - {payload: {value: 21}, at: 1s}
      - {payload: {value: 24}, at: 2026-01-01T00:00:02Z}
      - {payload: {value: 5}, at: 3}
  advance: 1m
  expect:
    sink: [{payload: {mean: 22.5, n: 2}}]
"""


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def run(tests: str, wired: bool = False) -> list[CaseResult]:
        (tmp_path / "flow.yaml").write_text(FLOW % ("warm.error -> failed" if wired else "temps -> failed"))
        (tmp_path / "test.yaml").write_text(tests)
        return run_tests([tmp_path])

    return run


def test_a_test_that_passes(run) -> None:
    (result,) = run(GOOD)
    assert (result.name, result.failures) == ("warm ones are averaged", [])


def test_a_folder_of_flows_is_searched(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "flow.yaml").write_text(FLOW % "temps -> failed")
        (tmp_path / name / "test.yaml").write_text(GOOD)
    assert [r.flow.parent.name for r in run_tests([tmp_path])] == ["a", "b"]


def test_a_wrong_value_is_named_with_what_came(run) -> None:
    (result,) = run(GOOD.replace("22.5", "23"))
    assert result.failures == ["sink[0].payload: expected {'mean': 23, 'n': 2}, got {'mean': 22.5, 'n': 2}"]


def test_a_missing_and_a_surplus_message_are_counted(run) -> None:
    (missing,) = run(GOOD.replace("n: 2}}]", "n: 2}}, {contains: {n: 1}}]"))
    assert missing.failures == ["sink: expected 2 messages, got 1"]
    (surplus,) = run(GOOD.replace("[{payload: {mean: 22.5, n: 2}}]", "[]"))
    assert surplus.failures == ["sink: expected 0 messages, got 1; the first one more is '' {'mean': 22.5, 'n': 2}"]


@pytest.mark.expects_error_log
def test_a_message_that_fails_unexpectedly_fails_the_test(run) -> None:
    (result,) = run(GOOD.replace("{value: 5}", "{val: 5}"))
    (failure,) = result.failures
    assert failure.startswith("dead: warm: ")
    assert "payload.value is missing" in failure


@pytest.mark.expects_error_log
def test_failing_messages_may_be_expected_by_number(run) -> None:
    tests = GOOD.replace("{value: 5}", "{val: 5}") + "  dead: %d\n"
    assert run(tests % 1)[0].failures == []
    assert run(tests % 2)[0].failures[-1] == "expected 2 dead messages, got 1"


def test_failing_messages_may_go_somewhere(run) -> None:
    tests = GOOD.replace("{value: 5}", "{val: 5}").replace("    sink:", "    failed: [{contains: {val: 5}}]\n    sink:")
    assert run(tests, wired=True)[0].failures == []


def test_every_test_starts_afresh(run) -> None:
    assert [result.failures for result in run(GOOD + GOOD)] == [[], []]


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        ("- name: [", "not YAML"),
        ("", "must be a list of tests"),
        ("name: x", "must be a list of tests"),
        ("- given: {}\n  expect: {}", "name and expect are needed"),
        ("- {name: x, expect: {}, expcet: {}}", r"\[0\]: unknown key 'expcet'; known are advance, dead, expect"),
        ("- {name: x, expect: {snik: []}}", r"\[0\]\.expect: the flow has no node 'snik'; its sinks are sink, failed"),
        ("- {name: x, expect: {warm: []}}", "'warm' is no sink; the sinks of this flow are sink, failed"),
        ("- {name: x, expect: [sink]}", r"expect: must be \{node: \[message, ...\]\}"),
        ("- {name: x, expect: {sink: {payload: 1}}}", r"expect\.sink: must be a list of messages"),
        ("- {name: x, expect: {sink: [5]}}", r"expect\.sink\[0\]: must be an object"),
        ("- {name: x, expect: {sink: [{paylod: 5}]}}", r"sink\[0\]: unknown key 'paylod'"),
        ("- {name: x, expect: {}, given: {warm: []}}", "'warm' is no source; the sources of this flow are temps"),
        ("- {name: x, expect: {}, given: {temps: [{payload: 1, port: gap}]}}",
         r"temps\[0\]\.port: no wire leaves temps\.gap; wired are out"),
        ("- {name: x, expect: {}, given: {temps: [{payload: 1, quality: gud}]}}", r"quality: must be one of good"),
        ("- {name: x, expect: {}, given: {temps: [{payload: 1, at: soon}]}}", r"at: 'soon' is not a duration"),
        ("- {name: x, expect: {}, given: {temps: [{payload: 1, at: 2026-01-01T10:00:00}]}}", "has no zone"),
        ("- {name: x, expect: {}, given: {temps: [{payload: 1, at: 2026-01-01Tten}]}}", "not an ISO 8601 time"),
        ("- {name: x, expect: {}, given: {temps: [{payload: 1, topic: 5}]}}", "topic: must be text, not 5"),
        ("- {name: x, expect: {}, given: {temps: [{payload: 1, headers: 5}]}}", "headers: must be an object"),
        ("- {name: x, expect: {}, advance: -5}", r"advance: -5 is not a duration"),
        ("- {name: x, expect: {}, dead: some}", r"dead: how many messages must fail"),
    ],
)  # fmt: skip
def test_wrong_test_files_are_refused_with_the_place(run, tests, words) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        run(tests)
    assert "test.yaml" in str(caught.value)


def test_a_flow_without_tests_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW % "temps -> failed")
    with pytest.raises(ConfigError, match=r"there is no test\.yaml beside the flow; write a list of"):
        run_tests([tmp_path])


def test_a_wrong_flow_is_refused_before_its_tests(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW % "warm.eror -> failed")
    (tmp_path / "test.yaml").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"flow\.yaml:9:"):
        run_tests([tmp_path])


@pytest.mark.parametrize(
    ("got", "want", "same"),
    [
        (1, 1.0, True), (0.1 + 0.2, 0.3, True), (1.001, 1, False), (True, 1, False), (1, True, False),
        (True, True, True), ({"a": [1.0]}, {"a": [1]}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False), ([1, 2], [1], False), ("1", 1, False),
        (None, 0, False), (None, None, True),
    ],
)  # fmt: skip
def test_equality_of_expectations(got, want, same) -> None:
    assert equal(got, want) is same


def test_contains_looks_at_the_fields_asked_for() -> None:
    got = {"a": {"b": 1, "c": [1, 2]}, "d": None}
    assert contains(got, {"a": {"b": 1}})
    assert contains(got, {"d": None})
    assert not contains(got, {"e": None})
    assert not contains(got, {"a": {"c": [1]}})
    assert not contains(5, {"a": 1})
