"""Values that wander as measured ones do: never still, never far from where the process holds them."""

import math
import random


class Drift:
    """A value that wanders around a mean (an Ornstein-Uhlenbeck process).

    Args:
        rng: source of randomness; the same seed gives the same course.
        mean: where the value is held.
        sigma: standard deviation over a long time, in the value's unit.
        tau_s: how long the value remembers where it was, in seconds.
    """

    __slots__ = ("_rng", "_sigma", "_tau_s", "mean", "value")

    def __init__(self, rng: random.Random, mean: float, sigma: float, tau_s: float) -> None:
        self._rng = rng
        self._sigma = sigma
        self._tau_s = tau_s
        self.mean = mean
        self.value = mean

    def step(self, dt_s: float) -> float:
        keep = math.exp(-dt_s / self._tau_s)
        spread = self._sigma * math.sqrt(1 - keep * keep)
        self.value = self.mean + (self.value - self.mean) * keep + self._rng.gauss(0, spread)
        return self.value


def approach(value: float, target: float, dt_s: float, tau_s: float) -> float:
    """First-order lag: where a value that heads for `target` is after `dt_s`."""
    return target + (value - target) * math.exp(-dt_s / tau_s)
