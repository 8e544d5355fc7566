"""Puts the pages on a FastAPI app."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from nicegui import app as nicegui_app
from nicegui import ui

from flowhost.ui import flow_export, letter_import
from flowhost.ui.live import Live
from flowhost.ui.pages import connections, demo, editor, errors, flow, overview, plugins, runs, templates, work
from flowhost.ui.texts import t

if TYPE_CHECKING:
    from flowhost.services.host import Host

ASSETS = Path(__file__).parent / "assets"
STYLES = ("theme", "graph", "editor", "work", "bench")
RECONNECT_S = 5.0
"""How long the page may be away before the server forgets it; also sets how often the browser is pinged."""


def install(app: FastAPI, host: Host, *, storage_secret: str | None = None) -> None:
    """Register all pages and mount NiceGUI below the app's own routes.

    Call it once, after the app's routes and middleware. Pages keep nothing on the server: light or dark is remembered
    by the browser, so no session is needed unless the app brings one.

    Args:
        app: owns REST, sessions and the guard of the socket.
        host: gives the services.
        storage_secret: signs NiceGUI's own session cookie; None makes none (an app with a session of its own
            shares that).
    """
    app.mount("/assets", StaticFiles(directory=ASSETS), name="assets")
    live = Live(host)
    for page in (errors, overview, editor, flow, work, runs, connections, templates, plugins):
        page.register(live)
    letter_import.add_routes(app, live)
    flow_export.add_routes(app, live)
    if live.is_demo:
        demo.register(live)
    ui.add_head_html(_head(), shared=True)
    # a bar over the page that nobody named for those who cannot see it, and that tells nothing a page does not
    nicegui_app.config.quasar_config["loadingBar"]["skipHijack"] = True
    ui.run_with(
        app,
        title=t("app.name"),
        language="en-GB",
        favicon=ASSETS / "favicon.svg",
        dark=None,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_S,
        message_history_length=200,
        tailwind=False,
        show_welcome_message=False,
        storage_secret=storage_secret,
    )


def _head() -> str:
    """Our style and the script that sets light or dark before the first paint; addresses change with contents."""
    styles = "".join(f'<link rel="stylesheet" href="{_address(f"{name}.css")}">' for name in STYLES)
    return f'{styles}<script src="{_address("shell.js")}"></script>'


def _address(name: str) -> str:
    digest = hashlib.sha1((ASSETS / name).read_bytes(), usedforsecurity=False).hexdigest()[:12]
    return f"/assets/{name}?v={digest}"
