"""`flowhost sim`: the simulated bottling line."""

from __future__ import annotations

import importlib.util
import sys

import typer

from flowhost.errors import PluginError


def sim(context: typer.Context) -> None:
    """Run the simulated bottling line and a broker; prints their addresses. Options: `--ports auto`, see --help there.

    OPC UA, Modbus TCP and MQTT on this machine only, until Ctrl-C. All options are those of `python -m flowhost_sim`.
    """
    if importlib.util.find_spec("flowhost_sim") is None:
        raise PluginError("the simulator is not installed; run: pip install flowhost-sim")
    from importlib import import_module

    sys.exit(import_module("flowhost_sim.cli").main(context.args))
