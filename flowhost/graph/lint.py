"""Lint: says before anything starts what is wrong with a flow, where, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowhost.errors import ConfigError
from flowhost.graph.answers import Answers, ask
from flowhost.graph.clear_text import report_clear_text
from flowhost.graph.config_check import check_config
from flowhost.graph.delivery import DeliveryPolicy, check_delivery
from flowhost.graph.document import FlowDocument, NodeEntry
from flowhost.graph.guarantee import PathGuarantee, guarantees
from flowhost.graph.library import NodeLibrary
from flowhost.graph.place import Place
from flowhost.graph.problem import Problem, Severity, did_you_mean, listing
from flowhost.graph.report import Report
from flowhost.graph.same_ids import check_same_ids
from flowhost.graph.text import FlowFile
from flowhost.graph.wiring import Wireable, check_wiring
from flowhost.sdk import AsyncTransform, Node, Sink, Source

__all__ = ["Examined", "Problem", "Severity", "check_or_raise", "examine", "lint"]

FIRST_PARTY = {"mqtt", "opcua", "modbus", "sql"}
"""Beginnings of type ids whose plugin is called `flowhost-<beginning>`."""


def lint(
    flow: FlowFile | FlowDocument,
    library: NodeLibrary,
    environ: Mapping[str, str] | None = None,
    host_connections: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Everything wrong with a flow, in file order, causes before what follows; empty where it may start.

    Args:
        flow: as read from a file (problems then have line and column), or as data.
        library: the installed types.
        environ: environment variables, for `{env: NAME}`; None where those of the run are not known.
        host_connections: type id by name of connections the host knows beside those of the flow.
    """
    return examine(flow, library, environ, host_connections).problems


@dataclass(frozen=True)
class Examined:
    """What there is to know of a flow before it runs.

    Attributes:
        problems: in file order; empty where it may start.
        guarantees: of every path from a source to a target; empty where there are errors.
        ports: outputs of each node besides `error`, as configured; nodes whose outputs cannot be known are left out.
    """

    problems: list[Problem]
    guarantees: tuple[PathGuarantee, ...]
    ports: Mapping[str, tuple[str, ...]]


def examine(
    flow: FlowFile | FlowDocument,
    library: NodeLibrary,
    environ: Mapping[str, str] | None = None,
    host_connections: Mapping[str, str] | None = None,
) -> Examined:
    """What `lint` finds, and what each path of the flow promises; arguments as for `lint`."""
    file = flow if isinstance(flow, FlowFile) else None
    document = flow.document if isinstance(flow, FlowFile) else flow
    linter = _Linter(Report(file), document, library, environ)
    linter.connections(host_connections or {})
    nodes = {node_id: linter.node(entry) for node_id, entry in document.nodes.items()}
    check_wiring(linter.report, document, nodes)
    ports = {node_id: node.ports for node_id, node in nodes.items() if node.ports is not None}
    if any(problem.severity == "error" for problem in linter.report.problems()):
        return Examined(linter.report.problems(), (), ports)
    check_same_ids(linter.report, document, linter.answers)
    return Examined(linter.report.problems(), guarantees(document, linter.answers), ports)


