"""`flowhost serve`: the host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    data_dir: Annotated[Path | None, typer.Option(help="Folder for databases and settings.")] = None,
    bind: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of web pages and REST; 0 takes a free one.")] = None,
) -> None:
    """Serve the web pages and run the flows that should run, until Ctrl-C."""
    from flowhost.services.data_folder import DataFolder
    from flowhost.services.settings import load_settings

    settings = load_settings(data_dir=data_dir, bind=bind, port=port)
    DataFolder(settings.data_dir).refuse_if_held()
    from flowhost.app import serve as serve_app

    serve_app(settings)
