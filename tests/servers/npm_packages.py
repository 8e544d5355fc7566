"""Packages from npm that tests need, installed at first use into the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skipping is for desks; where everything has to be there it is a failure."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    raise AssertionError


def node_modules(package: Path) -> Path:
    """The folder `node_modules` with what a `package.json` names."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing(f"Node.js and npm are needed for {package.parent.name}")
    content = package.read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowhost-tests"
    folder = cache / f"{package.parent.name}-{hashlib.sha256(content).hexdigest()[:12]}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(content)
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        installed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
        if installed.returncode:
            missing(f"npm install for {package.parent.name} failed: {installed.stderr[-300:]}")
        (folder / "done").touch()
    return folder / "node_modules"