def check_or_raise(
    flow: FlowFile | FlowDocument,
    library: NodeLibrary,
    environ: Mapping[str, str] | None = None,
    host_connections: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Lint, for callers that need a sound flow.

    Returns:
        The warnings.

    Raises:
        ConfigError: the first error, and how many follow.
    """
    problems = lint(flow, library, environ, host_connections)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise ConfigError(errors[0].message + more, errors[0].place)
    return problems


class _Linter:
    def __init__(
        self, report: Report, document: FlowDocument, library: NodeLibrary, environ: Mapping[str, str] | None
    ) -> None:
        self.report = report
        self._document = document
        self._library = library
        self._environ = environ
        self._connection_types: dict[str, str] = {}
        self.answers: dict[str, Answers] = {}

    def connections(self, host_connections: Mapping[str, str]) -> None:
        """Check the connections the flow declares."""
        declared = {name: entry.type for name, entry in self._document.connections.items()}
        self._connection_types = {**host_connections, **declared}
        used = {entry.connection for entry in self._document.nodes.values()}
        for name, entry in self._document.connections.items():
            place: Place = ("connections", name)
            connection_type = self._library.connections.get(entry.type)
            if connection_type is None:
                self._unknown_type((*place, "type"), entry.type, self._library.connections, "connection type")
                report_clear_text(self.report, (*place, "config"), None, entry.config)
            else:
                self._config((*place, "config"), connection_type.Config, entry.config)
            if name not in used and not self.report.has(place):
                self.report.warning(place, "unused-connection", f"no node uses {name!r}; remove it", at_key=True)

    def node(self, entry: NodeEntry) -> Wireable:
        """Check one node by itself."""
        place: Place = ("nodes", entry.id)
        node_type = self._library.nodes.get(entry.type)
        policy = self._delivery(place, entry, node_type)
        if node_type is None:
            self._unknown_type((*place, "type"), entry.type, self._library.nodes, "node type")
            report_clear_text(self.report, (*place, "config"), None, entry.config)
            return Wireable(node_type=None, ports=None)
        if node_type.spec.stability == "deprecated":
            self.report.warning((*place, "type"), "deprecated-type", f"{entry.type} will be removed in a later version")
        self._switched_off(place, entry, node_type)
        self._connection(place, entry, node_type)
        config = self._config((*place, "config"), node_type.Config, entry.config)
        self.answers[entry.id] = ask(self.report, entry, node_type, config, policy)
        return Wireable(node_type=node_type, ports=self._ports(place, node_type, config))

    def _switched_off(self, place: Place, entry: NodeEntry, node_type: type[Node[Any]]) -> None:
        """A node that is off swallows what comes to it: that is allowed, and must be known."""
        if entry.disabled != "block" or issubclass(node_type, Source):
            return
        what = "its target gets nothing" if issubclass(node_type, Sink) else "nothing leaves it"
        message = (
            f"switched off: every message that comes here ends here, confirmed to its source and counted as filtered; "
            f"{what}; 'disabled: pass' lets them by"
        )
        self.report.warning((*place, "disabled"), "switched-off", message)

    def _config(self, place: Place, config_class: type[Any], written: Mapping[str, Any]) -> Any | None:
        return check_config(self.report, place, config_class, written, self._library.functions, self._environ)

    def _ports(self, place: Place, node_type: type[Node[Any]], config: Any | None) -> tuple[str, ...] | None:
        if config is None:
            overridden = node_type.output_ports.__func__ is not Node.output_ports.__func__  # type: ignore[attr-defined]  # classmethods have it
            return None if overridden else tuple(port.name for port in node_type.spec.ports)
        try:
            return tuple(node_type.output_ports(config))
        except Exception as error:  # noqa: BLE001 - plugin code: its fault becomes a problem, lint of the rest goes on
            message = f"finding its ports failed in the plugin: {type(error).__name__}: {error}"
            self.report.error(place, "plugin-fault", message, at_key=True)
            return None

    def _unknown_type(self, place: Place, type_id: str, known: Mapping[str, Any], what: str) -> None:
        if not type_id:
            return  # reported with the shape
        beginning = type_id.partition(".")[0]
        hint = did_you_mean(type_id, known)
        neighbours = [name for name in known if name.partition(".")[0] == beginning]
        if "." in type_id and not hint and not neighbours:
            package = f"flowhost-{beginning}" if beginning in FIRST_PARTY else f"the plugin that brings '{beginning}.*'"
            message = f"{what} {type_id!r} is not installed; install {package}, or see `flowhost plugin list`"
            self.report.error(place, "missing-plugin", message)
            return
        self.report.error(
            place, "unknown-type", f"unknown {what} {type_id!r}{hint}; known: {listing(neighbours or known)}"
        )

    def _delivery(self, place: Place, entry: NodeEntry, node_type: type[Node[Any]] | None) -> DeliveryPolicy:
        """Check how the node's queue delivers; the policy, that without settings where it is wrong."""
        place = (*place, "delivery")
        policy: DeliveryPolicy | None = self._config(place, DeliveryPolicy, entry.delivery)
        if not entry.delivery or node_type is None:
            return policy or DeliveryPolicy()
        if not issubclass(node_type, Sink | AsyncTransform):
            message = f"only nodes that wait for a target have a queue; {entry.type} does not, remove 'delivery'"
            self.report.error(place, "delivery-without-queue", message, at_key=True)
        elif policy is not None:
            check_delivery(self.report, place, node_type, policy)
        return policy or DeliveryPolicy()

    def _connection(self, place: Place, entry: NodeEntry, node_type: type[Node[Any]]) -> None:
        needed = node_type.spec.connection
        place = (*place, "connection")
        if needed is None:
            if entry.connection is not None:
                self.report.error(place, "connection-not-used", f"{entry.type} uses no connection; remove this line")
            return
        if self.report.has(place):
            return
        fitting = [name for name, type_id in self._connection_types.items() if type_id == needed]
        if entry.connection is None:
            message = (
                f"{entry.type} needs a connection of type {needed}; add 'connection: ...', fitting: {listing(fitting)}"
            )
            self.report.error(place, "connection-missing", message)
            return
        given = self._connection_types.get(entry.connection)
        if given is None:
            hint = did_you_mean(entry.connection, self._connection_types)
            message = f"unknown connection {entry.connection!r}{hint}; known: {listing(self._connection_types)}"
            self.report.error(place, "unknown-connection", message)
        elif given != needed and given in self._library.connections:
            message = (
                f"{entry.connection!r} is of type {given}, {entry.type} needs {needed}; fitting: {listing(fitting)}"
            )
            self.report.error(place, "wrong-connection-type", message)
