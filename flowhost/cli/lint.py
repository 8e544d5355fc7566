"""`flowhost lint`: check flow files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from flowhost.services.flow_check import check_files


def lint(
    files: Annotated[list[Path], typer.Argument(help="Flow files, or folders that hold a flow.yaml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> None:
    """Check flow files: types, fields, values, wires, connections, secrets, expressions; with exact places.

    Exit code 0: no errors (warnings may be printed). 1: errors were found. 2: a file cannot be read.
    """
    results = check_files(files)
    found = [{"file": str(path), **problem} for path, problems in results for problem in problems]
    errors = sum(problem["severity"] == "error" for problem in found)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for problem in found:
            print(line_of(problem))
        print(summary(len(results), errors, len(found) - errors))
    raise typer.Exit(1 if errors else 0)


def line_of(problem: dict[str, Any]) -> str:
    """One problem in the form editors understand."""
    where = f"{problem['file']}:{problem['line'] or 1}:{problem['column'] or 1}"
    return f"{where}: {problem['severity']}: {problem['place']}: {problem['message']} [{problem['code']}]"


def summary(files: int, errors: int, warnings: int) -> str:
    """The last line."""
    return f"{plural(files, 'flow')} checked: {plural(errors, 'error')}, {plural(warnings, 'warning')}"


def plural(number: int, word: str) -> str:
    """`1 flow`, `2 flows`."""
    return f"{number} {word}{'' if number == 1 else 's'}"
