"""Commands as a user gives them: in this process where that says enough, else as a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowhost.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int | None
    out: str
    err: str


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs a command in this process."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["flowhost", *map(str, arguments)])
        code: object = None
        try:
            main()
        except SystemExit as end:
            code = end.code
        assert code is None or isinstance(code, int)
        said = capsys.readouterr()
        return Ended(code or 0, said.out, said.err)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m flowhost ...` in the test's folder."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: object, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "flowhost", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, **environ},
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        with suppress(ValueError):  # its pipes were read to their end
            process.communicate()


@pytest.fixture
def finished(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., Ended]:
    """Runs `python -m flowhost ...` to its end."""

    def run(*arguments: object, **environ: str) -> Ended:
        process = start(*arguments, **environ)
        out, err = process.communicate(timeout=50)
        return Ended(process.returncode, out, err)

    return run
