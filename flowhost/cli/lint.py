"""`flowhost lint`: check flow files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from flowhost.cli.guarantees import guarantee_lines
from flowhost.services.flow_check import CheckedFile, check_files


def lint(
    files: Annotated[list[Path], typer.Argument(help="Flow files, or folders that hold a flow.yaml.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the problems as JSON; with --guarantees an object of both.")
    ] = False,
    with_guarantees: Annotated[
        bool | None,
        typer.Option(
            "--guarantees/--no-guarantees",
            help="Say what each path from a source to a target promises. Said by default, except with --json.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check flow files: types, fields, values, wires, connections, secrets, expressions; with exact places.

    Then say what each path from a source to a target promises, and why it is no more.
    Exit code 0: no errors (warnings may be printed). 1: errors were found. 2: a file cannot be read.
    """
    checked = check_files(files)
    problems = [{"file": str(file.path), **problem} for file in checked for problem in file.problems]
    errors = sum(problem["severity"] == "error" for problem in problems)
    if as_json:
        found = {"problems": problems, "guarantees": plain_guarantees(checked)} if with_guarantees else problems
        print(json.dumps(found, indent=2))
    else:
        for problem in problems:
            print(line_of(problem))
        if with_guarantees is not False:
            print_guarantees(checked)
        print(summary(len(checked), errors, len(problems) - errors))
    raise typer.Exit(1 if errors else 0)


def print_guarantees(checked: Sequence[CheckedFile]) -> None:
    """What the paths of each file promise."""
    for file in checked:
        if file.guarantees:
            print(f"{file.path}: guarantees")
            for line in guarantee_lines(file.guarantees):
                print(line)


def plain_guarantees(checked: Sequence[CheckedFile]) -> list[dict[str, Any]]:
    """What the paths of each file promise, as JSON-like data."""
    return [{"file": str(file.path), **asdict(path)} for file in checked for path in file.guarantees]


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
