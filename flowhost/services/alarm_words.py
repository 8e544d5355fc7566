"""Alarms in words: a cause said once and without what changes by itself, and what was, once it is over."""

from __future__ import annotations

import re

_ALONE = re.compile(r"; (?:next try in [^;]*|\d+ nodes? waits?|[\d,]+ messages? waits? for it)(?=;|$)")
"""What is different every second, or stands elsewhere."""
_SINCE = re.compile(r"^down(?: since [^:]*:\d\d:\d\d)?: ")
_TWICE = re.compile(r"^(.+) is not connected: (?=\1 )")
_PAST = {
    "connection_down": (" is down", " was down"),
    "node_failed": (" stands still", " stood still"),
    "node_retrying": (" does not get on", " did not get on"),
    "flow_failed": (" has failed", " had failed"),
    "dead_letters": (" has ", " had "),
    "ledger": (" does not add up", " did not add up"),
    "waiting_long": (" wait, ", " waited, "),
    "waiting_many": (" wait for ", " waited for "),
    "parked": (" cannot go on", " could not go on"),
    "disk": (" is ", " was "),
    "outbox_full": (" is ", " was "),
    "host": (" is not ready", " was not ready"),
}


def reason_of(text: str) -> str:
    """Why something does not go, from a state such as `down since 10:04:00: refused; next try in 2 s`."""
    said = _TWICE.sub("", _SINCE.sub("", _ALONE.sub("", text)))
    return "" if said == "down" else said


def past(kind: str, text: str) -> str:
    """What was wrong, of an alarm that is over."""
    now, then = _PAST.get(kind, ("", ""))
    # names may hold the same words, and stand before them
    said = _ALONE.sub("", text)
    head, found, tail = said.rpartition(now) if now else ("", "", "")
    return f"{head}{then}{tail}" if found else said
