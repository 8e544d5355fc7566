"""`flowhost dead-letters`: look at messages that could not be delivered, repair them, send them in again."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowhost.cli.data_option import data_folder
from flowhost.cli.durations import seconds
from flowhost.cli.letter_paths import set_at
from flowhost.errors import ConfigError
from flowhost.services.letter_views import STATES, LetterQuery

if TYPE_CHECKING:
    from flowhost.services.letter_door import LetterDoor

app = typer.Typer(help="Messages that could not be delivered: look, repair, retry, discard.", no_args_is_help=True)

NOT_ALL = 1
"""Exit code: some letters were left as they are."""

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder of a host, or the --data folder of a run; else FLOWHOST_DATA_DIR."),
]
Flow = Annotated[str, typer.Option(help="Letters of this flow.")]
Node = Annotated[str, typer.Option(help="Letters that failed at this node.")]
Kind = Annotated[str, typer.Option(help="Letters of this class of error, e.g. Reject.")]
Text = Annotated[str, typer.Option(help="Letters with this text in reason, topic, key or message id.")]
Since = Annotated[str, typer.Option(help="Failed since then: 2h, 30m, or 2026-03-01T06:00:00+01:00.")]
Until = Annotated[str, typer.Option(help="Failed before then; as --since.")]
State = Annotated[
    list[str] | None, typer.Option(help=f"Letters in this state, several times: {', '.join(STATES)}, all.")
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Letters, e.g. orders:17.")]
All = Annotated[bool, typer.Option("--all", help="Every open letter.")]
Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command("list")
def list_(
    data: Data = None, flow: Flow = "", node: Node = "", kind: Kind = "", text: Text = "", since: Since = "",
    until: Until = "", state: State = None, limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    after: Annotated[str, typer.Option(help="Where the list before ended.")] = "", as_json: Json = False,
) -> None:  # fmt: skip
    """List letters, the one that failed last first; open ones if no state is given.

    Exit code 0, also if there are none. 2: the arguments are wrong, or the folder cannot be read.
    """
    query = _query(flow, node, kind, text, since, until, _states(state))
    with _open(data) as letters:
        page = letters.list(query, after, limit)
        number = letters.count(query)
    if as_json:
        print(json.dumps({**page, "count": number}, indent=2, ensure_ascii=False))
        return
    for row in page["rows"]:
        print(_line(row))
    for problem in page["problems"]:
        print(f"flowhost: {problem}", file=sys.stderr)
    print(_listed(len(page["rows"]), number, page["next"], all_open=query.states == ("dead",)))


@app.command("show")
def show(
    id_: Annotated[str, typer.Argument(metavar="ID")], data: Data = None, as_json: Json = False
) -> None:  # fmt: skip
    """Show all that is known of a letter: payload, every failure, every edit, and what a retry would do."""
    with _open(data) as letters:
        found = letters.show(id_)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _print_letter(found)


@app.command("edit")
def edit(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    data: Data = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Change a field, e.g. lines[0].qty=5; VALUE is JSON, or text."
        ),
    ] = None,
    payload: Annotated[str, typer.Option(help="The whole payload as JSON.")] = "",
    payload_file: Annotated[Path | None, typer.Option(help="File that holds the payload as JSON; - reads it.")] = None,
    revision: Annotated[int | None, typer.Option(help="The edit yours builds on; else the newest one.")] = None,
    as_json: Json = False,
) -> None:
    """Keep another revision of a letter's payload; the original stays. Without options, $VISUAL or $EDITOR opens it."""
    if sum((bool(set_), bool(payload), payload_file is not None)) > 1:
        raise typer.BadParameter("give one of --set, --payload and --payload-file")
    with _open(data) as letters:
        found = letters.show(id_)
    before = (found["edits"][-1]["payload"] if found["edits"] else found["original"])["text"]
    text = _edited(before, set_ or [], payload, payload_file)
    if text.strip() == before.strip():
        print("nothing was changed")
        return
    # the letter may have been edited while the editor was open
    seen = found["revision"] if revision is None else revision
    with _open(data, to_change=True) as letters:
        after = _kept_on_failure(text, lambda: letters.edit(id_, seen, text), edited_by_hand=not payload and not set_)
    if as_json:
        print(json.dumps(after, indent=2, ensure_ascii=False))
    else:
        print(f"{id_}: revision {after['revision']} is kept; a retry sends it")


