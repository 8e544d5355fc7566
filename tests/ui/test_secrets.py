"""Passwords typed into forms of a real browser, on a real host with a database that wants one; seen by nobody again."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS, Canvas, begin, eventually, field, fill
from playwright.sync_api import Locator, Page, expect
from servers.postgres import PostgresPeek, PostgresServer, postgres_server

__all__ = ["postgres_server"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
MARK = "hunter2-mark-5c1f"
NEWER = "hunter2-mark-newer"
WEBHOOK = '''
import hashlib
from pathlib import Path
from flowhost.sdk import Config, Emit, NodeSpec, Secret, Source, hookimpl, setting

class Settings(Config):
    file: str
    """Where the proof goes."""
    token: Secret
    """Token of the service."""

class Tell(Source[Settings]):
    """Tells that it has its token, by a hash of it."""
    spec = NodeSpec(id="lab.tell", title="Tell", summary="Proves that it has a token.", category="plant")
    Config = Settings

    async def run(self, emit: Emit) -> None:
        value = self.config.token.get_secret_value()
        Path(self.config.file).write_text(hashlib.sha256(value.encode()).hexdigest())

@hookimpl
def flowhost_node_types():
    return [Tell]
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an installed plugin whose node has a secret of its own."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "lab_tell.py").write_text(WEBHOOK)
    facts = folder / "lab_tell-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-tell\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[flowhost]\nlab = lab_tell\n")
    return folder


TEMPLATE = """
title: Tell it
summary: Proves that it has a token, and writes what nobody reads.
icon: key
connections:
  database: {type: sql.database, title: The database}
ask: [tell.token, tell.file, rows.table]
flow:
  nodes:
    tell: {type: lab.tell, name: Teller, config: {}}
    rows: {type: sql.write, name: Rows, connection: database, config: {}}
  wires: [tell -> rows]
"""


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Makes a host offer a template that asks for a secret; a line of Python."""
    folder = tmp_path_factory.mktemp("templates")
    (folder / "tell-it.yaml").write_text(TEMPLATE)
    where = f"Path({str(folder)!r})"
    return f"from pathlib import Path\nfrom flowhost.services import flow_templates\nflow_templates.FOLDER = {where}\n"


@pytest.fixture(scope="module")
def host_options(plugin: Path, templates: str) -> dict[str, str]:
    paths = os.pathsep.join(filter(None, [str(plugin), os.environ.get("PYTHONPATH", "")]))
    return {"first": templates, "PYTHONPATH": paths, "FLOWHOST_SECRET_OUTSIDE": "set outside"}


@pytest.fixture
def address(shared_host: str) -> str:
    return shared_host


@pytest.fixture(scope="module")
def guarded(postgres_server: PostgresServer) -> tuple[PostgresPeek, str]:
    """A database that wants a password of user `mes`; its URL for that user."""
    url = postgres_server.new_database()
    peek = PostgresPeek(url)
    peek("DO $$ BEGIN CREATE ROLE mes LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    peek(f"ALTER ROLE mes PASSWORD '{MARK}'")
    peek("CREATE TABLE kept (tag text, value double precision, seq bigint)")
    peek("GRANT ALL ON kept TO mes")
    peek("GRANT ALL ON SCHEMA public TO mes")
    return peek, url.replace("postgres@", "mes@")


@pytest.fixture
def frames(watched) -> list[str]:
    """Everything the host sends over sockets; never a value."""
    received: list[str] = []
    watched.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(_text(frame))))
    return received


def _text(frame: str | bytes) -> str:
    return frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame


def secret_row(page: Page, name: str) -> Locator:
    return page.locator(f"[data-testid=secret-row][data-secret='{name}']")


def held(page: Page) -> str:
    """All that the page holds: markup, what stands in inputs, storage, the draft."""
    return page.content() + str(
        page.evaluate(
            "[...document.querySelectorAll('input, textarea')].map(one => one.value).join()"
            " + JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})"
            " + JSON.stringify(window.__flowhost?.draft?.doc ?? '')"
        )
    )


def count(peek: PostgresPeek) -> int:
    return int(peek("select count(*) from kept")[0][0])


def wait_for_rows(page: Page, peek: PostgresPeek, more_than: int) -> None:
    eventually(page, lambda: count(peek) > more_than, f"more than {more_than} rows")


