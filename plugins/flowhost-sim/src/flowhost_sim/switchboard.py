"""Commands of a parent program, one line of JSON each, and what became of them, told the same way.

In:  {"id": 7, "part": "broker", "on": false}
Out: {"event": "part", "id": 7, "part": "broker", "on": false, "fault": ""}

What happens to a part by itself is told as well, without an id.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any, get_args

from flowhost_sim.parts import PartFaultError, PartState
from flowhost_sim.program import PartName, SimProgram

LOOK_S = 0.5


class Switchboard:
    """Takes commands for the parts of a simulator.

    Args:
        program: runs.
        say: takes each event, to be printed as one line.
    """

    def __init__(self, program: SimProgram, say: Callable[[dict[str, Any]], None]) -> None:
        self._program = program
        self._say = say
        self._told = program.states
        self._switching: set[asyncio.Task[None]] = set()

    def take(self, line: str) -> None:
        """Begins to do what the line says; a line that says nothing sensible is answered at once."""
        try:
            part, on, number = self._read(line)
        except ValueError as error:
            self._say({"event": "refused", "reason": str(error), "line": line[:200]})
            return
        task = asyncio.create_task(self._switch(part, on, number), name=f"flowhost-sim switch {part}")
        self._switching.add(task)
        task.add_done_callback(self._switching.discard)

    async def watch(self) -> None:
        """Tells what parts do by themselves, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            for part, state in self._program.states.items():
                if state != self._told[part]:
                    self._tell(part, state)

    async def close(self) -> None:
        """Breaks off what is being switched."""
        for task in self._switching:
            task.cancel()
        if self._switching:
            await asyncio.wait(self._switching)

    def _read(self, line: str) -> tuple[PartName, bool, object]:
        said = json.loads(line)
        part = said.get("part") if isinstance(said, dict) else None
        for name in self._program.states:
            if name == part and isinstance(said.get("on"), bool):
                return name, said["on"], said.get("id")
        known = ", ".join(name for name in get_args(PartName) if name in self._program.states)
        raise ValueError(f'write {{"part": one of {known}, "on": true or false}}')

    async def _switch(self, part: PartName, on: bool, number: object) -> None:
        with contextlib.suppress(PartFaultError):  # the state that is told holds it
            await (self._program.start_part(part) if on else self._program.stop_part(part))
        self._tell(part, self._program.states[part], number)

    def _tell(self, part: PartName, state: PartState, number: object = None) -> None:
        self._told[part] = state
        event = {"event": "part", "part": part, "on": state.on, "fault": state.fault}
        self._say(event if number is None else {**event, "id": number})
