"""Remembered ids leave a few at a time: none before its time, and in the end all that are over."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flowhost.nodes.recent_ids import BETWEEN, LOOKS, RecentIds, scope_of

WINDOW = 100


class Memory:
    def __init__(self, max_entries: int = 10**6) -> None:
        self.full = 0
        self.state: dict[str, int] = {}
        self.ids = RecentIds(self.state, WINDOW, max_entries, self._full)
        self.max_entries = max_entries

    def _full(self) -> None:
        self.full += 1

    def see(self, scope: str, identity: str, time_ns: int) -> int:
        """As `dedupe` does; how many ids left."""
        key = f"{scope}{BETWEEN}{identity}"
        before = len(self.state)
        if key not in self.state:
            self.state[key] = time_ns
            self.ids.added(scope, key, time_ns)
            return before + 1 - len(self.state)
        if time_ns > self.state[key]:
            self.state[key] = time_ns
            self.ids.seen(scope, time_ns)
        return 0

    def restarted(self) -> None:
        self.ids = RecentIds(self.state, WINDOW, self.max_entries, self._full)


SEEN = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(-50, 1000)), max_size=200)


@settings(max_examples=300, deadline=None)
@given(SEEN, st.integers(0, 200))
def test_no_id_leaves_before_its_time(seen, restart_at) -> None:
    memory = Memory()
    newest: dict[str, int] = {}
    known: dict[str, int] = {}
    for number, (scope, identity, time_ns) in enumerate(seen):
        if number == restart_at:
            memory.restarted()
        assert memory.see(scope, str(identity), time_ns) <= 2 * LOOKS, "a bounded piece of work for each message"
        key = f"{scope}{BETWEEN}{identity}"
        newest[scope] = max(newest.get(scope, time_ns), time_ns)
        known[key] = max(known.get(key, time_ns), time_ns)
        for other, last in known.items():
            if newest[scope_of(other)] - last < WINDOW:
                assert memory.state.get(other) == last
    assert memory.full == 0


def test_ids_that_are_over_leave_while_others_come() -> None:
    memory = Memory()
    for number in range(5000):
        memory.see("a", f"i{number}", number)
    assert len(memory.state) <= WINDOW + 1


def test_a_scope_that_fell_behind_does_not_hold_up_the_others_and_is_cleared_when_it_goes_on() -> None:
    memory = Memory()
    for number in range(500):
        memory.see("quiet", f"q{number}", number % 50)
    for number in range(5000):
        memory.see("busy", f"i{number}", 1000 + number)
    assert len(memory.state) <= 500 + WINDOW + 1
    for number in range(500):
        memory.see("quiet", f"n{number}", 100_000)
    assert not [key for key in memory.state if BETWEEN + "q" in key]


def test_too_many_leave_oldest_first() -> None:
    memory = Memory(max_entries=10)
    for number in range(40):
        memory.see("a", f"i{number}", number)
        assert len(memory.state) <= 10
    assert [key.partition(BETWEEN)[2] for key in memory.state] == [f"i{n}" for n in range(30, 40)]
    assert memory.full == 30


def test_a_smaller_limit_after_a_restart_is_reached_bit_by_bit() -> None:
    memory = Memory()
    for number in range(100):
        memory.see("a", f"i{number}", number)
    memory.max_entries = 10
    memory.restarted()
    for number in range(100, 140):
        assert memory.see("a", f"i{number}", number) <= LOOKS
    assert len(memory.state) == 10
