"""The bottling line as a process: filler, capper, labeller, packer, and all that is measured on them.

It knows neither clock nor network. Time passes in `Line.step`; the same seed and the same total time give the same
values, however the time was cut into steps.
"""

import random

from flowhost_sim.conveyor import Conveyor
from flowhost_sim.drift import Drift
from flowhost_sim.electricity import Supply
from flowhost_sim.machine import Machine, MachineKind, Work
from flowhost_sim.media import Hall, Tank
from flowhost_sim.orders import next_order
from flowhost_sim.states import State, StateModel
from flowhost_sim.stops import REASON_TEXTS, Reason, Stop, StopPlan

SLICE_S = 0.2
"""The process is worked out in steps of this length (s)."""

RATED_SPEED = 240.0
SPEED_LIMITS = (60.0, 300.0)
"""Lowest and highest speed setpoint in bottles per minute."""

MACHINES = (
    MachineKind("Filler", reject_share=0.006, power_kw=11.0, vibration_mm_s=1.6, warm_k=21.0),
    MachineKind("Capper", reject_share=0.004, power_kw=5.5, vibration_mm_s=2.1, warm_k=26.0),
    MachineKind("Labeller", reject_share=0.003, power_kw=7.0, vibration_mm_s=1.2, warm_k=17.0),
    MachineKind("Packer", reject_share=0.0, power_kw=9.0, vibration_mm_s=1.9, warm_k=23.0),
)
BOTTLES_PER_CASE = 12
FILL_TEMPERATURE = 8.0
"""Temperature the product should be filled at (Cel); warmer product foams and is filled short."""

_BASE_KW = 6.5
_COOLING_KW = 14.0
_FAR = 1_000_000


