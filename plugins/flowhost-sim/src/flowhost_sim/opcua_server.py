"""The line's controller as an OPC UA server (OPC 10000): every tag of `tags.py`, one folder per machine."""

import asyncio
import math
from datetime import UTC

from asyncua import ua
from asyncua.common.node import Node
from asyncua.common.utils import ServiceError
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from typing_extensions import override

from flowhost_sim.line import Line
from flowhost_sim.tags import SPEED_SETPOINT, Condition, Tag, Unit, tags

NAMESPACE = "urn:flowhost:sim:line1"
PATH = "/flowhost/sim"

_STATUS = {
    Condition.GOOD: StatusCodes.Good,
    Condition.LAST_USABLE: StatusCodes.UncertainLastUsableValue,
    Condition.SENSOR_FAILURE: StatusCodes.BadSensorFailure,
}
_UNECE_NAMESPACE = "http://www.opcfoundation.org/UA/units/un/cefact"


def endpoint_url(host: str, port: int) -> str:
    return f"opc.tcp://{host}:{port}{PATH}"


class OpcUaServer:
    """Serves the line on a loopback address, without security and for anonymous clients: it is a simulator.

    A stopped server forgets its sessions and subscriptions, as a controller does that was switched off.
    """

    def __init__(self, line: Line, host: str, port: int) -> None:
        self.endpoint = endpoint_url(host, port)
        self._line = line
        self._tags = tags()
        self._server: Server | None = None
        self._nodes: dict[str, Node] = {}
        self._shown: dict[str, tuple[object, Condition]] = {}

    async def start(self) -> None:
        """Builds the address space and listens.

        Raises:
            OSError: the port is taken.
        """
        server = Server(iserver=_internal_server())
        server.set_endpoint(self.endpoint)
        server.set_server_name("FlowHost bottling line (simulated)")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        server.set_identity_tokens([ua.AnonymousIdentityToken])
        await server.init()
        await server.set_application_uri("urn:flowhost:sim")
        namespace = await server.register_namespace(NAMESPACE)
        self._shown.clear()
        self._nodes = await _build(server, namespace, self._tags, self._line)
        await server.start()
        self._server = server

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await _stop_clock(server.iserver)
            await server.stop()

    async def update(self) -> None:
        """Takes a written setpoint over into the line, then shows what has changed in the line."""
        server = self._server
        if server is None:
            return
        await self._take_setpoint()
        now = ua.DateTime.now(UTC)
        for tag in self._tags:
            value, condition = _sample(tag, self._line)
            if self._shown.get(tag.path) == (value, condition):
                continue
            self._shown[tag.path] = (value, condition)
            shown = ua.DataValue(
                ua.Variant(value, ua.VariantType[tag.kind.value]),
                ua.StatusCode(ua.UInt32(_STATUS[condition])),
                SourceTimestamp=now,
                ServerTimestamp=now,
            )
            await server.write_attribute_value(self._nodes[tag.path].nodeid, shown)

    async def _take_setpoint(self) -> None:
        if SPEED_SETPOINT not in self._shown:
            return
        written = await self._nodes[SPEED_SETPOINT].read_value()
        if written == self._shown[SPEED_SETPOINT][0]:
            return
        if math.isfinite(written):
            self._line.set_speed(written)
        del self._shown[SPEED_SETPOINT]  # what the client wrote may not be what the line took


class _Subscriptions(SubscriptionService):
    """Answers Republish as Part 4, 5.14.6 asks.

    asyncua 2.1 answers a sequence number it no longer has with an empty message, and a client that reconnects then
    asks for ever.
    """

    @override
    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        if params.SubscriptionId not in self.subscriptions:
            raise ServiceError(StatusCodes.BadSubscriptionIdInvalid)
        message = super().republish(params)
        if not message.NotificationData:
            raise ServiceError(StatusCodes.BadMessageNotAvailable)
        return message


def _internal_server() -> InternalServer:
    server = InternalServer()
    server.subscription_service = _Subscriptions(server.aspace, iserver=server)
    server.isession.subscription_service = server.subscription_service
    return server


async def _stop_clock(server: InternalServer) -> None:
    """Ends the server's clock at once; asyncua would wait for its next tick, up to a second."""
    clock, server.time_task = server.time_task, None
    if clock is not None:
        clock.cancel()
        await asyncio.wait([clock])


def _sample(tag: Tag, line: Line) -> tuple[bool | int | float | str, Condition]:
    value = tag.read(line)
    condition = tag.condition(line) if tag.condition else Condition.GOOD
    return (round(value, 3) if isinstance(value, float) else value), condition


async def _build(server: Server, namespace: int, tags: tuple[Tag, ...], line: Line) -> dict[str, Node]:
    """Makes folders and variables; returns the variable of each tag path."""
    folders: dict[str, Node] = {"": server.nodes.objects}
    nodes: dict[str, Node] = {}
    for tag in tags:
        folder = await _folder(folders, namespace, tag.path.rpartition(".")[0])
        nodes[tag.path] = await _variable(folder, namespace, tag, line)
        await asyncio.sleep(0)
    return nodes


async def _folder(folders: dict[str, Node], namespace: int, path: str) -> Node:
    if path not in folders:
        above, _, name = path.rpartition(".")
        parent = await _folder(folders, namespace, above)
        folders[path] = await parent.add_folder(_node_id(path, namespace), ua.QualifiedName(name, namespace))
    return folders[path]


async def _variable(folder: Node, namespace: int, tag: Tag, line: Line) -> Node:
    name = ua.QualifiedName(tag.path.rpartition(".")[2], namespace)
    value, _ = _sample(tag, line)
    node = await folder.add_variable(_node_id(tag.path, namespace), name, value, ua.VariantType[tag.kind.value])
    await node.write_attribute(
        AttributeIds.Description,
        ua.DataValue(ua.Variant(ua.LocalizedText(tag.meaning), ua.VariantType.LocalizedText)),
    )
    if tag.unit is not None:
        await node.add_property(
            _node_id(f"{tag.path}.EngineeringUnits", namespace), ua.QualifiedName("EngineeringUnits"), _unit(tag.unit)
        )
    if tag.span is not None:
        span = ua.Range(Low=float(tag.span[0]), High=float(tag.span[1]))
        await node.add_property(_node_id(f"{tag.path}.EURange", namespace), ua.QualifiedName("EURange"), span)
    if tag.writable:
        await node.set_writable()
    return node


def _node_id(path: str, namespace: int) -> ua.NodeId:
    return ua.NodeId(ua.String(path), ua.Int16(namespace))


def _unit(unit: Unit) -> ua.EUInformation:
    """Part 8, 5.6.3: the unit id is the UNECE code's characters, read as one number."""
    return ua.EUInformation(
        NamespaceUri=_UNECE_NAMESPACE,
        UnitId=int.from_bytes(unit.code.encode(), "big"),
        DisplayName=ua.LocalizedText(unit.symbol),
        Description=ua.LocalizedText(unit.name),
    )
