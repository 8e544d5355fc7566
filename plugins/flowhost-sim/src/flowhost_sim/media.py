"""What surrounds the bottles: the product tank with its cooling, and the hall."""

import math
import random

from flowhost_sim.drift import Drift, approach

BOTTLE_L = 0.5
TANK_L = 4000.0
_COLD_CEL = 5.0
_REFILL_L_MIN = 420.0


class Tank:
    """Product tank before the filler: cooled between two marks, refilled between two marks, CO2 on top."""

    def __init__(self, rng: random.Random) -> None:
        self.level = 71.0
        self.temperature = 7.4
        self.pressure = 2.6
        self.cooling = False
        self.refilling = False
        self._chill = Drift(rng, 0.0, 0.5, 300.0)
        self._ripple = Drift(rng, 0.0, 0.12, 1.5)
        self._head = Drift(rng, 2.6, 0.03, 20.0)
        self._warm = 7.4
        self._held = 71.0

    def step(self, dt_s: float, bottles: int, hall_temperature: float) -> None:
        """Takes `bottles` out of the tank and lets heat, cold and refill work for `dt_s`."""
        self.refilling = _between(self.refilling, self._held, 40.0, 85.0)
        inflow_l = _REFILL_L_MIN * dt_s / 60 if self.refilling else 0.0
        self._held = min(100.0, max(0.0, self._held + 100 * (inflow_l - bottles * BOTTLE_L) / TANK_L))
        self.level = min(100.0, max(0.0, self._held + self._ripple.step(dt_s)))
        self._exchange_heat(dt_s, hall_temperature, inflow_l)
        self.pressure = self._head.step(dt_s) + 0.003 * (self._held - 60)

    def _exchange_heat(self, dt_s: float, hall_temperature: float, inflow_l: float) -> None:
        self.cooling = not _between(not self.cooling, self._warm, 7.0, 8.6)
        self._warm = approach(self._warm, hall_temperature, dt_s, 5200.0)
        if self.cooling:
            self._warm = approach(self._warm, _COLD_CEL, dt_s, 420.0)
        self._warm += (11.0 - self._warm) * inflow_l / (TANK_L * max(self._held, 5.0) / 100)
        self.temperature = self._warm + self._chill.step(dt_s)


class Hall:
    """Air of the bottling hall: a day's swing, and humidity that falls as it gets warmer.

    The humidity sensor has a bad contact: for some seconds every few minutes `sensor_failed` is true.
    """

    def __init__(self, rng: random.Random) -> None:
        self.temperature = 22.0
        self.humidity = 48.0
        self.sensor_failed = False
        self._day_s = 9 * 3600.0
        self._rng = rng
        self._contact_s = 60.0
        self._air = Drift(rng, 0.0, 0.25, 120.0)
        self._moisture = Drift(rng, 0.0, 1.4, 200.0)

    def step(self, dt_s: float) -> None:
        self._day_s += dt_s
        self.temperature = 22.5 + 2.5 * math.sin(2 * math.pi * (self._day_s / 86400 - 0.375)) + self._air.step(dt_s)
        humidity = 48 - 1.8 * (self.temperature - 22) + self._moisture.step(dt_s)
        self.humidity = min(95.0, max(15.0, humidity))
        self._step_contact(dt_s)

    def _step_contact(self, dt_s: float) -> None:
        self._contact_s -= dt_s
        if self._contact_s <= 0:
            self.sensor_failed = not self.sensor_failed
            self._contact_s = self._rng.uniform(3, 8) if self.sensor_failed else self._rng.uniform(90, 300)


def _between(on: bool, value: float, low: float, high: float) -> bool:
    """A two-point switch: on below `low`, off above `high`, in between as it was."""
    if value < low:
        return True
    return on if value <= high else False