@app.command("retry")
def retry(
    ids: Ids = None, data: Data = None, flow: Flow = "", node: Node = "", kind: Kind = "", text: Text = "",
    since: Since = "", until: Until = "", all_: All = False, as_json: Json = False,
) -> None:  # fmt: skip
    """Send letters in again at the node they failed at, with their ids: some, all of a filter, or --all.

    Letters of a flow that does not run wait for its next start. Exit code 0: all were sent in. 1: some were left as
    they are, with the reason. 2: the arguments are wrong; nothing was changed.
    """
    query = _chosen(ids, _query(flow, node, kind, text, since, until), all_)
    with _open(data, to_change=True) as letters:
        _change("retried", lambda after: letters.retry(query, after), as_json)


@app.command("discard")
def discard(
    reason: Annotated[str, typer.Option(help="Why they need not be delivered; kept with them.")],
    ids: Ids = None, data: Data = None, flow: Flow = "", node: Node = "", kind: Kind = "", text: Text = "",
    since: Since = "", until: Until = "", all_: All = False, as_json: Json = False,
) -> None:  # fmt: skip
    """Close letters that need not be delivered. They stay readable, with the reason. Exit codes as `retry`."""
    query = _chosen(ids, _query(flow, node, kind, text, since, until), all_)
    with _open(data, to_change=True) as letters:
        _change("discarded", lambda after: letters.discard(query, reason, after), as_json)


