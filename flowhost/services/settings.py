"""Settings of a host: flags, then `FLOWHOST_*`, then `flowhost.toml` in the data folder."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from typing_extensions import override

from flowhost.engine.outbox.space import SpaceRules
from flowhost.errors import SettingsError

PREFIX = "FLOWHOST_"
FILE = "flowhost.toml"
MB = 1024 * 1024


class Settings(BaseSettings):
    """What a host is told before it starts. Made by `load_settings`, which also reads the file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True
    )

    data_dir: Path = Field(default_factory=lambda: Path.home() / ".flowhost")
    """Folder that holds databases, files of flows and `flowhost.toml`."""
    bind: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all, which needs `public_url` to be reached under other names."""
    port: int = Field(default=8470, ge=0, le=65535)
    """Port of web pages and REST; 0 takes a free one."""
    public_url: str = ""
    """Address people type into the browser, e.g. `https://flows.plant.example`, where it is not this machine's own."""
    drain_s: float = Field(default=10.0, ge=0, le=600)
    """How long a flow that is stopped may take to deliver what is on its way, seconds."""
    shutdown_drain_s: float = Field(default=3.0, ge=0, le=600)
    """The same when the host itself ends, seconds."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that run flows."""
    spare_worker: bool = True
    """Keep one more process, with all plugins loaded, that takes the place of one that died: flows go on about a second
    sooner, for some 100 MB of memory."""
    alarm_down_s: float = Field(default=7.0, ge=0, le=86_400)
    """How long a connection or target may be away before that is an alarm, seconds; people hear of it within ten, for
    the figures come once a second."""
    alarm_age_s: float = Field(default=300.0, ge=1, le=31_536_000)
    """How old the oldest message waiting for a target may become before that is an alarm, seconds."""
    alarm_messages: int = Field(default=100_000, ge=1)
    """How many messages may wait for one target before that is an alarm."""
    closed_letters_days: int = Field(default=30, ge=0, le=36_500)
    """How long dead letters can be read after they were delivered or discarded, days; 0: for ever. Open ones stay."""
    disk_floor_mb: int = Field(default=512, ge=1)
    """So much of the disk stays free of messages, MB, or a twentieth of the disk if that is less."""
    disk_reserve_mb: int = Field(default=16, ge=1)
    """Room kept in reserve, MB, so that messages can still leave a full disk; a sixteenth of the disk at most."""
    outbox_limit_mb: int | None = Field(default=None, ge=1)
    """How large the outbox of one flow may become, MB; unset: as large as the disk allows."""
    secret_key_file: Path = Path("secrets.key")
    """File with the key of the stored secrets, relative to the data folder; made with the first secret. Elsewhere, a
    copy of the data folder does not open them."""

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("secret_key_file")
    @classmethod
    def _in_the_folder(cls, value: Path, info: ValidationInfo) -> Path:
        # the folder is missing where it was wrong itself
        return Path(info.data.get("data_dir", ".")) / value.expanduser()

    @field_validator("bind")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value != "localhost":
            ipaddress.ip_address(value)
        return value

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
            msg = "must be like https://flows.plant.example or http://10.1.2.3:8470, without a path"
            raise ValueError(msg)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def space(self) -> SpaceRules:
        """How much of the disk outboxes may take."""
        limit = self.outbox_limit_mb
        return SpaceRules(
            floor_bytes=self.disk_floor_mb * MB,
            ballast_bytes=self.disk_reserve_mb * MB,
            limit_bytes=None if limit is None else limit * MB,
        )

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, then the file in the folder those two name."""
        return init_settings, env_settings, _file_source(settings_cls, init_settings)


def load_settings(**flags: Any) -> Settings:
    """The host's settings.

    Args:
        **flags: those given on the command line; None means not given.

    Raises:
        SettingsError: names the setting and where it came from.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise SettingsError(f"{first['msg']}; {_origin(name, flags)}", name) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{FILE} in the data folder is not TOML: {error}", FILE) from None


def _file_source(
    settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource
) -> PydanticBaseSettingsSource:
    given = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
    folder = given.get("data_dir") or os.environ.get(f"{PREFIX}DATA_DIR") or Path.home() / ".flowhost"
    return TomlConfigSettingsSource(settings_cls, Path(folder).expanduser() / FILE)


def _origin(name: str, flags: dict[str, Any]) -> str:
    if flags.get(name) is not None:
        return f"it was given as a flag: {flags[name]!r}"
    variable = f"{PREFIX}{name.upper()}"
    if variable in os.environ:
        return f"it came from the environment variable {variable}"
    return f"it came from {FILE} in the data folder"
