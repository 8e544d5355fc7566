"""A real PostgreSQL server in a temporary folder."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class PostgresPeek:
    """A database as another program sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as database:
            cursor = database.execute(sql.replace("?", "%s").encode(), values or None)
            return cursor.fetchall() if cursor.description else []


class PostgresServer:
    """A server of its own, run by an unprivileged user.

    Args:
        programs: folder of `initdb` and `pg_ctl`.
        durable: flush every commit to the disk, as in a plant; tests that cut no power are faster without.
    """

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        self._programs = programs
        self._durable = durable
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix="flowhost-pg-"))
        self.port = free_port()
        self.password = secrets.token_hex(8)
        if self._as:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        rights = "host all mes 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n"
        (self.folder / "data" / "pg_hba.conf").write_text(rights)

    def start(self) -> None:
        """Returns when it takes connections."""
        flush = "on" if self._durable else "off"
        settings = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync={flush}"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "30", "-l", log, "-o", settings, "start")

    def stop(self, how: str = "immediate") -> None:
        """Returns when it has ended; how: smart, fast or immediate."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", how, "stop")

    def new_database(self) -> str:
        """An empty database; its URL."""
        name = f"mes_{secrets.token_hex(4)}"
        PostgresPeek(self.url("postgres"))(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 0, done.stderr.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_programs() -> Path | str:
    """Where the server's programs are, or why there is none to be had."""
    for initdb in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True):
        return initdb.parent
    found = shutil.which("initdb")
    return Path(found).parent if found else "the PostgreSQL server is not installed (sh tests/machine.sh installs it)"


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server for tests; where there is none the test is skipped, in CI it fails."""
    programs = postgres_programs()
    if isinstance(programs, str):
        assert not os.environ.get("CI"), programs
        pytest.skip(programs)
    server = PostgresServer(programs)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of this process."""
    with running_postgres() as server:
        yield server
