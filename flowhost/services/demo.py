"""The demo: a simulated bottling line beside the host, and the gallery's flows running on it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from flowhost.errors import FlowHostError, PluginError
from flowhost.services.access import LOCAL_USER
from flowhost.services.flow_check import FLOW_FILE
from flowhost.services.host import Host

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 5.0

# Ctrl-C in the terminal is for the host alone: the line runs until the flows have stopped in order
_OWN_GROUP: dict[str, int | bool] = {"start_new_session": True}
if sys.platform == "win32":
    _OWN_GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


class PlantSimulator:
    """The simulated line in a process of its own; it ends with this one, however that ends.

    Attributes:
        environ: variables that lead the gallery's flows to it.
    """

    def __init__(self) -> None:
        self.environ: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> PlantSimulator:
        """Start it and wait until all its servers answer.

        Raises:
            PluginError: it is not installed, or did not start.
        """
        if importlib.util.find_spec("flowhost_sim") is None:
            raise PluginError('the simulator is not installed; run: pip install "flowhost[demo]"')
        command = [sys.executable, "-m", "flowhost_sim", "--ports", "auto", "--json", "--until-stdin-closes"]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no words from outside
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **_OWN_GROUP
        )  # type: ignore[call-overload]  # the flags differ by system
        self.environ = addresses_as_environ(self._ready_line())
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Let it end; firmly if it does not."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ready_line(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if isinstance(said, dict) and said.get("event") == "ready":
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


def gallery() -> list[Path]:
    """Flow files that come with FlowHost: those of the checkout this runs from, else the installed ones."""
    folder = Path(__file__).resolve().parents[2] / "flows"
    if not folder.is_dir():
        folder = Path(sysconfig.get_path("data")) / "share" / "flowhost" / "flows"
    return sorted(folder.glob(f"*/{FLOW_FILE}"))


async def bring_in(host: Host, files: Sequence[Path]) -> None:
    """Bring flows in that the host does not have yet, and start those; others stay as the user left them."""
    known = {row.id for row in await host.flows.list(LOCAL_USER)}
    for path in files:
        if path.parent.name in known:
            continue
        try:
            flow = await host.flows.import_file(LOCAL_USER, path, host.settings.data_dir)
            await host.flows.start(LOCAL_USER, flow.id)
        except FlowHostError as error:
            log.error("demo flow %s: %s", path.parent.name, error)  # noqa: TRY400 - the message says it all


def start_bringing_in(host: Host, files: Sequence[Path]) -> asyncio.Task[None]:
    """`bring_in` in the background; keep the task."""
    return asyncio.get_running_loop().create_task(bring_in(host, files), name="bring in the gallery")
