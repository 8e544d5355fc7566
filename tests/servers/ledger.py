"""R26: what a run says of itself, added up again from its parts.

`in + made = out + used + filtered + dead + dropped + pending` for every node and for the flow as a whole, and
`in = out + dead + dropped + pending` for every queue: in this run, and over all runs there have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CAME = ("in", "made")
WENT = ("out", "used", "filtered", "dead", "dropped", "pending")
Figures = dict[str, int]
Account = list[tuple[str, Figures]]


def audit(told: Any, *, settled: bool = False, wires: Sequence[tuple[str, str]] = ()) -> None:
    """Fail, naming the place and its figures, unless everything is accounted for.

    Args:
        told: what `--json` printed, a `FlowSnapshot`, or the page of a flow (`FlowDetail`).
        settled: nothing may wait any more.
        wires: pairs of nodes where all that leaves the first by its only way goes to the second, which gets nothing
            else: over all runs nothing vanishes between them.
    """
    run, totals, queues = _read(told)
    assert run, "nothing has been counted"
    for account in (run, totals, queues):
        whole = {name: sum(figures[name] for _, figures in account) for name in (*CAME, *WENT)}
        for place, figures in [*account, ("the whole", whole)]:
            assert min(figures[name] for name in (*CAME, *WENT)) >= 0, f"{place} counts below zero: {figures}"
            came, went = sum(figures[name] for name in CAME), sum(figures[name] for name in WENT)
            assert came == went, f"{place} does not add up, {came} came and {went} are accounted for: {figures}"
    if settled:
        waiting = [(place, f["pending"]) for place, f in [*run, *totals, *queues] if f["pending"]]
        assert not waiting, f"messages wait: {waiting}"
    over_all = dict(totals or run)
    for before, behind in wires:
        left, taken, drift = over_all[before]["out"], over_all[behind]["in"], over_all[behind].get("drift", 0)
        assert left + drift == taken, f"{left} left {before}, {taken} came to {behind}, drift {drift}"


def _read(told: Any) -> tuple[Account, Account, Account]:
    """Nodes in this run, nodes over all runs, queues."""
    if isinstance(told, Mapping):
        ledger = told["ledger"]
        assert ledger["balanced"] is True, ledger
        return _account(told["nodes"].items()), _account(ledger["nodes"].items()), _queues(ledger["edges"])
    if hasattr(told, "edges"):
        assert told.balanced(), told
        over_all = [] if told.ledger is None else told.ledger.nodes.items()
        return _account(told.nodes.items()), _account(over_all), _queues(told.edges)
    counted = [(node.id, node.totals) for node in told.nodes if node.totals is not None]
    return _account((node.id, node) for node in told.nodes), _account(counted), []


def _account(places: Iterable[tuple[str, Any]]) -> Account:
    return [(place, {name: _figure(told, name) for name in (*CAME, *WENT, "drift")}) for place, told in places]


def _queues(told: Iterable[Any]) -> Account:
    return _account((f"the queue of {edge['node'] if isinstance(edge, Mapping) else edge.node}", edge) for edge in told)


def _figure(told: Any, name: str) -> int:
    """What has no such counter has counted nothing."""
    if isinstance(told, Mapping):
        return int(told.get(name, 0))
    names = {"in": ("in_", "in_total")}.get(name, (name,))
    return int(next((getattr(told, each) for each in names if hasattr(told, each)), 0))
