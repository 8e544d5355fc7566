"""A flow as large as somebody may draw it, running, for what the editor costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHAIN = ("sim.generate", "filter", "map", "discard")
CONFIGS = {
    "sim.generate": "{tags: 1, rate_hz: 5}",
    "filter": "{where: payload.seq >= 0}",
    "map": "{set: {double: payload.value * 2}}",
    "discard": "{}",
}
PER_ROW = 8
IMPORT = """
import asyncio, sys
from pathlib import Path
from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings

async def main():
    host = Host(load_settings(data_dir=Path(sys.argv[1]), workers=1))
    await host.start()
    try:
        await host.flows.import_file(LOCAL_USER, Path(sys.argv[2]).read_text())
        if "running" in sys.argv:
            await host.flows.start(LOCAL_USER, "large")
    finally:
        await host.stop()

if __name__ == "__main__":
    asyncio.run(main())
"""


def large_flow(nodes: int) -> str:
    """A flow file of chains of four, laid out as a grid that is larger than any screen."""
    lines = ["flowhost: 1", "id: large", "name: Large", "nodes:"]
    wires, places = [], []
    for number in range(nodes):
        chain, step = divmod(number, len(CHAIN))
        kind = CHAIN[step]
        lines.append(f"  n{number}: {{type: {kind}, config: {CONFIGS[kind]}}}")
        if step:
            wires.append(f"  - n{number - 1} -> n{number}")
        row, column = divmod(chain, PER_ROW)
        places.append(f"n{number}: [{(column * len(CHAIN) + step) * 240}, {row * 120}]")
    lines += ["wires:", *wires, f"layout: {{nodes: {{{', '.join(places)}}}}}"]
    return "\n".join(lines) + "\n"


def put_flow(folder: Path, text: str, *, running: bool = False) -> None:
    """Import a flow into the data folder of a host that is not on; with `running` the flow runs when it is."""
    (folder / "import.py").write_text(IMPORT)
    (folder / "large.yaml").write_text(text)
    command = [sys.executable, str(folder / "import.py"), str(folder / "data"), str(folder / "large.yaml")]
    subprocess.run([*command, "running"] if running else command, check=True, timeout=120)
