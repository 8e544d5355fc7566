"""`flowhost secret`: without a host, with one, and with somebody at the keyboard."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path

import pytest

MARK = "hunter2-5c1f"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    """Standard input that is not a terminal."""

    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))

    return give


def test_a_secret_is_set_listed_and_deleted_in_a_folder(command, typed, tmp_path: Path) -> None:
    data = tmp_path / "data"
    refused = command("secret", "list", "--data", tmp_path / "none")
    assert (refused.code, "not the data folder of a host" in refused.err) == (2, True)
    typed(MARK + "\n")
    done = command("secret", "set", "db", "--data", data)
    assert (done.code, done.out) == (0, "secret db is stored\n")
    assert (data / "secrets.key").is_file()
    assert re.fullmatch(r"db +stored by local, [\d :-]+Z; not used\n", command("secret", "list", "--data", data).out)
    (found,) = json.loads(command("secret", "list", "--data", data, "--json").out)
    assert (found["name"], found["source"]) == ("db", "store")
    assert MARK not in json.dumps(found)
    typed("")
    assert (command("secret", "set", "db", "--data", data)).code == 2
    assert command("secret", "delete", "db", "--data", data).out == "secret db is deleted\n"
    assert "no secret 'db'" in command("secret", "delete", "db", "--data", data).err
    assert command("secret", "list", "--data", data).out == "no secrets\n"


def test_the_key_lies_where_the_setting_says(command, typed, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FLOWHOST_SECRET_KEY_FILE", str(tmp_path / "keys" / "plant.key"))
    (tmp_path / "keys").mkdir()
    typed(MARK)
    assert command("secret", "set", "db", "--data", tmp_path / "data").code == 0
    assert (tmp_path / "keys" / "plant.key").is_file()
    assert not (tmp_path / "data" / "secrets.key").exists()


def test_the_value_is_no_argument(command, tmp_path: Path) -> None:
    assert command("secret", "set", "db", MARK, "--data", tmp_path).code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_at_a_terminal_the_value_is_asked_for_and_not_echoed(tmp_path: Path) -> None:
    import pty

    arguments = ["-m", "flowhost", "secret", "set", "db", "--data", str(tmp_path / "data")]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, *arguments])
    shown = b""
    for question in (b"Value of db: ", b"Once more: "):
        while question not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, MARK.encode() + b"\n")
    try:
        while part := os.read(terminal, 1000):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown
    assert b"secret db is stored" in shown
    assert MARK.encode() not in shown


@pytest.mark.slow
def test_a_running_host_is_asked(command, typed, start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    host = start("serve", "--port", "0", "--data-dir", data, FLOWHOST_SECRET_OTHER="from outside")
    assert "FlowHost runs at" in host.stdout.readline()
    typed(MARK)
    assert command("secret", "set", "db", "--data", data).out == "secret db is stored\n"
    typed(MARK)
    refused = command("secret", "set", "other", "--data", data)
    assert (refused.code, "FLOWHOST_SECRET_OTHER of the host sets it" in refused.err) == (2, True)
    listed = command("secret", "list", "--data", data).out
    assert re.search(r"^db +stored by local", listed, re.MULTILINE)
    assert re.search(r"^other +set by the environment; not used$", listed, re.MULTILINE)
    assert command("secret", "delete", "db", "--data", data).code == 0