@app.command("export")
def export(
    file: Annotated[Path | None, typer.Argument(help="File to write; standard output if left out.")] = None,
    data: Data = None, flow: Flow = "", node: Node = "", kind: Kind = "", text: Text = "", since: Since = "",
    until: Until = "", state: State = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="This letter, several times.")] = None,
) -> None:  # fmt: skip
    """Write letters with everything that is known of them as one JSON document, for `import`."""
    query = _query(flow, node, kind, text, since, until, _states(state))
    query = LetterQuery(ids=tuple(ids)) if ids else query
    with _open(data) as letters:
        if file is None:
            for part in letters.export(query):
                sys.stdout.write(part)
            return
        _write_whole(file, letters, query)
    print(f"written to {file}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="An exported document; - reads standard input.")],
    data: Data = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Take in exported letters: all of them or, if one is in conflict, none. Letters that are here already stay."""
    text = _read(file)
    with _open(data, to_change=True) as letters:
        result = letters.import_(text)
    if as_json:
        print(json.dumps(result))
    else:
        print(f"{_letters(result['taken'])} taken in, {result['known']:,} here already")


# -- arguments


def _open(data: Path | None, *, to_change: bool = False) -> AbstractContextManager[LetterDoor]:
    # what reads folders takes a while to load, and other commands do without
    from flowhost.services.letter_door import open_letters

    return open_letters(data_folder(data), to_change=to_change)


def _query(
    flow: str, node: str, kind: str, text: str, since: str, until: str, states: tuple[Any, ...] = ("dead",)
) -> LetterQuery:
    return LetterQuery(
        flow=flow, node=node, kind=kind, text=text, since=_moment(since), until=_moment(until), states=states
    )


def _states(given: list[str] | None) -> tuple[Any, ...]:
    if not given:
        return ("dead",)
    if "all" in given:
        return ()
    for state in given:
        if state not in STATES:
            raise typer.BadParameter(
                f"{state!r} is no state; there are {', '.join(STATES)} and all", param_hint="--state"
            )
    return tuple(given)


def _moment(text: str) -> datetime | None:
    """`2h` ago, or a time with its zone."""
    if not text:
        return None
    if re.fullmatch(r"[0-9.]+\s*[a-z]*", text):
        return datetime.now(UTC) - timedelta(seconds=seconds(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a duration like 2h nor a time like 2026-03-01T06:00Z") from None
    return moment.astimezone() if moment.tzinfo is None else moment


def _chosen(ids: list[str] | None, query: LetterQuery, everything: bool) -> LetterQuery:
    """Ids, a filter, or all: never all by leaving something out."""
    filtered = query != LetterQuery()
    if bool(ids) + filtered + everything != 1:
        raise typer.BadParameter("name letters by id, or give a filter such as --flow, or --all")
    return LetterQuery(ids=tuple(ids)) if ids else query


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", str(file)) from None


# -- editing


def _edited(before: str, changes: list[str], payload: str, file: Path | None) -> str:
    if changes:
        return set_at(before, changes)
    if payload or file is not None:
        return payload or _read(file or Path("-"))
    return _in_editor(before)


def _in_editor(text: str) -> str:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise ConfigError("no editor is known: set EDITOR, or use --set, --payload or --payload-file")
    handle, name = tempfile.mkstemp(suffix=".json", prefix="dead-letter-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text + "\n")
        if code := subprocess.call([*shlex.split(editor), name]):  # noqa: S603 - the user's own choice
            raise ConfigError(f"{editor} ended with {code}; nothing was changed")
        return Path(name).read_text(encoding="utf-8")
    finally:
        Path(name).unlink(missing_ok=True)


def _kept_on_failure(text: str, change: Callable[[], Any], *, edited_by_hand: bool) -> Any:
    """What somebody has typed must not be lost because one bracket is missing."""
    try:
        return change()
    except Exception:
        if edited_by_hand:
            handle, name = tempfile.mkstemp(suffix=".json", prefix="dead-letter-")
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(text)
            print(f"your text is kept in {name}: mend it, then use --payload-file", file=sys.stderr)
        raise


# -- many


def _change(verb: str, change: Callable[[str], Any], as_json: bool) -> None:
    done = skipped = 0
    reasons: list[Any] = []
    waiting: dict[str, None] = {}
    after = ""
    while True:
        step = change(after)
        done, skipped, after = done + step["done"], skipped + step["skipped"], step["next"]
        reasons += step["reasons"]
        waiting |= dict.fromkeys(step["waiting"])
        if not after:
            break
        print(f"  {done:,} {verb}, {step['left']:,} to go", file=sys.stderr, flush=True)
    if as_json:
        result = {"done": done, "skipped": skipped, "reasons": reasons, "waiting": list(waiting)}
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        for one in reasons:
            print(f"{one['id']}: left as it is: {one['reason']}")
        print(f"{_letters(done)} {verb}" + (f", {skipped:,} left as they are" if skipped else ""))
        for flow in waiting if verb == "retried" else ():
            print(f"{flow} does not run: they wait for its next start")
    raise typer.Exit(NOT_ALL if skipped else 0)


def _write_whole(file: Path, letters: LetterDoor, query: LetterQuery) -> None:
    """Under its name only once it is whole."""
    part = file.with_name(file.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as out:
            for text in letters.export(query):
                out.write(text)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error}", str(file)) from None
    finally:
        part.unlink(missing_ok=True)


# -- printing


def _line(row: dict[str, Any]) -> str:
    about = " ".join(part for part in (row["topic"], row["preview"]) if part)
    tries = f" ({_tries(row['attempts'])})" if row["attempts"] > 1 else ""
    state = "" if row["state"] == "dead" else f" [{row['state']}]"
    return f"{row['id']:<20} {_time(row['at'])}  {row['node']}{state}: {row['reason']}{tries}\n{'':<20} {about}"


def _listed(shown: int, number: int, after: str, *, all_open: bool) -> str:
    """How many there are; those that are delivered or discarded are not called dead any more."""
    if not number:
        return "no dead letters" if all_open else "no letters"
    more = f"; the next ones: --after {after}" if after else ""
    letters = _letters(number, "dead letter" if all_open else "letter")
    return f"{letters}{more}" if shown == number else f"{shown:,} of {letters}{more}"


def _print_letter(found: dict[str, Any]) -> None:
    row = found["row"]
    print(f"{row['id']}  {row['state']}")
    if row["note"]:
        print(f"reason   {row['note']}")
    print(f"flow     {row['flow_name']} ({row['flow_id']})" + _revision(found["flow_revision"]))
    print(f"node     {row['node_title']} ({row['node']})")
    for name, value in (found["meta"] or {}).items():
        if value not in ("", None, {}):
            print(f"{name:<8} {value}")
    for cause in found["causes"]:
        when = _time(cause["at"]) if cause["at"] else "earlier"
        print(
            f"failed   {when} at {cause['node']}, {cause['kind']} after {_tries(cause['attempts'])}: {cause['reason']}"
        )
    _print_payload("original", found["original"])
    for edit in found["edits"]:
        _print_payload(f"revision {edit['revision']} by {edit['by']}, {_time(edit['at'])}", edit["payload"])
    possible = "retry" if found["retry"]["possible"] else "no retry"
    print(f"{possible}: {found['retry']['text']}")


def _revision(number: int) -> str:
    return f", revision {number}" if number else ""


def _print_payload(title: str, payload: dict[str, Any]) -> None:
    print(f"{title} ({payload['size']:,} bytes on disk):")
    if payload["problem"]:
        print(f"  cannot be read: {payload['problem']}")
    if payload["hex"]:
        print(f"  hex   {payload['hex']}" + (" ..." if payload["cut"] else ""))
        print(f"  text  {payload['decoded']!r}")
    if payload["text"]:
        print("  " + payload["text"].replace("\n", "\n  "))


def _time(text: str) -> str:
    return text[:19].replace("T", " ") + "Z"


def _tries(number: int) -> str:
    return "1 try" if number == 1 else f"{number:,} tries"


def _letters(number: int, name: str = "dead letter") -> str:
    return f"1 {name}" if number == 1 else f"{number:,} {name}s"
