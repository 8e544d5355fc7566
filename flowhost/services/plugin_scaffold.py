"""`flowhost plugin new`: a small connector that works and passes the conformance kit, to be changed into a real one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, get_args

from flowhost.errors import ConfigError

Kind = Literal["connection", "source", "transform", "sink"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_MARK = re.compile(r"\s*(?:# )?\[(connection|source|transform|sink|message)\]$")
_SDK_NAMES = {"connection": ("Secret",), "source": (), "transform": (), "sink": ("Expression",)}


def new_plugin(name: str, kinds: Iterable[str] = (), folder: Path = Path()) -> Path:
    """Write a new distribution.

    Args:
        name: short name of the protocol or product, e.g. `lab`; first part of its type ids.
        kinds: what it brings; everything if empty. Sources and sinks bring their connection along.
        folder: where its own folder `flowhost-<name>` is made.

    Returns:
        The new folder.

    Raises:
        ConfigError: the name cannot be one, a kind is unknown, or the folder exists.
    """
    short = name.removeprefix("flowhost-").replace("-", "_")
    if not _NAME.fullmatch(short):
        raise ConfigError(f"{name!r} cannot be a plugin's name; write lower-case letters, digits and '_', e.g. 'lab'")
    chosen = _chosen(kinds)
    place = folder / f"flowhost-{short.replace('_', '-')}"
    if place.exists():
        raise ConfigError(f"{place} exists already; choose another name or --dir")
    for path, text in _contents(chosen).items():
        target = place / path.replace("acme", short)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_renamed(text, short), encoding="utf-8")
    return place


def _chosen(kinds: Iterable[str]) -> set[str]:
    chosen = set(kinds) or set(KINDS)
    unknown = sorted(chosen - set(KINDS))
    if unknown:
        raise ConfigError(f"there is no kind {unknown[0]!r}; choose from {', '.join(KINDS)}")
    return chosen | ({"connection"} if chosen & {"source", "sink"} else set())


def _contents(chosen: set[str]) -> dict[str, str]:
    """Files of the new distribution by path, still called acme."""
    template = files("flowhost.services") / "plugin_template"
    marks = chosen | ({"message"} if chosen & {"sink", "transform"} else set())
    whole = ["README.md", "pyproject.toml", "quality.toml", "src/__init__.py", "src/py.typed", "src/plugin.py"]
    modules = {
        "connection": "connection",
        "source": "source_read",
        "transform": "transform_scale",
        "sink": "sink_write",
    }
    whole += [f"src/{modules[kind]}.py" for kind in KINDS if kind in chosen]
    if "connection" in chosen:
        whole += ["src/line.py", "tests/device.py", "tests/conftest.py"]
    found = {path: _kept(_read(template, f"{path}.txt"), marks) for path in whole}
    kinds = [kind for kind in KINDS if kind in chosen]
    found["src/config.py"] = _config_head(kinds) + "".join(_read(template, f"src/config_{kind}.txt") for kind in kinds)
    head = _kept(_read(template, "tests/test_conformance.py.txt"), marks)
    found["tests/test_conformance.py"] = _merged_imports(head) + "".join(
        _read(template, f"tests/test_conformance_{kind}.txt") for kind in kinds
    )
    return {path.replace("src/", "src/flowhost_acme/"): text for path, text in found.items()}


def _config_head(kinds: Sequence[str]) -> str:
    names = sorted({"Config", "setting", *(name for kind in kinds for name in _SDK_NAMES[kind])}, key=_import_order)
    return (
        f'"""What can be set."""\n\nfrom __future__ import annotations\n\nfrom flowhost.sdk import {", ".join(names)}\n'
    )


def _merged_imports(text: str) -> str:
    """Several imports from one module become one line."""
    names: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("from flowhost."):
            module, _, imported = line.removeprefix("from ").partition(" import ")
            names.setdefault(module, []).extend(imported.split(", "))
    kept = [line for line in text.splitlines() if not line.startswith("from flowhost.")]
    return "\n".join([*kept, *(_import_line(module, sorted(found)) for module, found in names.items())]) + "\n"


def _import_line(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 120:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def _import_order(name: str) -> tuple[bool, str]:
    return (name[0].islower(), name)


def _kept(text: str, marks: set[str]) -> str:
    """Lines without a mark, and those whose mark is wanted."""
    lines = []
    for line in text.splitlines():
        mark = _MARK.search(line)
        if mark is None or mark[1] in marks:
            lines.append(line if mark is None else line[: mark.start()])
    return ("\n".join(lines) + "\n").replace("[\n    ]", "[]") if lines else ""


def _read(template: Traversable, path: str) -> str:
    return template.joinpath(*path.split("/")).read_text(encoding="utf-8")


def _renamed(text: str, short: str) -> str:
    camel = "".join(part.capitalize() for part in short.split("_"))
    text = text.replace("flowhost-acme", f"flowhost-{short.replace('_', '-')}")
    return text.replace("Acme", camel).replace("acme", short)
