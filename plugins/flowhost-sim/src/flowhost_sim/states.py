"""States of the line and of its machines, numbered and joined as in PackML (ISA-TR88.00.02, StateCurrent)."""

import math
from enum import IntEnum


class State(IntEnum):
    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17


# State, its length in seconds (None: as long as the stop lasts) and the state that follows by itself.
_COURSE: dict[State, tuple[float | None, State]] = {
    State.CLEARING: (3.0, State.STOPPED),
    State.STOPPED: (3.0, State.RESETTING),
    State.RESETTING: (2.0, State.IDLE),
    State.IDLE: (2.0, State.STARTING),
    State.STARTING: (3.0, State.EXECUTE),
    State.EXECUTE: (math.inf, State.EXECUTE),
    State.HOLDING: (0.8, State.HELD),
    State.HELD: (None, State.UNHOLDING),
    State.UNHOLDING: (1.4, State.EXECUTE),
    State.SUSPENDING: (0.8, State.SUSPENDED),
    State.SUSPENDED: (None, State.UNSUSPENDING),
    State.UNSUSPENDING: (1.4, State.EXECUTE),
    State.ABORTING: (0.6, State.ABORTED),
    State.ABORTED: (None, State.CLEARING),
    State.COMPLETING: (2.0, State.COMPLETE),
    State.COMPLETE: (8.0, State.RESETTING),
}

LEGAL: dict[State, frozenset[State]] = {
    state: frozenset(
        {following}
        | ({State.HOLDING, State.SUSPENDING, State.ABORTING, State.COMPLETING} if state is State.EXECUTE else set())
    )
    for state, (_, following) in _COURSE.items()
}
"""The steps this line takes; all of them are steps PackML allows."""

MOVING = frozenset(
    {
        State.EXECUTE,
        State.HOLDING,
        State.HELD,
        State.UNHOLDING,
        State.SUSPENDING,
        State.SUSPENDED,
        State.UNSUSPENDING,
    }
)
"""Line states in which machines that have no trouble of their own keep turning."""


class StateModel:
    """Where the line is in its course, and for how long it stays there."""

    def __init__(self) -> None:
        self.state = State.STOPPED
        self._left_s = 2.0
        self._stop_s = 0.0

    def step(self, dt_s: float) -> State | None:
        """Lets time pass; returns the state just entered, if one was."""
        self._left_s -= dt_s
        if self._left_s > 0:
            return None
        return self.enter(_COURSE[self.state][1])

    def interrupt(self, state: State, stop_s: float) -> State:
        """Leaves EXECUTE for HOLDING, SUSPENDING or ABORTING; the line then stands for `stop_s`."""
        self._stop_s = stop_s
        return self.enter(state)

    def enter(self, state: State) -> State:
        if state not in LEGAL[self.state]:
            raise ValueError(f"The line cannot go from {self.state.name} to {state.name}")
        length_s = _COURSE[state][0]
        self.state = state
        self._left_s = self._stop_s if length_s is None else length_s
        return state
