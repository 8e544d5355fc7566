"""The old sensor of the capper, which can be made to talk nonsense, as one with a broken wire does."""

import json

from flowhost_sim.line import Line

TOPIC = "plant/line1/cap/TEMP01"
CAPPER = 1
EVERY = 4
"""Of so many readings one is nonsense while the sensor is broken; the others are good."""
WORDS = ("OVERRANGE", "Err 17", "----")


class OddSensor:
    """On: every reading is a number. Off: some are words where the number should be."""

    def __init__(self) -> None:
        self._sound = True
        self._readings = 0

    def compose(self, line: Line, _seq: int, _now: str) -> str:
        """The payload it sends now."""
        self._readings += 1
        round_, place = divmod(self._readings, EVERY)
        value: float | str = round(line.machines[CAPPER].temperature * 1.8 + 32, 1)
        if not self._sound and place == 0:
            value = WORDS[round_ % len(WORDS)]
        return json.dumps({"v": value, "u": "F"})

    async def start(self) -> None:
        """Mends it."""
        self._sound = True

    async def stop(self) -> None:
        """Breaks it."""
        self._sound = False

    async def update(self) -> None:
        """Nothing to do: it is asked when it is due."""
