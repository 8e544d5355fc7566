"""Connections of the host: made once, tried out at a button, shared by all flows that name them."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from flowhost.catalog import Catalog
from flowhost.catalog.describe import describe_connection
from flowhost.engine.tasks import first_of
from flowhost.errors import ConfigError, ConflictError, FlowHostError, NotFoundError
from flowhost.graph.config_check import check_config
from flowhost.graph.document import ConnectionEntry
from flowhost.graph.jsonform import same
from flowhost.graph.report import Report
from flowhost.graph.shared import shared_names
from flowhost.services.access import Principal, demand
from flowhost.services.connection_restarts import ConnectionRestarts
from flowhost.services.connection_views import ConnectionChanged, ConnectionView, LinkState, OwnConnectionView, TestView
from flowhost.services.drafts import DraftService
from flowhost.services.flow_names import called
from flowhost.services.flows import FlowService
from flowhost.services.keeper import FlowKeeper
from flowhost.services.known_secrets import KnownSecrets
from flowhost.services.live import LiveFlow
from flowhost.services.secrets import SecretService
from flowhost.services.shared_connections import SharedConnections
from flowhost.services.views import ProblemView
from flowhost.services.workbench import Workbench
from flowhost.store import ConnectionRecord, ConnectionStore

log = logging.getLogger(__name__)

TEST_S = 20.0
"""How long a test may take, seconds."""
BROWSE_S = 10.0
"""How long a look around may take, seconds."""
QUICK_S = 1.0
"""How long somebody who saved a connection is kept waiting for flows to start anew with it, seconds."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
NOTHING_TYPED: Mapping[str, str] = MappingProxyType({})

Link: TypeAlias = str | tuple[ConnectionEntry, str]


