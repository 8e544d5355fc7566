"""The command: parse the arguments, print the addresses, run until told to end."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowhost_sim.odd_sensor import TOPIC
from flowhost_sim.options import (
    MODBUS_PORT,
    MQTT_PORT,
    OPCUA_PORT,
    Addresses,
    PortTakenError,
    SimOptions,
)

if TYPE_CHECKING:
    from flowhost_sim.program import SimProgram

EXIT_WRONG_ARGUMENTS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the simulator; returns the exit code: 0 ended as asked, 2 nothing was started."""
    given = _parser().parse_args(arguments)
    _quiet_the_libraries()
    try:
        asyncio.run(_run(_options(given), as_json=given.json, until_stdin_closes=given.until_stdin_closes))
    except PortTakenError as error:
        sys.stderr.write(f"flowhost-sim: {error}\n")
        return EXIT_WRONG_ARGUMENTS
    except KeyboardInterrupt:  # Ctrl-C before the signal handler was in place
        return 0
    return 0


async def _run(options: SimOptions, *, as_json: bool, until_stdin_closes: bool) -> None:
    from flowhost_sim.program import SimProgram  # the servers take a second to import; --help need not wait

    told_to_end = asyncio.Event()
    commands: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    _on_end(loop, told_to_end.set)
    if until_stdin_closes:
        arguments = (loop, commands.put_nowait, told_to_end.set)
        threading.Thread(target=_watch_stdin, args=arguments, name="stdin", daemon=True).start()
    program = SimProgram(options)
    start = asyncio.create_task(program.start())
    ending = asyncio.create_task(told_to_end.wait())
    try:
        await asyncio.wait({start, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not told_to_end.is_set():
            await start
            _say(_ready_line(program) if as_json else _ready_text(program.addresses, options))
            going_on = {asyncio.create_task(program.wait()), asyncio.create_task(_obey(program, commands))}
            done, _ = await asyncio.wait({*going_on, ending}, return_when=asyncio.FIRST_COMPLETED)
            await _end(going_on, done)
    finally:
        start.cancel()
        ending.cancel()
        await asyncio.wait({start, ending})
        await program.stop()


async def _end(going_on: set[asyncio.Task[None]], done: set[asyncio.Task[Any]]) -> None:
    """Ends what still goes on; raises what broke."""
    for task in going_on - done:
        task.cancel()
    await asyncio.wait(going_on)
    for task in going_on & done:
        task.result()


async def _obey(program: "SimProgram", commands: asyncio.Queue[str]) -> None:
    """Does what the parent's lines say, until cancelled."""
    from flowhost_sim.switchboard import Switchboard

    def tell(event: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # a parent that is gone hears nothing; the end of stdin ends us as well
            _say(json.dumps(event))

    board = Switchboard(program, tell)
    watching = asyncio.create_task(board.watch())
    try:
        while True:
            board.take(await commands.get())
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        await board.close()


def _on_end(loop: asyncio.AbstractEventLoop, end: Callable[[], object]) -> None:
    """Calls `end` in the loop at Ctrl-C and at SIGTERM."""

    def end_soon(*_: object) -> None:
        loop.call_soon_threadsafe(end)

    signal.signal(signal.SIGINT, end_soon)  # works on Windows as well, unlike loop.add_signal_handler
    signal.signal(signal.SIGTERM, end_soon)


def _watch_stdin(loop: asyncio.AbstractEventLoop, take: Callable[[str], object], end: Callable[[], object]) -> None:
    """Hands each line to `take` in the loop, and calls `end` there when the parent closed stdin or is gone.

    It reads the descriptor itself: a thread inside sys.stdin.read would break the interpreter's shutdown.
    """
    rest = b""
    while piece := os.read(0, 4096):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if text := line.decode(errors="replace").strip():
                loop.call_soon_threadsafe(take, text)
    loop.call_soon_threadsafe(end)


def _ready_line(program: "SimProgram") -> str:
    addresses = program.addresses
    return json.dumps(
        {
            "event": "ready",
            "mqtt": {"host": addresses.mqtt_host, "port": addresses.mqtt_port},
            "odd_sensor": {"topic": TOPIC},
            "opcua": {"endpoint": addresses.opcua_endpoint},
            "modbus": {
                "host": addresses.modbus_host,
                "port": addresses.modbus_port,
                "unit_id": addresses.modbus_unit_id,
            },
            "parts": {name: {"on": state.on, "fault": state.fault} for name, state in program.states.items()},
        }
    )


def _ready_text(addresses: Addresses, options: SimOptions) -> str:
    broker = "the broker you named" if options.broker else "embedded broker: MQTT 3.1.1, nothing survives its end"
    verb = "set " if sys.platform == "win32" else "export "
    return "\n".join(
        [
            "The bottling line runs.",
            f"  OPC UA   {addresses.opcua_endpoint}   (no security, anonymous)",
            f"  Modbus   {addresses.modbus_host}:{addresses.modbus_port}   unit {addresses.modbus_unit_id}",
            f"  MQTT     {addresses.mqtt_host}:{addresses.mqtt_port}   ({broker})",
            "",
            "For flows in another window:",
            *(f"{verb}{name}={value}" for name, value in addresses.environment().items()),
            "",
            "Ctrl-C ends it.",
        ]
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _quiet_the_libraries() -> None:
    """Clients that come and go are no news; what the simulator itself has to say goes to stderr."""
    logging.basicConfig(level=logging.WARNING, format="flowhost-sim: %(message)s")
    for name in ("amqtt", "transitions", "asyncua", "pymodbus"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _options(given: argparse.Namespace) -> SimOptions:
    broker = given.broker
    if given.no_broker and broker is None:
        broker = ("127.0.0.1", given.mqtt_port)
    return SimOptions(
        ports=given.ports,
        opcua_port=given.opcua_port,
        modbus_port=given.modbus_port,
        mqtt_port=given.mqtt_port,
        broker=broker,
        speed=given.speed,
        seed=given.seed,
        database=given.database,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flowhost-sim", description="A simulated bottling line over OPC UA, Modbus TCP and MQTT."
    )
    parser.add_argument(
        "--ports", choices=("default", "auto"), default="default", help="auto: any free port where one is taken"
    )
    parser.add_argument("--opcua-port", type=_port, default=OPCUA_PORT, metavar="N", help="default %(default)s")
    parser.add_argument("--modbus-port", type=_port, default=MODBUS_PORT, metavar="N", help="default %(default)s")
    parser.add_argument("--mqtt-port", type=_port, default=MQTT_PORT, metavar="N", help="default %(default)s")
    parser.add_argument("--broker", type=_address, metavar="HOST:PORT", help="publish to this broker; run none")
    parser.add_argument("--no-broker", action="store_true", help="publish to the broker at --mqtt-port; run none")
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="X", help="times as fast as the clock, 0.1 to 200")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same course of events")
    parser.add_argument("--json", action="store_true", help="print one JSON line when all is up")
    parser.add_argument("--database", type=Path, metavar="FILE", help="a SQLite file that a command can lock")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="for a parent program: take commands from stdin, end when it is closed",
    )
    return parser


def _port(text: str) -> int:
    port = int(text) if text.isdigit() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 1 to 65535, or 0 for any free one")
    return port


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no broker address; write it as host:port, as in 127.0.0.1:1883")
    return host.strip("[]"), int(port)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.1 <= speed <= 200:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; give a number from 0.1 to 200")
    return speed
