"""Both databases, opened together."""

from __future__ import annotations

from pathlib import Path

from flowhost.store.alarms import AlarmStore
from flowhost.store.connections import ConnectionStore
from flowhost.store.database import Database, DatabaseThread
from flowhost.store.drafts import DraftStore
from flowhost.store.flows import FlowStore
from flowhost.store.runs import RunStore
from flowhost.store.secret_key import KEY_FILE, SecretKey
from flowhost.store.secrets import SecretStore


class Store:
    """The data folder's databases.

        store = await Store.open(Path("data"))
        record = await store.flows.save("line", document, name="Line 1", area="", base_dir=".", author="local")
        await store.close()

    Attributes:
        flows: flows, revisions and desired state, in `app.db`.
        drafts: what is being edited, in `app.db`.
        connections: of the host, in `app.db`.
        secrets: of the host, encrypted in `app.db`.
        runs: runs and events, in `history.db`.
        alarms: alarms, in `history.db`.
    """

    def __init__(self, app: Database, history: Database, thread: DatabaseThread, key: SecretKey) -> None:
        self._databases = (app, history)
        self._thread = thread
        self.flows = FlowStore(app, thread)
        self.drafts = DraftStore(app, thread)
        self.connections = ConnectionStore(app, thread)
        self.secrets = SecretStore(app, thread, key)
        self.runs = RunStore(history, thread)
        self.alarms = AlarmStore(history, thread)

    @classmethod
    async def open(cls, folder: Path, key_file: Path | None = None) -> Store:
        """Open or create both files and bring them to the newest schema.

        Args:
            folder: the data folder.
            key_file: of the secrets; in the folder where left out. Made with the first secret.

        Raises:
            HostError: a file was written by a newer FlowHost.
        """
        thread = DatabaseThread()

        def both() -> tuple[Database, Database]:
            folder.mkdir(parents=True, exist_ok=True)
            app = Database(folder / "app.db", "app", "FULL")
            try:
                return app, Database(folder / "history.db", "history", "NORMAL")
            except BaseException:
                app.close()
                raise

        try:
            app, history = await thread.call(both)
        except BaseException:
            await thread.close()
            raise
        return cls(app, history, thread, SecretKey(key_file or folder / KEY_FILE))

    async def ping(self) -> None:
        """Raise `HostError` when one of the files does not answer."""
        for database in self._databases:
            await self._thread.call(database.ping)

    async def close(self) -> None:
        """Close both files; all work handed over before is finished first."""
        for database in self._databases:
            await self._thread.call(database.close)
        await self._thread.close()
