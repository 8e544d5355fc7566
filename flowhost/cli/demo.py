"""`flowhost demo`: everything at once, to look at."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

DEMO_FOLDER = Path("flowhost-demo")


def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder for databases; ./flowhost-demo or FLOWHOST_DATA_DIR if left out.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the web pages; 0 takes a free one.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = False,
) -> None:
    """Start a simulated bottling line, a broker and a host whose flows read from them; until Ctrl-C."""
    from flowhost.app import serve
    from flowhost.services.demo import DATABASE, gallery, start_bringing_in
    from flowhost.services.host import Host
    from flowhost.services.plant_simulator import PlantSimulator
    from flowhost.services.settings import load_settings

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    folder = data_dir or (None if os.environ.get("FLOWHOST_DATA_DIR") else DEMO_FOLDER)
    settings = load_settings(data_dir=folder, port=port)
    database = settings.data_dir / DATABASE
    files = gallery()
    kept: list[asyncio.Task[None]] = []

    def ready(host: Host) -> None:
        kept.append(start_bringing_in(host, files))
        print(f"Rows arrive in {database}", flush=True)
        if browser:
            webbrowser.open(f"http://127.0.0.1:{settings.port}/")

    serve(settings, functools.partial(print, flush=True), ready, PlantSimulator(database))
