"""`flowhost plugin check`: the static part of the conformance kit, and the papers a plugin has to bring."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Any

from flowhost.catalog import Catalog, load_catalog
from flowhost.catalog.describe import describe_fields
from flowhost.catalog.loading import GROUP
from flowhost.errors import ConfigError
from flowhost.graph.clear_text import looks_secret

GRADES = ("bronze", "silver", "gold")


@dataclass(frozen=True, kw_only=True)
class PluginReport:
    """What was looked at and what is wrong.

    Attributes:
        plugin: name of the entry point, or of the folder.
        types: type ids it brings.
        findings: what to change, each with its place.
    """

    plugin: str
    types: tuple[str, ...]
    findings: tuple[str, ...]


def check_plugin(target: str) -> PluginReport:
    """Check an installed plugin by its name, or a distribution by its folder.

    Raises:
        ConfigError: there is no such plugin or folder.
    """
    folder = Path(target)
    if (folder / "pyproject.toml").is_file():
        return _check_folder(folder)
    points = entry_points(group=GROUP)
    named = [point for point in points if target in (point.name, point.dist.name if point.dist else "")]
    if not named:
        known = ", ".join(sorted(point.name for point in points))
        raise ConfigError(
            f"{target!r} is neither a folder with a pyproject.toml nor an installed plugin; those: {known}"
        )
    return _report(target, load_catalog(named), [])


def _check_folder(folder: Path) -> PluginReport:
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    written: Mapping[str, str] = project.get("entry-points", {}).get(GROUP, {})
    name = str(project.get("name", folder.resolve().name))
    findings = list(_papers(folder, project))
    if not written:
        findings.append(f"pyproject.toml: there is no [project.entry-points.{GROUP}]; name the module with the hooks")
        return PluginReport(plugin=name, types=(), findings=tuple(findings))
    points = EntryPoints(EntryPoint(name=key, value=value, group=GROUP) for key, value in written.items())
    places = [str(place.resolve()) for place in (folder / "src", folder) if place.is_dir()]
    sys.path[:0] = places
    try:
        catalog = load_catalog(points)
    finally:
        for place in places:
            sys.path.remove(place)
    return _report(name, catalog, findings, folder)


def _report(name: str, catalog: Catalog, findings: list[str], folder: Path | None = None) -> PluginReport:
    findings += [f"{broken.name}: {broken.reason}" for broken in catalog.broken]
    for type_id, found in {**catalog.nodes, **catalog.connections}.items():
        findings += [f"{type_id}: {text}" for text in _of_type(found)]
    findings += _of_names(catalog)
    if folder is not None:
        findings += _untested(folder, catalog)
    types = (*catalog.connections, *catalog.nodes)
    return PluginReport(plugin=name, types=types, findings=tuple(findings))


def _of_type(found: Any) -> Iterator[str]:
    spec = found.spec
    if not spec.title.strip() or len(spec.title) > 40:
        yield "give the spec a title of two or three words"
    if not spec.summary.strip().endswith("."):
        yield "write the summary as one sentence that ends with a full stop"
    if not (found.__doc__ or "").strip():
        yield f"write a docstring for {found.__name__}: it is the help page"
    yield from _of_fields(describe_fields(found.Config), "config.")


def _of_fields(fields: list[dict[str, Any]], place: str) -> Iterator[str]:
    for field in fields:
        where = place + field["name"]
        if not field["docs"]:
            yield f"{where} has no help text; write a docstring below the field"
        if looks_secret((field["name"],)) and field["type"] == "text":
            yield f"{where} is shown in clear; declare it as flowhost.sdk.Secret"
        yield from _of_fields(field["fields"], f"{where}.")


def _of_names(catalog: Catalog) -> Iterator[str]:
    for plugin in catalog.plugins:
        if plugin.name == "builtin":
            continue
        for type_id in (*plugin.node_types, *plugin.connection_types):
            if "." not in type_id:
                yield f"{type_id}: write it as 'protocol.verb'; short ids are FlowHost's own"


def _papers(folder: Path, project: Mapping[str, Any]) -> Iterator[str]:
    if not str(project.get("requires-python", "")):
        yield "pyproject.toml: say requires-python"
    if not any(str(one).replace(" ", "").startswith("flowhost") for one in project.get("dependencies", [])):
        yield "pyproject.toml: depend on flowhost, e.g. 'flowhost>=0.1,<1'"
    if not (folder / "README.md").is_file():
        yield "README.md is missing: tell operators what it does, its limits, what to do when it fails"
    yield from _quality(folder / "quality.toml")


def _quality(file: Path) -> Iterator[str]:
    if not file.is_file():
        yield "quality.toml is missing: say which rules of the quality scale are kept (docs/plugins.md)"
        return
    try:
        grade = tomllib.loads(file.read_text(encoding="utf-8")).get("grade")
    except tomllib.TOMLDecodeError as error:
        yield f"quality.toml cannot be read: {error}"
        return
    if grade not in GRADES:
        yield f"quality.toml: grade is {grade!r}; it is one of {', '.join(GRADES)}"


def _untested(folder: Path, catalog: Catalog) -> Iterator[str]:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("tests/**/*.py"))
    for type_id, found in {**catalog.nodes, **catalog.connections}.items():
        if "Conformance" not in tests or found.__name__ not in tests:
            yield f"{type_id}: no conformance test names {found.__name__}; see flowhost.testing.conformance"
