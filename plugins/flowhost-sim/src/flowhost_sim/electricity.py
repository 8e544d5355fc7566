"""Electrical supply of the line, as a three-phase meter at its infeed sees it."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from flowhost_sim.drift import Drift, approach

RATED_KW = 60.0
_SHARES = (0.345, 0.322, 0.333)


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase: volts to neutral, amperes, kilowatts."""

    voltage: float
    current: float
    power: float


class Supply:
    """Power follows the machines within a second or two; energy is its integral and never falls."""

    def __init__(self, rng: random.Random) -> None:
        self.power = 6.0
        self.power_factor = 0.8
        self.frequency = 50.0
        self.energy_kwh = 184_250.0
        self.demand_kw = 6.0
        self.demand_max_kw = 6.0
        self.demand_period_min = 15
        self._level = 6.0
        self._hum = Drift(rng, 1.0, 0.012, 2.0)
        self._grid = Drift(rng, 50.0, 0.018, 30.0)
        self._volts = [Drift(rng, 231.0 + offset, 0.9, 45.0) for offset in (0.6, -0.9, 0.2)]
        self._shares = [Drift(rng, share, 0.003, 10.0) for share in _SHARES]
        self.phases: Sequence[Phase] = [Phase(231.0, 9.0, 2.0)] * 3

    @property
    def apparent(self) -> float:
        return self.power / self.power_factor

    @property
    def reactive(self) -> float:
        return math.sqrt(max(0.0, self.apparent**2 - self.power**2))

    def step(self, dt_s: float, load_kw: float) -> None:
        """Draws `load_kw` for `dt_s` seconds."""
        self._level = approach(self._level, load_kw, dt_s, 1.2)
        self.power = max(0.5, self._level * self._hum.step(dt_s))
        self.energy_kwh += self.power * dt_s / 3600
        self.power_factor = 0.74 + 0.15 * min(1.0, self.power / RATED_KW)
        self.frequency = self._grid.step(dt_s)
        self.demand_kw = approach(self.demand_kw, self.power, dt_s, self.demand_period_min * 60)
        self.demand_max_kw = max(self.demand_max_kw, self.demand_kw)
        self.phases = self._split(dt_s)

    def _split(self, dt_s: float) -> list[Phase]:
        shares = [share.step(dt_s) for share in self._shares]
        phases = []
        for volts, share in zip(self._volts, shares, strict=True):
            power = self.power * share / sum(shares)
            voltage = volts.step(dt_s) - 0.06 * power
            phases.append(Phase(voltage, 1000 * power / (voltage * self.power_factor), power))
        return phases

    def reset_demand_max(self) -> None:
        self.demand_max_kw = self.demand_kw