def test_a_password_is_typed_tested_saved_and_used_and_never_seen_again(
    watched, frames: list[str], guarded: tuple[PostgresPeek, str], data: Path
) -> None:
    peek, url = guarded
    page: Page = watched.open("/connections")
    expect(page.get_by_test_id("secrets")).to_contain_text("Environment of the host")
    page.get_by_test_id("connection-new").click()
    page.get_by_test_id("link-type").select_option("sql.database")
    page.get_by_test_id("link-name").fill("plantdb")
    fill(page, "url", url)
    password = field(page, "password")
    password.get_by_test_id("secret-value").fill("wrong")
    page.get_by_test_id("link-test").click()
    result = page.get_by_test_id("link-result")
    expect(result).to_have_attribute("data-ok", "false", timeout=PATIENCE_MS)
    expect(password.get_by_test_id("secret-set")).to_contain_text("•••••• secret “plantdb_password”")
    password.get_by_test_id("secret-replace").click()
    password.get_by_test_id("secret-value").fill(MARK)
    page.get_by_test_id("link-test").click()
    expect(result).to_have_attribute("data-ok", "true", timeout=PATIENCE_MS)
    # what is only typed is not stored
    assert not (data / "secrets.key").exists()
    page.get_by_test_id("link-save").click()
    row = page.locator("[data-testid=connection-row][data-connection=plantdb]")
    expect(row).to_be_visible(timeout=PATIENCE_MS)
    expect(secret_row(page, "plantdb_password")).to_contain_text("Stored by local")
    expect(secret_row(page, "plantdb_password")).to_contain_text("plantdb")
    assert (data / "secrets.key").exists()
    # a flow runs with it
    canvas = begin(watched, "Into the database")
    canvas.drop("sim.generate", 200, 150)
    canvas.drop("sql.write", 600, 150)
    expect(page.locator("#fe-connection")).to_have_value("plantdb", timeout=PATIENCE_MS)
    canvas.fill("table", "kept")
    canvas.drag(canvas.port("sim_generate", "out"), canvas.node("sql_write"))
    canvas.deploy()
    page.get_by_role("button", name="Start", exact=True).first.click()
    wait_for_rows(page, peek, 0)
    # it is nowhere in the page after a reload, nor in anything the host sends
    for path in ("/connections", "/flows/into-the-database/edit", "/flows/into-the-database", "/runs"):
        watched.open(path)
        page.wait_for_load_state("networkidle")
        assert MARK not in held(page), path
    page.go_back()
    watched.open("/connections")
    row.get_by_test_id("connection-open").click()
    expect(field(page, "password").get_by_test_id("secret-set")).to_be_visible(timeout=PATIENCE_MS)
    assert MARK not in held(page)
    # the database wants another one: replaced here, the flow goes on with it
    peek(f"ALTER ROLE mes PASSWORD '{NEWER}'")
    field(page, "password").get_by_test_id("secret-replace").click()
    field(page, "password").get_by_test_id("secret-value").fill(NEWER)
    page.get_by_test_id("link-save").click()
    expect(page.get_by_text("Started anew with the changed connection: Into the database")).to_be_visible(
        timeout=PATIENCE_MS
    )
    wait_for_rows(page, peek, count(peek))
    # used: it stays
    secret_row(page, "plantdb_password").get_by_test_id("secret-delete").click()
    expect(page.get_by_test_id("alert").locator("visible=true")).to_contain_text("is used by connection plantdb")
    for mark in (MARK, NEWER):
        assert mark not in held(page)
        assert not [frame for frame in frames if mark in frame]
        for file in data.rglob("*"):
            assert not file.is_file() or mark.encode() not in file.read_bytes(), file
    assert frames


def test_secrets_are_stored_replaced_and_deleted_on_the_page(watched, frames: list[str]) -> None:
    page: Page = watched.open("/connections")
    page.get_by_test_id("secret-new").click()
    page.get_by_test_id("secret-dialog-name").fill("outside")
    page.get_by_test_id("secret-dialog-value").fill(MARK)
    page.get_by_test_id("secret-save").click()
    expect(page.get_by_test_id("secret-fault")).to_contain_text("FLOWHOST_SECRET_OUTSIDE of the host sets it")
    page.get_by_test_id("secret-dialog-name").fill("spare")
    page.get_by_test_id("secret-save").click()
    expect(secret_row(page, "spare")).to_contain_text("Stored by local")
    expect(secret_row(page, "spare")).to_contain_text("Nothing")
    expect(secret_row(page, "outside").get_by_role("button").locator("visible=true")).to_have_count(0)
    secret_row(page, "spare").get_by_test_id("secret-enter").click()
    page.get_by_test_id("secret-dialog-value").fill(NEWER)
    page.get_by_test_id("secret-dialog-value").press("Enter")
    expect(page.get_by_test_id("secret-dialog")).to_have_count(0)
    secret_row(page, "spare").get_by_test_id("secret-delete").click()
    expect(secret_row(page, "spare")).to_have_count(0)
    assert not [frame for frame in frames if "hunter2" in frame]
    assert "hunter2" not in held(page)


