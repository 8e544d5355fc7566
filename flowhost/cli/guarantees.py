"""Guarantees of a flow's paths as lines: paths that promise the same are one line, reasons that are the same too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flowhost.graph.guarantee import LEVELS, PathGuarantee

NAMED = 6
"""Nodes named in a line; the others are counted."""


def guarantee_lines(paths: Sequence[PathGuarantee]) -> Iterator[str]:
    """What the paths promise, the weakest first, then why it is no more."""
    rows = sorted(_rows(paths).items(), key=lambda row: row[0][0])
    width = max((len(words) for (_, words), _ in rows), default=0)
    for (_, words), ends in rows:
        for line in _ends(ends):
            yield f"  {words.ljust(width)}  {line}"
    reasons = list(_reasons(paths))
    if reasons:
        yield "  why:"
        yield from (f"    {line}" for line in reasons)


Ends = dict[str, dict[str, None]]
"""Where paths begin, by the sink they end in."""


def _rows(paths: Sequence[PathGuarantee]) -> dict[tuple[tuple[int, int], str], Ends]:
    """Ends of the paths, by how much they promise."""
    promised: dict[tuple[str, str, bool], set[str]] = {}
    for path in paths:
        promised.setdefault((path.source, path.sink, path.failed), set()).add(path.words)
    rows: dict[tuple[tuple[int, int], str], Ends] = {}
    for path in paths:
        rank = LEVELS.index(path.level), LEVELS.index(path.received)
        several = len(promised[path.source, path.sink, path.failed]) > 1
        rows.setdefault((rank, path.words), {}).setdefault(path.sink, {})[_begin(path, several=several)] = None
    return rows


def _begin(path: PathGuarantee, *, several: bool) -> str:
    """The source; with the way, where another way to the same sink promises something else."""
    if several:
        return " -> ".join(path.route[:-1])
    return f"{path.source} (failed)" if path.failed else path.source


def _ends(ends: Ends) -> Iterator[str]:
    """`a, b -> c, d`: sinks with the same sources together."""
    sinks: dict[tuple[str, ...], list[str]] = {}
    for sink, begins in ends.items():
        sinks.setdefault(tuple(begins), []).append(sink)
    for sources, together in sinks.items():
        yield f"{_listed(sources)} -> {_listed(together)}"


def _reasons(paths: Iterable[PathGuarantee]) -> Iterator[str]:
    """Each reason once, with the nodes it is true of."""
    nodes: dict[tuple[str, str, str], dict[str, None]] = {}
    for path in paths:
        for reason in path.reasons:
            nodes.setdefault((reason.type, reason.text, reason.remedy), {})[reason.node] = None
    for (type_id, text, remedy), named in nodes.items():
        yield f"{_listed(named)} ({type_id}): {text}{'; ' if remedy else ''}{remedy}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - NAMED
    return ", ".join(every) if more <= 0 else f"{', '.join(every[:NAMED])} and {more} more"
