"""The host's secret store: passwords are put in and used, and never come out again."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from flowhost.errors import ConfigError, ConflictError, NotFoundError
from flowhost.graph.references import KEY_SETTING, SECRET_NAME, secret_names, secret_variable
from flowhost.services.access import Principal, demand
from flowhost.services.known_secrets import KnownSecrets
from flowhost.services.secret_views import Restarts, SecretChanged, SecretView
from flowhost.store import SecretRecord, Store

log = logging.getLogger(__name__)

LONGEST_NAME = 128
LONGEST = 65_536
"""Characters a secret may have: room for a private key with its certificates."""


class RestartFlows(Protocol):
    """Starts anew what uses secrets that have changed; see `flowhost.services.secret_restarts.SecretRestarts`."""

    async def __call__(self, names: Collection[str], by: str, done: Collection[str] = ()) -> Restarts: ...


@dataclass(frozen=True)
class _Users:
    connections: dict[str, frozenset[str]]
    flows: dict[str, frozenset[str]]

    def of(self, name: str, *, as_variable: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Connections and flows that name it; a variable of the environment serves every spelling of its name."""

        def names_it(names: frozenset[str]) -> bool:
            return name in names or (as_variable and secret_variable(name) in map(secret_variable, names))

        return (
            tuple(sorted(one for one, names in self.connections.items() if names_it(names))),
            tuple(sorted(one for one, names in self.flows.items() if names_it(names))),
        )

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*self.connections.values(), *self.flows.values())


