"""One machine of the line: its speed, its bottles and rejects, and its body that warms up and shakes."""

import random
from dataclasses import dataclass

from flowhost_sim.drift import Drift, approach
from flowhost_sim.states import MOVING, State

_RAMP_UP_S = 1.6
_RAMP_DOWN_S = 0.5


@dataclass(frozen=True, slots=True)
class MachineKind:
    """What tells the machines of the line apart.

    Args:
        name: as it stands in tags and topics.
        reject_share: share of bottles it spoils when all is well.
        power_kw: its drives at rated speed.
        vibration_mm_s: RMS velocity at rated speed (ISO 20816: below 2.8 is fine for machines of this size).
        warm_k: how much warmer than the hall its main bearing gets at rated speed.
    """

    name: str
    reject_share: float
    power_kw: float
    vibration_mm_s: float
    warm_k: float


@dataclass(frozen=True, slots=True)
class Work:
    """What the line tells a machine for one step.

    Args:
        line_state: state of the whole line.
        stopped: this machine is the one that has the trouble.
        speed: bottles per minute it shall run at.
        waiting: bottles at its infeed.
        room: places free at its outfeed.
        reject_share: share of bottles it spoils under the present conditions.
    """

    line_state: State
    stopped: bool
    speed: float
    waiting: int
    room: int
    reject_share: float


class Machine:
    """A machine between two conveyors; it waits where nothing comes in and where nothing can go out."""

    def __init__(self, kind: MachineKind, rng: random.Random) -> None:
        self.kind = kind
        self.state = State.STOPPED
        self.speed = 0.0
        self.count = 0
        self.rejects = 0
        self.temperature = 24.0 + kind.warm_k * 0.5
        self.vibration = 0.1
        self._rng = rng
        self._carry = 0.0
        self._flow = _Flow()
        self._shaking = 0.1
        self._swing = Drift(rng, 1.0, 0.006, 4.0)
        self._roughness = Drift(rng, 1.0, 0.06, 2.0)

    def step(self, dt_s: float, work: Work) -> tuple[int, int]:
        """Moves bottles for `dt_s` seconds; returns how many came in and how many left as good."""
        self.state = self._decide(dt_s, work)
        turning = self.state is State.EXECUTE
        target = work.speed * self._swing.step(dt_s) if turning else 0.0
        self.speed = approach(self.speed, target, dt_s, _RAMP_UP_S if target > self.speed else _RAMP_DOWN_S)
        if not turning and self.speed < 1.0:
            self.speed = 0.0
        taken = self._take(dt_s, min(work.waiting, work.room)) if turning else 0
        spoiled = sum(self._rng.random() < work.reject_share for _ in range(taken))
        self.count += taken - spoiled
        self.rejects += spoiled
        return taken, taken - spoiled

    def feel(self, dt_s: float, hall_temperature: float, rated_speed: float) -> None:
        """Bearing temperature follows the speed within minutes, vibration within a second."""
        load = self.speed / rated_speed
        self.temperature = approach(self.temperature, hall_temperature + 2 + self.kind.warm_k * load, dt_s, 240.0)
        level = 0.12 + (self.kind.vibration_mm_s - 0.12) * load * load
        self._shaking = approach(self._shaking, level, dt_s, 0.8)
        self.vibration = max(0.02, self._shaking * self._roughness.step(dt_s))

    def _decide(self, dt_s: float, work: Work) -> State:
        if work.line_state not in MOVING or work.stopped:
            return work.line_state
        flows = self._flow.step(dt_s, work.waiting, work.room)
        return State.EXECUTE if flows else State.SUSPENDED

    def _take(self, dt_s: float, most: int) -> int:
        self._carry += self.speed * dt_s / 60
        taken = min(int(self._carry), most)
        self._carry = min(self._carry - taken, 1.0)
        return taken


class _Flow:
    """Whether bottles flow through: a short gap between bottles is no stop, a handful of bottles no start."""

    LONGEST_GAP_S = 1.5
    ENOUGH_WAITING = 3
    ENOUGH_ROOM = 12
    LONGEST_WAIT_S = 3.0

    def __init__(self) -> None:
        self._flows = False
        self._since_s = 0.0

    def step(self, dt_s: float, waiting: int, room: int) -> bool:
        possible = waiting > 0 and room > 0
        self._since_s = self._since_s + dt_s if possible != self._flows else 0.0
        if self._flows:
            change = self._since_s > self.LONGEST_GAP_S
        else:
            enough = waiting >= self.ENOUGH_WAITING and room >= self.ENOUGH_ROOM
            change = enough or self._since_s > self.LONGEST_WAIT_S
        if change:
            self._flows = not self._flows
            self._since_s = 0.0
        return self._flows
