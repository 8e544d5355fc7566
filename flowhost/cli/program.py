"""The command line: `flowhost <command>`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flowhost import __version__
from flowhost.cli import dead_letters, demo, flow_files, lint, nodes, plugins, run, secrets, serve, sim, testing
from flowhost.errors import FlowHostError

app = typer.Typer(
    name="flowhost",
    help="Joins the plant floor (SCADA) to MES and ERP: run flows, lose nothing in silence.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

WRONG = 2
"""Exit code: file or arguments wrong, nothing started."""


def main() -> None:
    """Entry point; errors meant for people are printed as such, without a traceback."""
    try:
        app()
    except FlowHostError as error:
        print(f"flowhost: {error}", file=sys.stderr)
        sys.exit(WRONG)


def _version(value: bool) -> None:
    if value:
        print(f"flowhost {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Options of all commands."""


app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("sim", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(sim.sim)
app.command("run")(run.run)
app.command("lint")(lint.lint)
app.command("test")(testing.test)
app.command("import")(flow_files.import_)
app.command("export")(flow_files.export)
app.command("nodes")(nodes.nodes)
app.add_typer(plugins.app, name="plugin")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(secrets.app, name="secret")
