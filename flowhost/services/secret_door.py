"""How commands reach secrets: in a folder nobody holds themselves, else through the host that holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from flowhost.services.access import LOCAL_USER
from flowhost.services.folder_door import open_folder_of_host
from flowhost.services.host_rest import HostRest
from flowhost.services.known_secrets import KnownSecrets
from flowhost.services.secrets import SecretService
from flowhost.services.settings import load_settings
from flowhost.store import Store

PATH = "/api/v1/secrets"
Plain = dict[str, Any]


class SecretDoor(Protocol):
    """What commands do with secrets. Answers are plain data, as REST gives them."""

    def all(self) -> Sequence[Plain]:
        """As `SecretService.list`."""
        ...

    def put(self, name: str, value: str) -> Plain:
        """As `SecretService.put`."""
        ...

    def delete(self, name: str) -> None:
        """As `SecretService.delete`."""
        ...


def open_secrets(folder: Path, *, create: bool) -> AbstractContextManager[SecretDoor]:
    """Reach the secrets of a data folder, see `open_folder_of_host`."""
    return open_folder_of_host(folder, create=create, by_host=HostSecretDoor, by_hand=FolderSecretDoor)


class HostSecretDoor:
    """Secrets of a running host, over REST (`SecretDoor`)."""

    def __init__(self, rest: HostRest) -> None:
        self._rest = rest

    def all(self) -> Sequence[Plain]:
        """As `SecretService.list`."""
        found: list[Plain] = self._rest.ask("GET", PATH)
        return found

    def put(self, name: str, value: str) -> Plain:
        """As `SecretService.put`."""
        found: Plain = self._rest.ask("PUT", f"{PATH}/{quote(name, safe='')}", body={"value": value})
        return found

    def delete(self, name: str) -> None:
        """As `SecretService.delete`."""
        self._rest.ask("DELETE", f"{PATH}/{quote(name, safe='')}")


class FolderSecretDoor:
    """Secrets of a folder whose host does not run, in this process (`SecretDoor`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runner = asyncio.Runner()

    def __enter__(self) -> FolderSecretDoor:
        # the key may lie elsewhere: as the host of this folder is told
        key_file = load_settings(data_dir=self._folder).secret_key_file
        self._store = self._runner.run(Store.open(self._folder, key_file))
        known = KnownSecrets(self._store.secrets.all)
        self._runner.run(known.load())
        self._secrets = SecretService(self._store, known)
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._store.close())
        self._runner.close()

    def all(self) -> Sequence[Plain]:
        """As `SecretService.list`."""
        found: list[Plain] = msgspec.to_builtins(self._runner.run(self._secrets.list(LOCAL_USER)))
        return found

    def put(self, name: str, value: str) -> Plain:
        """As `SecretService.put`."""
        found: Plain = msgspec.to_builtins(self._runner.run(self._secrets.put(LOCAL_USER, name, value)))
        return found

    def delete(self, name: str) -> None:
        """As `SecretService.delete`."""
        self._runner.run(self._secrets.delete(LOCAL_USER, name))
