"""What lint says about a flow."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing to look at.

    Attributes:
        severity: an `error` keeps the flow from starting, a `warning` does not.
        place: path into the flow, e.g. `nodes.temps.config.topics[0]`.
        message: names the thing, then the next step.
        code: stable short name of the rule, e.g. `unknown-field`.
        line: 1-based line in the file; None without a file.
        column: 1-based column in that line.
    """

    severity: Severity
    place: str
    message: str
    code: str
    line: int | None = None
    column: int | None = None

    @override
    def __str__(self) -> str:
        where = "" if self.line is None else f"{self.line}:{self.column}: "
        thing = f"{self.place}: " if self.place else ""
        return f"{where}{self.severity}: {thing}{self.message} [{self.code}]"


def closest(word: str, known: Iterable[str]) -> str:
    """The known word this one is close to, or nothing."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` where a known word is close, else nothing."""
    found = closest(word, known)
    return f"; did you mean {found!r}?" if found else ""


def listing(words: Iterable[str]) -> str:
    """Known words for an error message: sorted, cut after twelve."""
    every = sorted(words)
    if not every:
        return "none"
    more = f" and {len(every) - 12} more" if len(every) > 12 else ""
    return ", ".join(every[:12]) + more
