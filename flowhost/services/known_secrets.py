"""The secrets of the host as flows need them, held in memory so that starts never wait for a database."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from typing_extensions import override

from flowhost.errors import ConfigError
from flowhost.graph.document import FlowDocument
from flowhost.graph.references import EnvironmentSecrets, find_references
from flowhost.store import SecretRecord

Read = Callable[[], Awaitable[Sequence[SecretRecord]]]


class KnownSecrets(Mapping[str, str]):
    """Values by name: the environment's before the store's. It is never printed with its values.

    Args:
        read: what the store holds.
        environ: the host's environment.
    """

    def __init__(self, read: Read, environ: Mapping[str, str] | None = None) -> None:
        self.environment = EnvironmentSecrets(os.environ if environ is None else environ)
        self._read = read
        self._stored: dict[str, SecretRecord] = {}

    @override
    def __getitem__(self, name: str) -> str:
        if name in self.environment:
            return self.environment[name]
        value = self._stored[name].value
        if value is None:
            raise KeyError(name)
        return value

    @override
    def __iter__(self) -> Iterator[str]:
        return iter({*self.environment, *(name for name, one in self._stored.items() if one.value is not None)})

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def stored(self) -> Mapping[str, SecretRecord]:
        """What is in the store, by name; also what cannot be read."""
        return self._stored

    @property
    def problems(self) -> Sequence[str]:
        """Why secrets of the store cannot be read; empty where all can."""
        return [one.problem for one in self._stored.values() if one.problem]

    async def load(self) -> None:
        """Take what is kept."""
        self._stored = {one.name: one for one in await self._read()}

    async def look_again(self) -> None:
        """Somebody may have put the key back: read again what could not be read. Else it asks no database."""
        if self.problems:
            await self.load()

    def put(self, record: SecretRecord) -> None:
        """A new one, or one with another value."""
        self._stored[record.name] = record

    def drop(self, name: str) -> None:
        """One is gone."""
        self._stored.pop(name, None)

    def of(self, configs: Sequence[Any], typed: Mapping[str, str] | None = None) -> dict[str, str]:
        """Values of the secrets that configs name, and no others. One that is not set is left to whoever reads them.

        Args:
            configs: what names them.
            typed: values that are not kept yet; they go first.

        Raises:
            ConfigError: a reference is written wrongly, or the key does not open a secret; says which file is missing.
        """
        typed = typed or {}
        found: dict[str, str] = {}
        for reference in (one for config in configs for one in find_references(config) if one.kind == "secret"):
            name = reference.name
            if name in typed:
                found[name] = typed[name]
            elif name in self:
                found[name] = self[name]
            elif name in self._stored:
                raise ConfigError(self._stored[name].problem)
        return found

    def of_flow(self, document: FlowDocument) -> dict[str, str]:
        """The secrets a flow names, and no others. Raises as `of` does."""
        return self.of(configs_of(document))


def configs_of(document: FlowDocument) -> list[Any]:
    """Every config of a flow."""
    configs = [node.config for node in document.nodes.values()]
    return configs + [connection.config for connection in document.connections.values()]
