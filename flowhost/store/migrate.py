"""Brings a database to the schema of this version; runs at every start."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine

from flowhost.errors import HostError

Room = Literal["app", "history"]

_MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config(room: Room) -> Config:
    """Alembic's settings for one database; there is no ini file to lose."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS / room).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    return config


def upgrade(engine: Engine, room: Room) -> None:
    """Apply what is missing.

    Raises:
        HostError: the file was written by a newer FlowHost; nothing was changed.
    """
    config = alembic_config(room)
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            msg = f"{engine.url.database} cannot be opened by this version of FlowHost: install the newer one ({error})"
            raise HostError(msg) from error
