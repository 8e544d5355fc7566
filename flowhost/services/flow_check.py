"""Checks flow files without running them: what `flowhost lint` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowhost.catalog import load_catalog
from flowhost.errors import FlowFileError
from flowhost.graph.guarantee import PathGuarantee
from flowhost.graph.lint import examine
from flowhost.graph.text import load_flow

FLOW_FILE = "flow.yaml"


@dataclass(frozen=True)
class CheckedFile:
    """A flow file and what was found.

    Attributes:
        path: of the file.
        problems: as JSON-like data, in file order.
        guarantees: of every path from a source to a target; empty where there are errors.
    """

    path: Path
    problems: list[dict[str, Any]]
    guarantees: tuple[PathGuarantee, ...]


def check_files(paths: Sequence[Path]) -> list[CheckedFile]:
    """What there is to say of every flow file.

    Raises:
        FlowFileError: a path holds no flow.
    """
    library = load_catalog()
    results = []
    for path in [found for given in paths for found in flow_files(given)]:
        found = examine(load_flow(path), library, os.environ)
        results.append(CheckedFile(path, [as_plain(problem) for problem in found.problems], found.guarantees))
    return results


def flow_files(path: Path) -> list[Path]:
    """The file itself, the `flow.yaml` of a folder, or those of the folders in it.

    Raises:
        FlowFileError: there is none.
    """
    if not path.is_dir():
        return [path]
    if (path / FLOW_FILE).is_file():
        return [path / FLOW_FILE]
    found = sorted(path.glob(f"*/{FLOW_FILE}"))
    if not found:
        raise FlowFileError(f"there is no {FLOW_FILE} in it or in its folders", str(path))
    return found


def as_plain(problem: Any) -> dict[str, Any]:
    """A problem as JSON-like data."""
    names = ("severity", "code", "place", "message", "line", "column")
    return {name: getattr(problem, name) for name in names}
