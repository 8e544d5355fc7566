"""Pages in process, without a browser, over the fake host of `tests/ui`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from nicegui.testing import User
from nicegui.testing.general import nicegui_reset_globals

FAKE = Path(__file__).parents[2] / "ui" / "fake_host.py"


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    spec = importlib.util.spec_from_file_location("flowhost_fake_host", FAKE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def host(fake: ModuleType) -> Any:
    made = fake.FakeHost()
    made.flows.delay_s = 0.02
    return made


@pytest.fixture
def fresh_nicegui() -> Iterator[None]:
    """NiceGUI's globals as new; its clean-up also forgets our modules, which have to stay the same objects."""
    modules = dict(sys.modules)
    with nicegui_reset_globals():
        yield
    sys.modules.update(modules)


@pytest.fixture
def app(host: Any, fresh_nicegui: None, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The pages on an app, made before there is a loop, as `flowhost serve` does."""
    from flowhost.ui import install, live

    monkeypatch.setattr(live, "PERIOD_S", 0.05)
    made = FastAPI()
    install(made, host)
    return made


@pytest.fixture
async def user(app: FastAPI) -> AsyncIterator[User]:
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield User(client)
