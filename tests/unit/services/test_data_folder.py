"""One host per data folder; the system lets go however a host ends."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flowhost.errors import SettingsError
from flowhost.services.data_folder import DataFolder, HostAddress, host_of

HOLD = """
import sys, time
from pathlib import Path
from flowhost.services.data_folder import DataFolder
folder = DataFolder(Path(sys.argv[1]))
folder.take()
folder.announce("http://127.0.0.1:4711", "secret")
print("held", flush=True)
time.sleep(60)
"""


def test_second_holder_is_told_who_has_it_and_gets_it_after_a_kill(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        folder = DataFolder(tmp_path)
        holder = rf"in use by the FlowHost with process id {other.pid} at http://127\.0\.0\.1:4711: stop it"
        with pytest.raises(SettingsError, match=holder):
            folder.take()
        other.kill()
        other.wait()
        folder.take()
        folder.take()
        folder.release()
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


def test_address_is_for_this_user_only_and_gone_after_release(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "new" / "data")
    folder.take()
    folder.announce("http://127.0.0.1:1", "secret")
    path = tmp_path / "new" / "data" / "host.json"
    assert json.loads(path.read_text()) == {"pid": os.getpid(), "address": "http://127.0.0.1:1", "token": "secret"}
    found = host_of(path.parent)
    assert found == HostAddress("http://127.0.0.1:1", "secret")
    assert "secret" not in repr(found)
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    folder.announce("http://127.0.0.1:2", "secret")
    folder.release()
    folder.release()
    assert not path.exists()
    assert host_of(path.parent) is None


def test_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be used: choose another with --data"):
        DataFolder(tmp_path / "file" / "data").take()