class SecretService:
    """What a caller may do with secrets. Every method raises `ForbiddenError` for a caller without the role.

    Args:
        store: of the data folder.
        known: values in memory, for those that start flows.
        restart: starts flows anew; None where no host runs.
    """

    def __init__(self, store: Store, known: KnownSecrets, restart: RestartFlows | None = None) -> None:
        self._store = store
        self._known = known
        self._restart = restart
        self._changing = asyncio.Lock()

    async def list(self, principal: Principal) -> tuple[SecretView, ...]:
        """Every secret that is set or named somewhere, by name; never a value."""
        demand(principal, "secret.read")
        await self._known.look_again()
        users = await self._users()
        environment = self._known.environment
        names = {*self._known.stored, *(name for name in users.names if name not in environment)}
        # the store's spelling of a name stands for the variable's
        spelt = {secret_variable(name) for name in names}
        names |= {name for name in environment if secret_variable(name) not in spelt}
        return tuple(self._view(name, users) for name in sorted(names))

    async def put(self, principal: Principal, name: str, value: str) -> SecretChanged:
        """Keep a secret; running flows that use it start anew, one after the other.

        Args:
            principal: the caller.
            name: letters, digits, `_`, `.` and `-`.
            value: what is kept, as it is.

        Raises:
            ConfigError: name or value cannot be taken; the message does not quote the value.
            ConflictError: the environment sets this name, or the key is missing.
            HostError: the key cannot be read or written.
        """
        demand(principal, "secret.edit")
        self._demand_free(name, value)
        async with self._changing:
            await self._known.look_again()
            restarts = Restarts()
            if await self._keep(principal, name, value):
                restarts = await self._restart_users([name], principal)
        return SecretChanged(
            secret=self._view(name, await self._users()),
            restarted=restarts.restarted, not_started=restarts.not_started,
        )  # fmt: skip

    async def delete(self, principal: Principal, name: str) -> None:
        """Forget a secret.

        Raises:
            NotFoundError: there is none of this name in the store.
            ConflictError: connections or flows use it; names them.
        """
        demand(principal, "secret.edit")
        async with self._changing:
            from_environment = name in self._known.environment
            if name not in self._known.stored:
                if from_environment:
                    raise NotFoundError(f"secret {name!r} is not in the store: {_set_by(name)}")
                raise NotFoundError(f"there is no secret {name!r} in the store of this host")
            connections, flows = (await self._users()).of(name, as_variable=False)
            if (connections or flows) and not from_environment:
                users = [f"connection {one}" for one in connections] + [f"flow {one}" for one in flows]
                raise ConflictError(f"secret {name!r} is used by {', '.join(users)}: take it out there first")
            await self._store.secrets.delete(name)
            self._known.drop(name)
            log.info("secret %s was deleted by %s", name, principal.name)

    @asynccontextmanager
    async def kept(self, principal: Principal, typed: Mapping[str, str]) -> AsyncIterator[Sequence[str]]:
        """Keep what was typed into a form together with what the form is for: if that fails, all is as before.

        Flows are not started anew: see `restart_users`.

        Args:
            principal: the caller.
            typed: values by name.

        Yields:
            Names whose value is another one now.
        """
        if typed:
            demand(principal, "secret.edit")
        for name, value in typed.items():
            self._demand_free(name, value)
        async with self._changing:
            await self._known.look_again()
            before = {name: self._known.stored.get(name) for name in typed}
            changed = []
            try:
                for name, value in typed.items():
                    if await self._keep(principal, name, value):
                        changed.append(name)
                yield changed
            except BaseException:
                await self._take_back({name: before[name] for name in changed})
                # those that were started with the other value meanwhile
                await self._restart_users([name for name in changed if before[name] is not None], principal)
                raise

    async def restart_users(self, names: Collection[str], principal: Principal, done: Collection[str]) -> Restarts:
        """Start anew what uses one of these secrets, but for flows that have started since."""
        return await self._restart_users(names, principal, done)

    # -- inside

    def _demand_free(self, name: str, value: object) -> None:
        if not SECRET_NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            msg = f"a name begins with a letter, then letters, digits, '_', '.' and '-', {LONGEST_NAME} at most"
            raise ConfigError(msg, "name")
        if secret_variable(name) == KEY_SETTING:
            raise ConfigError(f"{name!r} is taken: {KEY_SETTING} is a setting of the host; choose another name", "name")
        if not isinstance(value, str) or not value:
            raise ConfigError("a secret is text of at least one character", "value")
        if len(value) > LONGEST:
            raise ConfigError(f"a secret has {LONGEST:,} characters at most", "value")
        if name in self._known.environment:
            raise ConflictError(f"secret {name!r} cannot be stored: {_set_by(name)}, and that goes before the store")

    async def _keep(self, principal: Principal, name: str, value: str) -> bool:
        """Whether it is another value than before."""
        before = self._known.stored.get(name)
        if before is not None and before.value is not None and _same(before.value, value):
            return False
        self._known.put(await self._store.secrets.put(name, value, principal.name))
        log.info("secret %s was stored by %s", name, principal.name)
        return True

    async def _take_back(self, before: Mapping[str, SecretRecord | None]) -> None:
        for name, record in before.items():
            if record is not None and record.value is not None:
                self._known.put(await self._store.secrets.put(name, record.value, record.changed_by))
            elif record is None:
                await self._store.secrets.delete(name)
                self._known.drop(name)

    async def _restart_users(
        self, names: Collection[str], principal: Principal, done: Collection[str] = ()
    ) -> Restarts:
        if not names or self._restart is None:
            return Restarts()
        restarts = await self._restart(names, principal.name, done)
        for text in restarts.not_started:
            log.warning("a flow does not start with a changed secret: %s", text)
        return restarts

    async def _users(self) -> _Users:
        connections = {one.name: secret_names(one.config) for one in await self._store.connections.all()}
        flows = {one.id: secret_names(one.document) for one in await self._store.flows.all()}
        for flow_id, draft in (await self._store.drafts.all()).items():
            flows[flow_id] = flows.get(flow_id, frozenset()) | secret_names(draft.document)
        return _Users(connections, flows)

    def _view(self, name: str, users: _Users) -> SecretView:
        from_environment = name in self._known.environment
        connections, flows = users.of(name, as_variable=from_environment)
        record = self._known.stored.get(name)
        return SecretView(
            name=name, source="environment" if from_environment else "store" if record else "nowhere",
            stored=record is not None, changed_by=record.changed_by if record else "",
            changed_at=record.changed_at if record else None, connections=connections, flows=flows,
            problem="" if record is None or from_environment else record.problem,
        )  # fmt: skip


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _set_by(name: str) -> str:
    return f"the environment variable {secret_variable(name)} of the host sets it"
