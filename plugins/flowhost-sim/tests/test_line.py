"""What holds for the bottling line whatever happens on it."""

import pytest
from flowhost_sim.line import MACHINES, SPEED_LIMITS, Line
from flowhost_sim.states import LEGAL, State
from flowhost_sim.stops import Reason
from flowhost_sim.tags import tags

HOUR = range(3600)


def values(line: Line) -> dict[str, object]:
    return {tag.path: tag.read(line) for tag in tags()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counters_only_rise_and_bottles_are_never_lost(seed: int) -> None:
    line = Line(seed)
    before = (0, 0, 0, 0.0, 0.0, 0)
    for _ in HOUR:
        line.step(1)
        now = (line.good, line.reject, line.produced, line.supply.energy_kwh, line.run_s, line.stop_count)
        assert all(new >= old for new, old in zip(now, before, strict=True))
        assert line.produced == line.good + line.reject
        assert line.filled == line.produced + line.on_belts
        assert all(0 <= belt.count <= 90 for belt in line.belts)
        before = now
    assert line.good > 8000


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_states_follow_each_other_as_packml_allows(seed: int) -> None:
    line = Line(seed)
    seen = {line.state}
    for _ in range(3600 * 5 * 3):
        before = line.state
        line.step(0.2)
        assert line.state is before or line.state in LEGAL[before]
        seen.add(line.state)
    assert {State.EXECUTE, State.HELD, State.COMPLETE, State.IDLE} <= seen


def test_three_hours_look_like_a_plant() -> None:
    line = Line(1)
    reasons: set[Reason] = set()
    for _ in range(3 * 3600):
        line.step(1)
        reasons.add(line.reason)
        assert 4 < line.tank.temperature < 12
        assert 30 < line.tank.level < 95
        assert 0 < line.supply.power < 70
        assert 49.8 < line.supply.frequency < 50.2
        assert all(218 < phase.voltage < 240 for phase in line.supply.phases)
        assert all(20 < machine.temperature < 60 for machine in line.machines)
        assert all(0 < machine.vibration < 4 for machine in line.machines)
    assert 0.01 < line.reject / line.produced < 0.022
    assert 0.65 < line.run_s / (3 * 3600) < 0.92
    assert set(Reason) - reasons <= {Reason.EMERGENCY_STOP}


def test_stops_last_5_to_40_seconds_and_say_why() -> None:
    line = Line(4)
    lengths: list[float] = []
    lasted = 0.0
    for _ in range(3600 * 5):
        line.step(0.2)
        if line.stop is not None:
            assert line.reason is not Reason.NONE
            assert line.reason_text
            lasted += 0.2
        elif lasted:
            lengths.append(lasted)
            lasted = 0.0
    assert len(lengths) > 10
    assert all(5 <= length <= 50 for length in lengths)  # the stop itself and the way back


def test_power_follows_the_line() -> None:
    line = Line(1)
    standing: list[float] = []
    running: list[float] = []
    for _ in HOUR:
        line.step(1)
        still = all(machine.speed == 0 for machine in line.machines) and not line.tank.cooling
        full = all(machine.speed > 200 for machine in line.machines) and not line.tank.cooling
        (standing if still else running if full else []).append(line.supply.power)
    assert sum(running) / len(running) > 3 * sum(standing) / len(standing)


def test_orders_follow_each_other_from_4711_and_end_at_their_quantity() -> None:
    line = Line(5)
    order = line.order
    assert order.number == 4711
    finished = []
    good_at_start = 0
    for _ in HOUR:
        line.step(1)
        assert line.order.good <= line.order.quantity
        if line.order is not order:
            finished.append(order)
            good_at_start += order.good
            order = line.order
    assert [done.number for done in finished] == list(range(4711, 4711 + len(finished)))
    assert len(finished) >= 5
    assert all(done.good == done.quantity for done in finished)
    assert good_at_start + line.order.good == line.good


def test_the_same_seed_gives_the_same_hour() -> None:
    first, second, other = Line(7), Line(7), Line(8)
    for line in (first, second, other):
        line.step(1800)
    assert values(first) == values(second)
    assert values(first) != values(other)


def test_it_does_not_matter_how_time_is_cut() -> None:
    coarse, fine = Line(7), Line(7)
    for _ in range(60):
        coarse.step(10)
    for _ in range(60 * 40):
        fine.step(0.25)
    assert values(coarse) == values(fine)


def test_too_fast_a_line_spoils_more() -> None:
    calm, hurried = Line(3), Line(3)
    hurried.set_speed(300)
    for line in (calm, hurried):
        line.step(3600)
    assert hurried.reject / hurried.produced > 1.3 * calm.reject / calm.produced
    assert hurried.good > calm.good


def test_a_setpoint_is_kept_within_what_the_line_can_do() -> None:
    line = Line()
    assert line.set_speed(1e9) == SPEED_LIMITS[1]
    assert line.set_speed(-5) == SPEED_LIMITS[0]
    assert line.set_speed(180) == line.speed_setpoint == 180


def test_when_one_machine_stops_the_others_follow_one_after_the_other() -> None:
    line = Line(1)
    seen = set()
    for _ in range(3600 * 5):
        line.step(0.2)
        if line.state is State.HELD and line.stop and line.stop.machine == "Labeller":
            seen.add(tuple(machine.state for machine in line.machines))
    held, suspended, execute = State.HELD, State.SUSPENDED, State.EXECUTE
    assert (execute, execute, held, execute) in seen
    assert (execute, suspended, held, suspended) in seen or (suspended, suspended, held, suspended) in seen


def test_tags_have_names_of_their_own_and_small_folders() -> None:
    paths = [tag.path for tag in tags()]
    assert len(set(paths)) == len(paths)
    folders = [path.rpartition(".")[0] for path in paths]
    assert max(folders.count(folder) for folder in folders) <= 100
    assert {kind.name for kind in MACHINES} <= {folder.rpartition(".")[2] for folder in folders}
