"""`flowhost test`: run the tests beside flows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flowhost.cli.lint import plural
from flowhost.services.flow_tests import test_flows


def test(
    flows: Annotated[list[Path], typer.Argument(help="Flow files, or folders that hold flow.yaml and test.yaml.")],
) -> None:
    """Run a flow's tests: sources replaced by what is given, sinks by recorders, time virtual.

    Exit code 0: all passed. 1: some failed. 2: a file cannot be read.
    """
    results = test_flows(flows)
    for result in results:
        print(f"{'FAILED' if result.failures else 'passed'}  {result.flow}: {result.name}")
        for failure in result.failures:
            print(f"        {failure}")
    failed = sum(bool(result.failures) for result in results)
    print(f"{plural(len(results) - failed, 'test')} passed, {failed} failed")
    raise typer.Exit(1 if failed else 0)
