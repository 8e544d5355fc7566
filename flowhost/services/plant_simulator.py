"""The simulated plant in a process of its own, and its switches: commands on its stdin, events on its stdout."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from flowhost.errors import HostError, PluginError

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 5.0
SWITCH_TIMEOUT_S = 45.0
"""Longer than the simulator itself waits for a part."""

# Ctrl-C in the terminal is for the host alone: the line runs until the flows have stopped in order
_OWN_GROUP: dict[str, int | bool] = {"start_new_session": True}
if sys.platform == "win32":
    _OWN_GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


_OWN_PORTS = tuple(word for part in ("mqtt", "opcua", "modbus") for word in (f"--{part}-port", "0"))
"""Ports nobody else looks for: at a usual one another program could answer while a part is switched off."""


class PartState(msgspec.Struct, frozen=True):
    """How a part of the plant is.

    Attributes:
        on: it works now.
        fault: why it is not as it was told to be; empty where it is.
    """

    on: bool
    fault: str = ""


class PlantSimulator:
    """The simulated line in a process of its own; it ends with this one, however that ends.

    Args:
        database: the SQLite file flows write to, which the plant can lock.

    Attributes:
        environ: variables that lead the gallery's flows to it.
        parts: how each part is, by its name in the simulator, as last heard.
        addresses: where each part that can be switched is reached.
    """

    def __init__(self, database: Path | None = None) -> None:
        self.environ: dict[str, str] = {}
        self.parts: dict[str, PartState] = {}
        self.addresses: dict[str, str] = {}
        self._database = database
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._waiting: dict[int, Future[PartState]] = {}
        self._number = 0
        self._writing = threading.Lock()

    def __enter__(self) -> PlantSimulator:
        """Start it and wait until all its servers answer.

        Raises:
            PluginError: it is not installed, or did not start.
        """
        if importlib.util.find_spec("flowhost_sim") is None:
            raise PluginError('the simulator is not installed; run: pip install "flowhost[demo]"')
        command = [sys.executable, "-m", "flowhost_sim", "--json", "--until-stdin-closes", *_OWN_PORTS]
        if self._database is not None:
            command += ["--database", str(self._database)]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no words from outside
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", **_OWN_GROUP
        )  # type: ignore[call-overload]  # the flags differ by system
        ready = self._ready_line()
        self.environ = addresses_as_environ(ready)
        self.addresses = _addresses(ready, self._database)
        self.parts = {name: msgspec.convert(state, PartState) for name, state in ready["parts"].items()}
        self._reader = threading.Thread(target=self._listen, name="plant events", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Let it end; firmly if it does not. Nothing stays switched off, nothing locked."""
        if self._process is None or self._process.stdin is None:
            return
        with self._writing:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join(STOP_TIMEOUT_S)

    async def switch(self, part: str, *, on: bool) -> PartState:
        """Switch a part; returns how it is then, which need not be what was asked for.

        Raises:
            HostError: the simulator has ended, or gives no answer.
        """
        self._number += 1
        number = self._number
        heard: Future[PartState] = Future()
        self._waiting[number] = heard
        try:
            await asyncio.to_thread(self._command, {"id": number, "part": part, "on": on})
            async with asyncio.timeout(SWITCH_TIMEOUT_S):
                return await asyncio.wrap_future(heard)
        except TimeoutError as error:
            msg = f"the plant simulator did not say within {SWITCH_TIMEOUT_S:g} s what became of it: restart the demo"
            raise HostError(msg) from error
        finally:
            self._waiting.pop(number, None)

    def _command(self, command: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            with self._writing:
                self._process.stdin.write(json.dumps(command) + "\n")
                self._process.stdin.flush()
        except (OSError, ValueError) as error:  # the other end is gone, or ours is closed
            raise HostError("the plant simulator has ended: restart the demo") from error

    def _listen(self) -> None:
        """Take in events until the simulator ends."""
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = _event(line)
            if event.get("event") == "part":
                self._heard(event)
            elif event:
                log.error("the plant simulator did not understand: %s", event)
        fault = f"The simulator ended with code {self._process.wait()}: restart the demo"
        self.parts = {name: PartState(on=False, fault=fault) for name in self.parts}
        for waiting in tuple(self._waiting.values()):
            _settle(waiting, HostError(fault))

    def _heard(self, event: dict[str, Any]) -> None:
        state = PartState(on=event["on"], fault=event["fault"])
        self.parts = {**self.parts, event["part"]: state}
        if (waiting := self._waiting.get(event.get("id", 0))) is not None:
            _settle(waiting, state)

    def _ready_line(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if (said := _event(line)).get("event") == "ready":
                return said
        code = self._process.wait()
        raise PluginError(f"the plant simulator ended with code {code}; run `flowhost sim` to see why")


def addresses_as_environ(ready: dict[str, Any]) -> dict[str, str]:
    """Variables the gallery's flows read, from the simulator's ready line."""
    return {
        "PLANT_MQTT_HOST": str(ready["mqtt"]["host"]),
        "PLANT_MQTT_PORT": str(ready["mqtt"]["port"]),
        "PLANT_OPCUA_ENDPOINT": str(ready["opcua"]["endpoint"]),
        "PLANT_MODBUS_HOST": str(ready["modbus"]["host"]),
        "PLANT_MODBUS_PORT": str(ready["modbus"]["port"]),
    }


def _addresses(ready: dict[str, Any], database: Path | None) -> dict[str, str]:
    addresses = {
        "broker": f"{ready['mqtt']['host']}:{ready['mqtt']['port']}",
        "opcua": str(ready["opcua"]["endpoint"]),
        "modbus": f"{ready['modbus']['host']}:{ready['modbus']['port']}",
        "odd_sensor": f"{ready['mqtt']['host']}:{ready['mqtt']['port']}/{ready['odd_sensor']['topic']}",
    }
    return addresses if database is None else {**addresses, "database": str(database)}


def _event(line: str) -> dict[str, Any]:
    """What a line says; empty if a library printed it."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _settle(waiting: Future[PartState], result: PartState | HostError) -> None:
    """Give the one who waits the result, if nobody did and he has not gone meanwhile."""
    if waiting.done() or not waiting.set_running_or_notify_cancel():
        return
    if isinstance(result, HostError):
        waiting.set_exception(result)
    else:
        waiting.set_result(result)
