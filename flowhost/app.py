"""The web application of a host, and the function that serves it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from flowhost import ui
from flowhost.api import Guard, health_router, live_router, v1_router
from flowhost.errors import SettingsError
from flowhost.services.host import Host
from flowhost.services.plant_simulator import PlantSimulator
from flowhost.services.settings import Settings

log = logging.getLogger(__name__)

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
CONNECTION_GRACE_S = 1
"""How long open pages may finish what they fetch when the host ends, seconds."""


def create_app(settings: Settings, host: Host | None = None) -> FastAPI:
    """Pages, REST and the host behind them, as one ASGI application.

    NiceGUI keeps its state per process: call this once in a process.

    Args:
        settings: of the host.
        host: one made elsewhere, e.g. because its data folder was taken before; started and stopped by the app.
    """
    host = host or Host(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await host.start()
        try:
            yield
        finally:
            await host.stop()

    app = FastAPI(title="FlowHost", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.host = host
    app.include_router(health_router(host))
    app.include_router(live_router(host))
    app.include_router(v1_router(host))
    ui.install(app, host)
    app.add_middleware(Guard, names=_names(settings), origins=[settings.public_url] if settings.public_url else [])
    return app


def serve(
    settings: Settings,
    say: Callable[[str], None] = print,
    ready: Callable[[Host], None] | None = None,
    plant: PlantSimulator | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; then stop the flows, draining them, and return.

    Args:
        settings: of the host.
        say: takes lines for the person who started this.
        ready: called on the event loop once the address answers.
        plant: of a demo; started once folder and port are ours, ended after the flows.

    Raises:
        SettingsError: the data folder is in use, or the port is; nothing was started.
        PluginError: the plant did not start.
    """
    host = Host(settings, plant=plant)
    host.claim()
    try:
        listener = _listen(settings)
        address = f"http://{_display(settings.bind)}:{listener.getsockname()[1]}"

        def announce() -> None:
            host.folder.announce(address, host.token)
            public = f", for others at {settings.public_url}" if settings.public_url else ""
            say(f"FlowHost runs at {address}{public}  (Ctrl-C stops it)")

        def answers() -> None:
            if ready is not None:
                ready(host)

        with _beside(plant, say):
            config = uvicorn.Config(
                create_app(settings, host),
                ws_per_message_deflate=False,
                access_log=False,  # NiceGUI's client ids stand in query strings and are as good as a key
                log_level="warning",
                timeout_graceful_shutdown=CONNECTION_GRACE_S,
                server_header=False,
            )
            _Server(config, announce, answers).run(sockets=[listener])
    finally:
        host.folder.release()


@contextmanager
def _beside(plant: PlantSimulator | None, say: Callable[[str], None]) -> Iterator[None]:
    """The demo's plant while the host runs; flows find it by the environment."""
    if plant is None:
        yield
        return
    say("starting the simulated bottling line ...")
    with plant:
        os.environ.update(plant.environ)
        yield


class _Server(uvicorn.Server):
    """Says when it answers; a signal that ended it in order is not raised a second time."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None], answers: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce
        self._answers = answers

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await asyncio.to_thread(self._announce)
            self._answers()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        numbers = [signal.SIGINT, signal.SIGTERM]
        if sys.platform == "win32":
            numbers.append(signal.SIGBREAK)
        before = {number: signal.signal(number, self._end) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


def _listen(settings: Settings) -> socket.socket:
    """Taken before anything starts, so that a port in use is said in one line."""
    family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.bind, settings.port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"{settings.bind}:{settings.port} cannot be listened on: choose another port with --port or FLOWHOST_PORT, "
            f"0 takes a free one ({error.strerror or error})",
            "port",
        ) from error
    listener.setblocking(False)
    return listener


def _display(bind: str) -> str:
    """The address to type on this machine."""
    if bind in EVERYWHERE:
        return "127.0.0.1"
    return f"[{bind}]" if ":" in bind else bind


def _names(settings: Settings) -> list[str]:
    """What this host may be called: the address it listens on, and the one people type."""
    names = [settings.bind] if settings.bind not in EVERYWHERE else []
    if settings.public_url:
        names.append(urlsplit(settings.public_url).hostname or "")
    return names
