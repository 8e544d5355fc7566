"""Node-RED for the benchmarks: installs it with npm into a folder of this repository and starts it without editor."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "bench-peers"
NEWEST_TESTED = "node-red@5"
NODE_PACKAGE = "node@22"
OLDEST_NODE = (22, 9)
INSTALL_TIMEOUT_S = 900
NPM_FLAGS = ("--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")

SETTINGS = """
module.exports = {
  flowFile: 'flows.json', credentialSecret: false,
  httpAdminRoot: false, httpNodeRoot: false, disableEditor: true, telemetry: {enabled: false},
  externalModules: {autoInstall: false, palette: {allowInstall: false}, modules: {allowInstall: false}},
  logging: {console: {level: 'error', metrics: false, audit: false}},
  functionGlobalContext: {
    tick: setImmediate,
    say: count => {
      const {user, system} = process.cpuUsage();
      process.stdout.write(JSON.stringify({count, cpu_us: user + system, at_ms: performance.now()}) + '\\n');
    },
  },
};
"""
"""Nothing listens; function nodes may yield (`tick`) and tell how many messages came and what they cost (`say`)."""


class UnavailableError(Exception):
    """Node-RED cannot be had here; says why in one sentence."""


@dataclass(frozen=True)
class NodeRed:
    """An installed Node-RED.

    Attributes:
        node: the Node.js program.
        script: what it runs.
        version: both versions, for the heading.
    """

    node: str
    script: str
    version: str

    def command(self, folder: Path, flows: list[dict[str, Any]]) -> list[str]:
        """Write settings and flows into a folder of their own; returns what to run."""
        (folder / "settings.js").write_text(SETTINGS, encoding="utf-8")
        (folder / "flows.json").write_text(json.dumps(flows), encoding="utf-8")
        return [self.node, self.script, "--userDir", str(folder), "--settings", str(folder / "settings.js")]


def obtain() -> NodeRed:
    """Find Node-RED in the folder, or install it there.

    Raises:
        UnavailableError: no npm, no Node.js that is new enough, or nothing can be installed.
    """
    script = FOLDER / "node_modules" / "node-red" / "red.js"
    node = new_enough_node()
    if node is None or not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise UnavailableError("npm is not installed, so Node-RED cannot be measured here")
        node = node or install_node(npm)
        install(npm, NEWEST_TESTED, node)
    package = json.loads((script.parent / "package.json").read_text(encoding="utf-8"))
    return NodeRed(node, str(script), f"Node-RED {package['version']} on Node.js {version_text(node)}")


def new_enough_node() -> str | None:
    """A Node.js that Node-RED 5 runs on: of the machine, else of the folder."""
    for program in (shutil.which("node"), str(FOLDER / "node_modules" / ".bin" / "node")):
        if program and Path(program).exists() and node_version(program) >= OLDEST_NODE:
            return program
    return None


def install_node(npm: str) -> str:
    """The npm package `node` brings a Node.js of its own."""
    install(npm, NODE_PACKAGE, None)
    node = new_enough_node()
    if node is None:
        raise UnavailableError("npm's package `node` brought no Node.js that runs here, so Node-RED is not measured")
    return node


def install(npm: str, package: str, node: str | None) -> None:
    """Install a package into the folder; npm itself runs on `node`, which decides what versions it takes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
    if not (FOLDER / "package.json").exists():
        (FOLDER / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    print(f"installing {package} into {FOLDER} (once)", flush=True)
    path = os.pathsep.join(filter(None, (str(Path(node).parent) if node else "", os.environ.get("PATH", ""))))
    try:
        subprocess.run(
            [npm, "install", *NPM_FLAGS, package], cwd=FOLDER, env={**os.environ, "PATH": path}, check=True,
            capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S,
        )  # fmt: skip
    except (subprocess.SubprocessError, OSError) as error:
        log = FOLDER / "install.log"
        log.write_text(f"{error}\n{getattr(error, 'stderr', '') or ''}", encoding="utf-8")
        raise UnavailableError(f"npm could not install {package} (see {log}), so Node-RED is not measured") from error


def version_text(node: str) -> str:
    """As the program says it, without the v."""
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().removeprefix("v")


def node_version(node: str) -> tuple[int, int]:
    """Major and minor; zeros where it does not run."""
    found = re.match(r"(\d+)\.(\d+)", version_text(node))
    return (int(found[1]), int(found[2])) if found else (0, 0)
