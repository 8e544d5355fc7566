"""Why and for how long the line stops: short stops, as they happen every few minutes on a real line."""

import random
from dataclasses import dataclass
from enum import IntEnum

from flowhost_sim.states import State


class Reason(IntEnum):
    """Reason codes as the line's controller reports them; 0 while nothing is wrong."""

    NONE = 0
    JAM = 1
    NO_BOTTLES = 2
    CAP_FEEDER = 3
    LABEL_CHANGE = 4
    CASE_MAGAZINE = 5
    EMERGENCY_STOP = 6


REASON_TEXTS = {
    Reason.NONE: "",
    Reason.JAM: "Bottle jam",
    Reason.NO_BOTTLES: "No bottles at infeed",
    Reason.CAP_FEEDER: "Cap feeder empty",
    Reason.LABEL_CHANGE: "Label roll change",
    Reason.CASE_MAGAZINE: "Case magazine empty",
    Reason.EMERGENCY_STOP: "Emergency stop",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop: what, at which machine (name; "" for the whole line), how long, and the line state it leads to."""

    reason: Reason
    machine: str
    length_s: float
    leads_to: State


# reason, machine, weight, shortest and longest in seconds, how the line reacts
_KINDS: tuple[tuple[Reason, str, float, float, float, State], ...] = (
    (Reason.JAM, "Filler", 2.0, 5.0, 18.0, State.HOLDING),
    (Reason.JAM, "Labeller", 3.0, 5.0, 20.0, State.HOLDING),
    (Reason.NO_BOTTLES, "Filler", 3.0, 8.0, 35.0, State.SUSPENDING),
    (Reason.CAP_FEEDER, "Capper", 3.0, 6.0, 25.0, State.HOLDING),
    (Reason.LABEL_CHANGE, "Labeller", 2.0, 20.0, 40.0, State.HOLDING),
    (Reason.CASE_MAGAZINE, "Packer", 2.0, 6.0, 22.0, State.HOLDING),
    (Reason.EMERGENCY_STOP, "", 0.5, 15.0, 40.0, State.ABORTING),
)
_MEAN_BETWEEN_S = 120.0
_SHORTEST_BETWEEN_S = 15.0
_QUIET_BEGINNING_S = 40.0  # the first stop is not before bottles are on all belts


class StopPlan:
    """Draws the next stop: exponential times between stops, lengths nearer the short end."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._due_s = _QUIET_BEGINNING_S + self._draw_due_s()

    def step(self, dt_s: float) -> Stop | None:
        """Counts running time only; returns the stop that begins now."""
        self._due_s -= dt_s
        if self._due_s > 0:
            return None
        self._due_s = self._draw_due_s()
        return self._draw()

    def _draw(self) -> Stop:
        (kind,) = self._rng.choices(_KINDS, weights=[kind[2] for kind in _KINDS])
        reason, machine, _, shortest_s, longest_s, leads_to = kind
        length_s = self._rng.triangular(shortest_s, longest_s, shortest_s + 0.25 * (longest_s - shortest_s))
        return Stop(reason, machine, length_s, leads_to)

    def _draw_due_s(self) -> float:
        return _SHORTEST_BETWEEN_S + self._rng.expovariate(1 / (_MEAN_BETWEEN_S - _SHORTEST_BETWEEN_S))