class Line:
    """Line 1. Read its attributes; call `step`. Every counter only ever rises.

    Args:
        seed: the same seed gives the same course of events.
    """

    def __init__(self, seed: int = 1) -> None:
        self._rng = random.Random(seed)  # noqa: S311 (a process, not a secret)
        self._plan = StopPlan(self._rng)
        self._model = StateModel()
        self._slices = 0
        self._owed_s = 0.0
        self.machines = [Machine(kind, self._rng) for kind in MACHINES]
        self.belts = [Conveyor(travel_s=6.0, places=90) for _ in MACHINES[1:]]
        self.tank = Tank(self._rng)
        self.hall = Hall(self._rng)
        self.supply = Supply(self._rng)
        self._torque = Drift(self._rng, 1.9, 0.08, 1.0)
        self.order = next_order(self._rng)
        self.stop: Stop | None = None
        self.speed_setpoint = RATED_SPEED
        self.cap_torque = 1.9
        self.orders_done = 0
        self.stop_count = 0
        self.run_s = 0.0
        self.stop_s = 0.0

    @property
    def state(self) -> State:
        return self._model.state

    @property
    def reason(self) -> Reason:
        return self.stop.reason if self.stop else Reason.NONE

    @property
    def reason_text(self) -> str:
        return REASON_TEXTS[self.reason]

    @property
    def filler(self) -> Machine:
        return self.machines[0]

    @property
    def speed(self) -> float:
        """Speed of the line in bottles per minute: that of its lead machine, the filler."""
        return self.filler.speed

    @property
    def good(self) -> int:
        """Bottles packed."""
        return self.machines[-1].count

    @property
    def reject(self) -> int:
        return sum(machine.rejects for machine in self.machines)

    @property
    def produced(self) -> int:
        """Bottles that have left the line, packed or thrown out."""
        return self.good + self.reject

    @property
    def on_belts(self) -> int:
        """Bottles between filler and packer."""
        return sum(belt.count for belt in self.belts)

    @property
    def filled(self) -> int:
        """Bottles that ever entered the filler."""
        return self.filler.count + self.filler.rejects

    def set_speed(self, bottles_per_min: float) -> float:
        """Sets the speed setpoint; returns it as limited to what the line can do."""
        low, high = SPEED_LIMITS
        self.speed_setpoint = min(high, max(low, bottles_per_min))
        return self.speed_setpoint

    def step(self, dt_s: float) -> None:
        """Lets `dt_s` seconds pass; what is less than a slice waits for the next call."""
        self._owed_s += dt_s
        while self._owed_s >= SLICE_S - 1e-9:
            self._owed_s -= SLICE_S
            self._slices += 1
            self._step_slice(SLICE_S)

    def _step_slice(self, dt_s: float) -> None:
        self._step_state(dt_s)
        filled = self._step_machines(dt_s)
        self._step_torque(dt_s)
        self.hall.step(dt_s)
        self.tank.step(dt_s, filled, self.hall.temperature)
        for machine in self.machines:
            machine.feel(dt_s, self.hall.temperature, RATED_SPEED)
        self.supply.step(dt_s, self._load_kw())
        self.run_s += dt_s if self.state is State.EXECUTE else 0.0
        self.stop_s += dt_s if self.stop else 0.0

    def _step_state(self, dt_s: float) -> None:
        entered = self._model.step(dt_s)
        if entered in {State.EXECUTE, State.CLEARING}:
            self.stop = None
        if entered is State.RESETTING and self.order.done:
            self.order = next_order(self._rng, self.order)
        if entered is not None or self.state is not State.EXECUTE:
            return  # what is entered is seen for a slice at least
        if self.order.done:
            self.orders_done += 1
            self._model.enter(State.COMPLETING)
        elif stop := self._plan.step(dt_s):
            self.stop = stop
            self.stop_count += 1
            self._model.interrupt(stop.leads_to, stop.length_s)

    def _step_machines(self, dt_s: float) -> int:
        """Moves bottles from the packer backwards, so that a place that gets free can be used at once."""
        filled = 0
        for index in reversed(range(len(self.machines))):
            machine = self.machines[index]
            filled, passed = machine.step(dt_s, self._work(index))
            self._hand_over(index, filled, passed)
        return filled

    def _step_torque(self, dt_s: float) -> None:
        """Measured on every cap; without a bottle the last value stays."""
        if self.machines[1].state is State.EXECUTE:
            self.cap_torque = self._torque.step(dt_s)

    def _hand_over(self, index: int, taken: int, passed: int) -> None:
        self.order.reject += taken - passed
        if index > 0:
            self.belts[index - 1].take(taken)
        if index < len(self.belts):
            self.belts[index].put(passed, self._slices * SLICE_S)
        else:
            self.order.good += passed

    def _work(self, index: int) -> Work:
        kind = self.machines[index].kind
        waiting = self.belts[index - 1].waiting(self._slices * SLICE_S) if index else self._still_to_fill()
        return Work(
            line_state=self.state,
            stopped=self.stop is not None and self.stop.machine in {kind.name, ""},
            speed=self.speed_setpoint * (1.0 if index == 0 else 0.93 + 0.17 * min(1.0, waiting / 12)),
            waiting=waiting,
            room=self.belts[index].room() if index < len(self.belts) else _FAR,
            reject_share=kind.reject_share * self._strain(),
        )

    def _still_to_fill(self) -> int:
        return max(0, self.order.quantity - self.order.good - self.on_belts)

    def _strain(self) -> float:
        """How much more is spoiled than when all is well: product too warm or cold, too fast, or just ramping."""
        off_temperature = max(0.0, abs(self.tank.temperature - FILL_TEMPERATURE) - 0.8)
        too_fast = max(0.0, self.speed_setpoint / RATED_SPEED - 1.02)
        ramping = max(0.0, 0.8 - self.speed / self.speed_setpoint)
        return 1.0 + 0.9 * off_temperature + 12.0 * too_fast + 2.5 * ramping

    def _load_kw(self) -> float:
        load = _BASE_KW + (_COOLING_KW if self.tank.cooling else 0.0)
        for machine in self.machines:
            share = machine.speed / RATED_SPEED
            load += machine.kind.power_kw * (0.25 + 0.75 * share if share else 0.06)
        return load