def test_a_nodes_own_secret_is_stored_at_once(watched, frames: list[str], tmp_path: Path) -> None:
    canvas: Canvas = begin(watched, "Tells")
    page = canvas.page
    canvas.drop("lab.tell", 250, 150)
    canvas.fill("file", str(tmp_path / "proof"))
    token = field(page, "token")
    token.get_by_test_id("secret-value").fill(MARK)
    token.get_by_test_id("secret-value").press("Enter")
    expect(token.get_by_test_id("secret-set")).to_contain_text("secret “tell_token”", timeout=PATIENCE_MS)
    canvas.saved()
    assert canvas.doc()["nodes"]["lab_tell"]["config"]["token"] == {"secret": "tell_token"}
    # detached, typed anew: another name, for the one before is kept
    token.get_by_test_id("secret-detach").click()
    token.get_by_test_id("secret-value").fill(NEWER)
    token.get_by_test_id("secret-value").press("Enter")
    expect(token.get_by_test_id("secret-set")).to_contain_text("secret “tell_token_2”", timeout=PATIENCE_MS)
    # one that is stored is chosen by its name
    token.get_by_test_id("secret-detach").click()
    token.get_by_test_id("secret-choose").select_option("tell_token")
    expect(token.get_by_test_id("secret-set")).to_contain_text("secret “tell_token”", timeout=PATIENCE_MS)
    canvas.drop("discard", 600, 150)
    canvas.drag(canvas.port("lab_tell", "out"), canvas.node("discard"))
    canvas.deploy()
    page.get_by_role("button", name="Start", exact=True).first.click()
    expect(page.get_by_test_id("flow-state")).to_have_text(re.compile("Finished|Running"), timeout=PATIENCE_MS)
    eventually(page, (tmp_path / "proof").exists, "the source has run")
    assert (tmp_path / "proof").read_text() == hashlib.sha256(MARK.encode()).hexdigest()
    # one that is named and set nowhere says so, and takes its value in its place
    canvas.node("lab_tell").click()
    token.get_by_test_id("secret-detach").click()
    token.get_by_test_id("secret-choose").select_option("+")
    token.get_by_test_id("secret-name").fill("comes_later")
    token.get_by_test_id("secret-name").press("Enter")
    expect(token).to_contain_text("It has no value on this host yet", timeout=PATIENCE_MS)
    token.get_by_test_id("secret-replace").click()
    token.get_by_test_id("secret-value").fill(NEWER)
    token.get_by_test_id("secret-value").press("Enter")
    expect(token).not_to_contain_text("It has no value", timeout=PATIENCE_MS)
    page.reload()
    canvas.node("lab_tell").click()
    expect(token.get_by_test_id("secret-set")).to_contain_text("comes_later", timeout=PATIENCE_MS)
    assert "hunter2" not in held(page)
    assert not [frame for frame in frames if "hunter2" in frame]


def test_a_template_takes_a_password_and_a_token(
    watched, frames: list[str], guarded: tuple[PostgresPeek, str], data: Path, tmp_path: Path
) -> None:
    peek, url = guarded
    peek(f"ALTER ROLE mes PASSWORD '{MARK}'")
    page: Page = watched.open("/templates")
    page.get_by_test_id("template-use").click()
    dialog, link = page.get_by_test_id("template-dialog"), page.get_by_test_id("link-dialog")
    slot = dialog.locator("[data-slot=database]")
    expect(dialog.locator("#ft-name")).to_be_visible(timeout=PATIENCE_MS)
    if slot.count():
        slot.select_option("+")
    else:
        dialog.get_by_test_id("template-new-connection").click()
    page.get_by_test_id("link-name").fill("templatedb")
    fill(link, "url", url)
    password = field(link, "password")
    password.get_by_test_id("secret-value").fill(MARK)
    page.get_by_test_id("link-test").click()
    expect(page.get_by_test_id("link-result")).to_have_attribute("data-ok", "true", timeout=PATIENCE_MS)
    page.get_by_test_id("link-save").click()
    expect(slot).to_have_value("templatedb", timeout=PATIENCE_MS)
    # the node's own: typed, left with a click into the next field, which takes what is typed then
    token, file = (dialog.locator(f"[data-field='tell.config.{name}']") for name in ("token", "file"))
    token.get_by_test_id("secret-value").fill(NEWER)
    file.locator("input").click()
    page.keyboard.type(str(tmp_path / "proof"))
    page.keyboard.press("Tab")
    page.keyboard.type("kept")
    # nothing is drawn anew while somebody types
    page.keyboard.press("Tab")
    expect(token.get_by_test_id("secret-set")).to_contain_text("secret “tell_it", timeout=PATIENCE_MS)
    expect(file.locator("input")).to_have_value(str(tmp_path / "proof"))
    # refused for its name: what was typed is not lost
    dialog.get_by_test_id("template-name").fill("!")
    dialog.get_by_test_id("template-make").click()
    expect(dialog.locator(".fe-problem-error")).to_be_visible(timeout=PATIENCE_MS)
    dialog.get_by_test_id("template-name").fill("Told by a template")
    dialog.get_by_test_id("template-make").click()
    page.wait_for_url("**/flows/told-by-a-template/edit", timeout=PATIENCE_MS)
    eventually(page, (tmp_path / "proof").exists, "the source has its token")
    assert (tmp_path / "proof").read_text() == hashlib.sha256(NEWER.encode()).hexdigest()
    watched.open("/connections")
    expect(secret_row(page, "templatedb_password")).to_contain_text("templatedb", timeout=PATIENCE_MS)
    for mark in (MARK, NEWER):
        assert mark not in held(page)
        assert not [frame for frame in frames if mark in frame]
        for path in data.rglob("*"):
            assert not path.is_file() or mark.encode() not in path.read_bytes(), path