class ConnectionService:
    """What a caller may do with connections. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(
        self,
        store: ConnectionStore,
        shared: SharedConnections,
        keeper: FlowKeeper,
        flows: FlowService,
        drafts: DraftService,
        catalog: Catalog,
        bench: Workbench,
        host_id: str,
        data_dir: Path,
        known: KnownSecrets,
        secrets: SecretService,
    ) -> None:
        self._store = store
        self._shared = shared
        self._keeper = keeper
        self._flows = flows
        self._drafts = drafts
        self._catalog = catalog
        self._bench = bench
        self._host_id = host_id
        self._data_dir = data_dir
        self._known = known
        self._secrets = secrets
        self._restarts = ConnectionRestarts(flows)
        self._under_way: set[asyncio.Task[ConnectionChanged]] = set()
        self._faults: dict[str, str] = {}
        self._tested: dict[str, TestView] = {}
        self._changing = asyncio.Lock()

    # -- look

    async def list(self, principal: Principal) -> tuple[ConnectionView, ...]:
        """Every connection, by name."""
        demand(principal, "connection.read")
        return tuple([await self._view(record) for record in await self._store.all()])

    async def of_flows(self, principal: Principal) -> tuple[OwnConnectionView, ...]:
        """Every connection that a deployed flow brings itself, by flow and name."""
        demand(principal, "connection.read")
        flows = sorted(self._keeper.flows.values(), key=lambda live: (live.document.name or live.id, live.id))
        return tuple(self._own(live, entry) for live in flows for _, entry in sorted(live.document.connections.items()))

    async def show(self, principal: Principal, name: str) -> ConnectionView:
        """One connection. Raises `NotFoundError`."""
        demand(principal, "connection.read")
        return await self._view(await self._record(name))

    async def types(self, principal: Principal) -> tuple[dict[str, Any], ...]:
        """Every installed connection type with its fields and help, as forms need it."""
        demand(principal, "connection.read")
        return await asyncio.to_thread(self._types)

    async def check(self, principal: Principal, type_id: str, config: Mapping[str, Any]) -> tuple[ProblemView, ...]:
        """What is wrong with a config; places begin with `config`. Raises `ConfigError` for an unknown type."""
        demand(principal, "connection.read")
        return await asyncio.to_thread(self._check, type_id, config)

    # -- change

    async def create(
        self, principal: Principal, name: str, type_id: str, config: Mapping[str, Any],
        typed: Mapping[str, str] = NOTHING_TYPED,
    ) -> ConnectionView:  # fmt: skip
        """A new connection.

        Args:
            principal: the caller.
            name: as flows will name it.
            type_id: of the connection.
            config: secrets as references.
            typed: secrets to be stored with it, by name.

        Raises:
            ConfigError: name, type, config or a secret is wrong; names the place.
            ConflictError: there is one of this name, or a secret cannot be stored.
        """
        demand(principal, "connection.edit")
        if not NAME.fullmatch(name):
            raise ConfigError("a name begins with a letter, then letters, digits, '-' and '_', 64 at most", "name")
        await self._demand_sound(type_id, config)
        async with self._secrets.kept(principal, typed) as stored:
            record = await self._store.add(name, type_id, dict(config), principal.name)
        self._shared.put(record)
        log.info("connection %s was made by %s", name, principal.name)
        await self._secrets.restart_users(stored, principal, ())
        return await self._view(record)

    async def change(
        self, principal: Principal, name: str, config: Mapping[str, Any], version: int,
        typed: Mapping[str, str] = NOTHING_TYPED,
    ) -> ConnectionChanged:  # fmt: skip
        """Give a connection another config; running flows that use it start anew: one, then all others together.

        Args:
            principal: the caller.
            name: of the connection.
            config: all of it, secrets as references.
            version: number of the version the caller saw.
            typed: secrets to be stored with it, by name; flows that use them elsewhere start anew, too.

        Raises:
            NotFoundError: there is none of this name.
            ConfigError: the config is wrong, or a flow does not start with it; everything is as it was before.
            ConflictError: somebody else changed it meanwhile.
        """
        demand(principal, "connection.edit")
        return await self._change_all(principal, name, config, version, typed, asyncio.Event())

    async def change_soon(
        self, principal: Principal, name: str, config: Mapping[str, Any], version: int,
        typed: Mapping[str, str] = NOTHING_TYPED,
    ) -> ConnectionChanged:  # fmt: skip
        """As `change`, for somebody who waits before a screen: returns once it is kept and flows had `QUICK_S`.

        Flows that need longer start anew all the same; the connection's view says which, and what went wrong.
        """
        demand(principal, "connection.edit")
        saved = asyncio.Event()
        work = self._change_all(principal, name, config, version, typed, saved)
        change = asyncio.create_task(work, name=f"change of connection {name}")
        self._under_way.add(change)
        change.add_done_callback(partial(self._changed_late, name))
        await asyncio.wait({change}, timeout=QUICK_S)
        await first_of(saved.wait(), asyncio.wait({change}))
        if change.done():
            self._faults.pop(name, None)
            return change.result()
        left = self._restarts.going_on.get(name, ())
        return ConnectionChanged(connection=await self.show(principal, name), restarting=left)

    async def close(self) -> None:
        """Returns when every change has come to its end: half of one would be worse than a late stop."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def delete(self, principal: Principal, name: str) -> None:
        """Forget a connection.

        Raises:
            NotFoundError: there is none of this name.
            ConflictError: flows use it; names them.
        """
        demand(principal, "connection.edit")
        async with self._changing:
            record = await self._record(name)
            users = await self._users(name)
            if users:
                names = ", ".join(map(self._called, users))
                raise ConflictError(f"connection {name!r} is used by {names}: give them another one first")
            await self._store.delete(record.name)
            self._shared.drop(name)
            self._tested.pop(name, None)
            self._faults.pop(name, None)
            log.info("connection %s was deleted by %s", name, principal.name)

    # -- try

    async def test(self, principal: Principal, name: str) -> TestView:
        """Try a connection out, with a link of its own. Raises `NotFoundError`; what fails is the result."""
        demand(principal, "connection.test")
        record = await self._record(name)
        entry = ConnectionEntry(name=name, type=record.type, config=record.config)
        result = self._tested[name] = await self._test(entry, self._data_dir)
        return result

    async def test_own(self, principal: Principal, flow_id: str, name: str) -> TestView:
        """Try out a connection that a flow brings itself. Raises `NotFoundError`; what fails is the result."""
        demand(principal, "connection.test")
        live = self._keeper.flows.get(flow_id)
        entry = live.document.connections.get(name) if live is not None else None
        if entry is None:
            raise NotFoundError(f"flow {flow_id!r} brings no connection {name!r}")
        result = self._tested[_own_key(flow_id, name)] = await self._test(entry, self.base_dir(flow_id))
        return result

    async def try_out(
        self, principal: Principal, type_id: str, config: Mapping[str, Any], name: str = "new", flow_id: str = "",
        typed: Mapping[str, str] = NOTHING_TYPED,
    ) -> TestView:  # fmt: skip
        """Try a config out that is not kept yet, or is a flow's own.

        Args:
            principal: the caller.
            type_id: of the connection.
            config: secrets as references.
            name: for sentences.
            flow_id: the flow it belongs to; relative paths are relative to its folder.
            typed: secrets that are not stored yet, by name.
        """
        demand(principal, "connection.edit")
        entry = ConnectionEntry(name=name, type=type_id, config=dict(config))
        return await self._test(entry, self.base_dir(flow_id), typed)

    async def browse(self, principal: Principal, link: Link, request: Mapping[str, Any]) -> dict[str, Any]:
        """What can be picked at the target of a connection, for a form.

        Args:
            principal: the caller.
            link: a name of the host's connections, or a connection of a flow's own with the flow's id.
            request: fields of `flowhost.sdk.BrowseRequest`.

        Returns:
            `{items: [{value, label, detail, opens}], note}`.

        Raises:
            NotFoundError: there is no connection of this name.
            NodeError: the target refused, or is away.
        """
        if isinstance(link, str):
            demand(principal, "connection.test")
            record = await self._record(link)
            entry, base_dir = ConnectionEntry(name=link, type=record.type, config=record.config), self._data_dir
        else:
            demand(principal, "connection.edit")
            entry, base_dir = link[0], self.base_dir(link[1])
        await self._known.look_again()
        facts = self.facts(entry, base_dir)
        found: dict[str, Any] = await self._bench.do("browse", BROWSE_S, request=dict(request), **facts)
        return found

    def facts(self, entry: ConnectionEntry, base_dir: Path, typed: Mapping[str, str] = NOTHING_TYPED) -> dict[str, Any]:
        """What the workbench needs to make a connection. Raises `ConfigError` as `KnownSecrets.of` does."""
        return {
            "name": entry.name, "type": entry.type, "config": entry.config,
            "secrets": self._known.of([entry.config], typed),
            "host_id": self._host_id, "base_dir": str(base_dir),
        }  # fmt: skip

    def base_dir(self, flow_id: str) -> Path:
        """What relative paths of a flow's own connections are relative to."""
        live = self._keeper.flows.get(flow_id)
        return Path(live.record.base_dir) if live is not None and live.record.base_dir else self._data_dir

    # -- inside

    async def _test(self, entry: ConnectionEntry, base_dir: Path, typed: Mapping[str, str] = NOTHING_TYPED) -> TestView:
        await self._known.look_again()
        try:
            text = await self._bench.do("test", TEST_S, **self.facts(entry, base_dir, typed))
        except FlowHostError as error:
            return TestView(ok=False, text=str(error), at=datetime.now(UTC))
        return TestView(ok=True, text=str(text), at=datetime.now(UTC))

    async def _change_all(
        self, principal: Principal, name: str, config: Mapping[str, Any], version: int, typed: Mapping[str, str],
        saved: asyncio.Event,
    ) -> ConnectionChanged:  # fmt: skip
        """The connection, the secrets typed with it, and the flows that use either; tells once it is kept."""
        async with self._changing:
            self._faults.pop(name, None)
            async with self._secrets.kept(principal, typed) as stored:
                changed = await self._change(principal, name, config, version, saved)
            others = await self._secrets.restart_users(stored, principal, changed.restarted)
            return replace(changed, restarted=(*changed.restarted, *others.restarted))

    def _changed_late(self, name: str, change: asyncio.Task[ConnectionChanged]) -> None:
        self._under_way.discard(change)
        error = None if change.cancelled() else change.exception()
        if isinstance(error, FlowHostError):
            self._faults[name] = str(error)
        elif error is not None:
            log.error("change of connection %s failed", name, exc_info=error)

    async def _change(
        self, principal: Principal, name: str, config: Mapping[str, Any], version: int, saved: asyncio.Event
    ) -> ConnectionChanged:
        before = await self._record(name)
        await self._demand_sound(before.type, config)
        if same(before.config, dict(config)) and before.version == version:
            return ConnectionChanged(connection=await self._view(before))
        record = await self._store.change(name, dict(config), version, principal.name)
        self._shared.put(record)
        self._tested.pop(name, None)
        log.info("connection %s was changed by %s", name, principal.name)
        saved.set()

        async def take_back() -> None:
            self._shared.put(await self._store.change(name, before.config, record.version, principal.name))

        restarted = await self._restarts(name, principal.name, self._running(name), take_back)
        return ConnectionChanged(connection=await self._view(record), restarted=restarted)

    async def _record(self, name: str) -> ConnectionRecord:
        for record in await self._store.all():
            if record.name == name:
                return record
        raise NotFoundError(f"there is no connection {name!r} on this host")

    async def _users(self, name: str) -> tuple[str, ...]:
        deployed = {live.id for live in self._keeper.flows.values() if name in shared_names(live.document)}
        return tuple(sorted(deployed | await self._drafts.users_of(name)))

    def _called(self, flow_id: str) -> str:
        live = self._keeper.flows.get(flow_id)
        return called(live.document.name if live is not None else "", flow_id)

    def _running(self, name: str) -> Sequence[LiveFlow]:
        """Flows that have it open, or shall."""
        flows = sorted(self._keeper.flows.values(), key=lambda live: live.id)
        return [live for live in flows if live.desired == "running" and name in shared_names(live.document)]

    async def _view(self, record: ConnectionRecord) -> ConnectionView:
        kind = self._catalog.connections.get(record.type)
        running = self._running(record.name)
        state, text = self._state(record, running)
        ailing = {
            f"{live.id}/{node}": why
            for live in running
            if state == "up"
            for node, why in _ailing(live, record.name).items()
        }
        used_by = await self._users(record.name)
        return ConnectionView(
            name=record.name, type=record.type, title=kind.spec.title if kind else record.type, config=record.config,
            version=record.version, changed_by=record.changed_by, changed_at=record.changed_at, state=state, text=text,
            used_by=used_by, running=tuple(live.id for live in running),
            called={flow: self._called(flow) for flow in {*used_by, *(live.id for live in running)}},
            ailing=tuple(ailing), cause=next(iter(ailing.values()), ""),
            tested=self._tested.get(record.name), restarting=self._restarts.going_on.get(record.name, ()),
            fault=self._faults.get(record.name, ""),
        )  # fmt: skip

    def _own(self, live: LiveFlow, entry: ConnectionEntry) -> OwnConnectionView:
        kind = self._catalog.connections.get(entry.type)
        told = live.snapshot if live.run is not None else None
        seen = told.connections.get(entry.name) if told is not None else None
        users = tuple(node.id for node in live.document.nodes.values() if node.connection == entry.name)
        state: LinkState = "idle" if seen is None else "up" if seen.up else "down"
        ailing = _ailing(live, entry.name) if state == "up" else {}
        return OwnConnectionView(
            flow_id=live.id, flow_name=live.document.name or live.id, name=entry.name, type=entry.type,
            title=kind.spec.title if kind else entry.type, state=state if kind else "unknown",
            text=(seen.text if seen else "") if kind else f"the plugin that brings {entry.type} is not installed",
            nodes=users, ailing=tuple(ailing), cause=next(iter(ailing.values()), ""),
            tested=self._tested.get(_own_key(live.id, entry.name)),
        )  # fmt: skip

    def _state(self, record: ConnectionRecord, running: Sequence[LiveFlow]) -> tuple[LinkState, str]:
        """The worst that running flows see."""
        if record.type not in self._catalog.connections:
            return "unknown", f"the plugin that brings {record.type} is not installed"
        seen = [
            link
            for live in running
            if live.run is not None and live.snapshot is not None
            if (link := live.snapshot.connections.get(record.name)) is not None
        ]
        down = [link for link in seen if not link.up]
        if down:
            return "down", down[0].text
        return ("up", seen[0].text) if seen else ("idle", "no flow that uses it runs now")

    def _types(self) -> tuple[dict[str, Any], ...]:
        described = []
        for type_id, kind in sorted(self._catalog.connections.items()):
            users = [name for name, node in sorted(self._catalog.nodes.items()) if node.spec.connection == type_id]
            facts = describe_connection(kind, users)
            del facts["schema"]
            described.append(facts)
        return tuple(sorted(described, key=lambda facts: str(facts["title"])))

    def _check(self, type_id: str, config: Mapping[str, Any]) -> tuple[ProblemView, ...]:
        kind = self._catalog.connections.get(type_id)
        if kind is None:
            raise ConfigError(
                f"connection type {type_id!r} is not installed; install the plugin that brings it", "type"
            )
        report = Report(None)
        name = type_id.partition(".")[0]
        check_config(report, ("connections", name, "config"), kind.Config, config, self._catalog.functions, os.environ)
        skipped = len(f"connections.{name}.")
        return tuple(
            ProblemView(place=one.place[skipped:], message=one.message, severity=one.severity, code=one.code)
            for one in report.problems()
        )

    async def _demand_sound(self, type_id: str, config: Mapping[str, Any]) -> None:
        errors = [one for one in await asyncio.to_thread(self._check, type_id, config) if one.severity == "error"]
        if errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise ConfigError(errors[0].message + more, errors[0].place)


def _ailing(live: LiveFlow, name: str) -> dict[str, str]:
    """Nodes that try again or gave up although their connection is up, each with its cause: a locked file is open."""
    told = live.snapshot if live.run is not None else None
    if told is None:
        return {}
    users = (node.id for node in live.document.nodes.values() if node.connection == name)
    seen = {user: told.nodes[user] for user in users if user in told.nodes}
    return {user: node.last_error or node.text for user, node in seen.items() if node.state in ("retrying", "failed")}


def _own_key(flow_id: str, name: str) -> str:
    """Where the test of a flow's own connection is kept; no name of the host's connections has a blank."""
    return f"{flow_id} {name}"
