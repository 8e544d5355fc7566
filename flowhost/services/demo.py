"""The demo: the gallery's flows, brought in and running on the simulated plant."""

from __future__ import annotations

import asyncio
import logging
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from flowhost.errors import FlowHostError
from flowhost.services.access import LOCAL_USER
from flowhost.services.flow_check import FLOW_FILE
from flowhost.services.host import Host

log = logging.getLogger(__name__)

DATABASE = "plant.db"
"""The file in the data folder that the gallery's flows write to."""


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
