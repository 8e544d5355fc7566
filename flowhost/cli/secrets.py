"""`flowhost secret`: passwords and keys that connections and flows name."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowhost.cli.data_option import Data, data_folder
from flowhost.errors import ConfigError

if TYPE_CHECKING:
    from flowhost.services.secret_door import SecretDoor

app = typer.Typer(help="Passwords and keys, stored encrypted: set, list, delete.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As flows name it: {secret: NAME}.")]
Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command("set")
def set_(name: Name, data: Data = None) -> None:
    """Store a secret, or give it another value. The value is asked for without echo, or read from standard input.

    Flows that run with it start anew. It is no argument, so that it stands in no history of a shell.
    """
    value = _value(name)
    with _open(data, create=True) as secrets:
        done = secrets.put(name, value)
    print(f"secret {name} is stored")
    if done["restarted"]:
        print(f"started anew with it: {', '.join(done['restarted'])}")
    for text in done["not_started"]:
        print(f"flowhost: not started: {text}", file=sys.stderr)


@app.command("list")
def list_(data: Data = None, as_json: Json = False) -> None:
    """List the names, where each value comes from and what uses it; never a value.

    The environment is that of this command where no host runs, else that of the host.
    """
    with _open(data) as secrets:
        found = secrets.all()
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        print(_line(one))
    for one in found:
        if one["problem"]:
            print(f"flowhost: {one['problem']}", file=sys.stderr)
    if not found:
        print("no secrets")


@app.command("delete")
def delete(name: Name, data: Data = None) -> None:
    """Forget a secret that no connection and no flow uses."""
    with _open(data) as secrets:
        secrets.delete(name)
    print(f"secret {name} is deleted")


def _open(data: Path | None, *, create: bool = False) -> AbstractContextManager[SecretDoor]:
    # what reads folders takes a while to load, and other commands do without
    from flowhost.services.secret_door import open_secrets

    return open_secrets(data_folder(data), create=create)


def _value(name: str) -> str:
    if sys.stdin.isatty():
        value = typer.prompt(f"Value of {name}", hide_input=True, confirmation_prompt="Once more", type=str)
        return str(value)
    try:
        # `echo` and here-documents end with a line break that nobody means
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ConfigError("the value on standard input is not UTF-8 text") from None


def _line(one: dict[str, Any]) -> str:
    users = [f"connection {name}" for name in one["connections"]] + [f"flow {name}" for name in one["flows"]]
    used = f"used by {', '.join(users)}" if users else "not used"
    where = {
        "store": f"stored by {one['changed_by']}, {str(one['changed_at'])[:19].replace('T', ' ')}Z",
        "environment": "set by the environment",
        "nowhere": "not set",
    }[one["source"]]
    return f"{one['name']:<24} {where}; {used}"
