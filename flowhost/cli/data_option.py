"""`--data`: which data folder a command works on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None, typer.Option("--data", help="Data folder of the host; else FLOWHOST_DATA_DIR, or flowhost.toml.")
]


def data_folder(data: Path | None) -> Path:
    """The folder given, or the host's own."""
    if data is not None:
        return data
    from flowhost.services.settings import load_settings

    return load_settings().data_dir
