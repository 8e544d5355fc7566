"""Real network cables that can be pulled: a network namespace, linked by bridges a port can be taken out of.

What is sent over a pulled cable vanishes without a word, as behind a dead switch: no reset, no "unreachable".
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess


def why_none() -> str:
    """Why this machine can have no cables; empty if it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root makes network namespaces"
    if shutil.which("ip") is None:
        return "the program ip is missing (apt install iproute2)"
    name = f"fhtry{os.getpid()}"
    tried = subprocess.run(["ip", "link", "add", name, "type", "bridge"], capture_output=True, check=False)
    if tried.returncode:
        return f"no bridges here: {tried.stderr.decode().strip()}"
    _ip("link", "del", name)
    return ""


class Cables:
    """A namespace in which a program under test runs, and cables from it to servers in ours.

    Attributes:
        under: words before a command that make it run in the namespace.
    """

    def __init__(self) -> None:
        self._name = f"fh{os.getpid() % 100_000}"
        self.under = ["ip", "netns", "exec", self._name]
        self._links: list[str] = []
        _ip("netns", "add", self._name)
        self._inside("link", "set", "lo", "up")

    def lay(self, number: int) -> str:
        """A cable; the address servers listen on at its end, as seen from the namespace."""
        name, server, program = f"{self._name}{number}", f"10.213.{number}.1", f"10.213.{number}.2"
        bridge, ours, ours_port, theirs, theirs_port = (f"{name}{end}" for end in "bsSpP")
        _ip("link", "add", bridge, "type", "bridge")
        self._links.append(bridge)
        _ip("link", "add", ours, "type", "veth", "peer", "name", ours_port)
        self._links.append(ours)
        _ip("link", "add", theirs_port, "type", "veth", "peer", "name", theirs, "netns", self._name)
        for port in (ours_port, theirs_port):
            _ip("link", "set", port, "master", bridge, "up")
        _ip("link", "set", bridge, "up")
        _ip("addr", "add", f"{server}/24", "dev", ours)
        _ip("link", "set", ours, "up")
        self._inside("addr", "add", f"{program}/24", "dev", theirs)
        self._inside("link", "set", theirs, "up")
        # known for good: a pulled cable would else show as "no route" after some seconds
        self._inside("neigh", "add", server, "lladdr", _address(_ip("-j", "link", "show", ours)), "dev", theirs)
        _ip("neigh", "add", program, "lladdr", _address(self._inside("-j", "link", "show", theirs)), "dev", ours)
        return server

    def pull(self, number: int) -> None:
        _ip("link", "set", f"{self._name}{number}P", "nomaster")

    def plug(self, number: int) -> None:
        _ip("link", "set", f"{self._name}{number}P", "master", f"{self._name}{number}b")

    def close(self) -> None:
        for link in self._links:
            _ip("link", "del", link)
        _ip("netns", "del", self._name)

    def _inside(self, *words: str) -> str:
        return _ip("-n", self._name, *words)


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, check=False, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
    return done.stdout


def _address(answer: str) -> str:
    return str(json.loads(answer)[0]["address"])
