"""How commands reach what lies in a data folder: themselves where nobody holds it, else through the host that does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from flowhost.errors import SettingsError
from flowhost.services.data_folder import DataFolder, HeldFolderError, host_of
from flowhost.services.folder_letters import is_of_host
from flowhost.services.host_rest import HostRest

Door = TypeVar("Door")


@contextmanager
def open_folder_of_host(
    folder: Path,
    *,
    create: bool,
    by_host: Callable[[HostRest], Door],
    by_hand: Callable[[Path], AbstractContextManager[Door]],
) -> Iterator[Door]:
    """Reach a data folder; it is held meanwhile, unless a host holds it.

    Args:
        folder: of a host that runs, or of one that does not.
        create: make the folder if it is not one yet.
        by_host: the door through a host that runs.
        by_hand: the door of a folder nobody else works in.

    Raises:
        SettingsError: it is no data folder, or a host that does not answer holds it.
    """
    if not create and not is_of_host(folder):
        raise SettingsError(f"{folder} is not the data folder of a host: give it with --data", "data_dir")
    held = DataFolder(folder)
    try:
        held.take()
    except HeldFolderError:
        if (host := host_of(folder)) is None:
            raise
        yield by_host(HostRest(host))
        return
    try:
        with by_hand(folder) as door:
            yield door
    finally:
        held.release()
