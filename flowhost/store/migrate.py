"""Brings a database to the schema of this version; runs at every start."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Engine, inspect, text

from flowhost.errors import HostError

# Alembic takes an eighth of a host's start to import, and hardly any start has something to migrate
if TYPE_CHECKING:
    from alembic.config import Config

Room = Literal["app", "history"]

_MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config(room: Room) -> Config:
    """Alembic's settings for one database; there is no ini file to lose."""
    from alembic.config import Config

    config = Config(stdout=sys.stdout)
    config.set_main_option("script_location", str(_MIGRATIONS / room).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    return config


def newest(room: Room) -> str:
    """The revision this version brings: `r0002_drafts.py` holds 0002."""
    return max(path.name[1:5] for path in (_MIGRATIONS / room / "versions").glob("r[0-9][0-9][0-9][0-9]_*.py"))


def upgrade(engine: Engine, room: Room) -> None:
    """Apply what is missing.

    Raises:
        HostError: the file was written by a newer FlowHost; nothing was changed.
    """
    if _revision(engine) == newest(room):
        return
    from alembic import command
    from alembic.util import CommandError

    config = alembic_config(room)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            msg = f"{engine.url.database} cannot be opened by this version of FlowHost: install the newer one ({error})"
            raise HostError(msg) from error


def _revision(engine: Engine) -> str | None:
    """What the file was last brought to; None for a new one."""
    with engine.begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
