"""The guards, in a project of a stranger: off until packages are named, then each finds its fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = {
    "sleeps": "time.sleep(0.01)",
    "leaves_a_task": "asyncio.create_task(asyncio.sleep(60), name='forgotten')",
    "leaves_a_thread": "threading.Thread(target=time.sleep, args=(3,), name='forgotten').start()",
    "logs_an_error": "logging.getLogger('acme_box').error('the box is full')",
}
SAYS = {
    "sleeps": "Blocking call to time.sleep",
    "leaves_a_task": "the test left tasks running: ['forgotten']",
    "leaves_a_thread": "the test left thread 'forgotten' running",
    "logs_an_error": "unexpected errors in the log: ['acme_box: the box is full']",
}


def run(folder: Path, setting: str) -> str:
    functions = [f"async def {name}():\n    {line}\n" for name, line in CODE.items()]
    imports = "import asyncio, logging, threading, time\n"
    (folder / "acme_box.py").write_text(imports + "\n".join(functions))
    tests = [f"async def test_{name}():\n    await acme_box.{name}()\n" for name in CODE]
    (folder / "test_box.py").write_text("import acme_box\n" + "\n".join(tests))
    settings = f'[tool.pytest]\nasyncio_mode = "auto"\npythonpath = ["."]\n{setting}\n'
    (folder / "pyproject.toml").write_text(settings)
    command = [sys.executable, "-m", "pytest", "-p", "flowhost.testing.pytest_plugin", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=50).stdout


@pytest.mark.slow
def test_guards_find_each_fault_of_the_packages_named(tmp_path: Path) -> None:
    report = run(tmp_path, 'flowhost_guards = ["acme_box"]')
    for name, text in SAYS.items():
        assert text in report, f"{name} was not found:\n{report}"
    assert "4 passed" not in report


@pytest.mark.slow
def test_guards_are_off_unless_asked_for(tmp_path: Path) -> None:
    assert "4 passed" in run(tmp_path, "")
