"""Flows start anew when a secret they use has changed."""

from __future__ import annotations

from collections.abc import Collection

from flowhost.errors import ConfigError
from flowhost.graph.document import FlowDocument
from flowhost.graph.references import secret_names
from flowhost.services.flows import FlowService
from flowhost.services.keeper import FlowKeeper
from flowhost.services.known_secrets import KnownSecrets, configs_of
from flowhost.services.secret_views import Restarts
from flowhost.services.shared_connections import SharedConnections


class SecretRestarts:
    """The flows of a running host, as the service for secrets needs them."""

    def __init__(self, keeper: FlowKeeper, flows: FlowService, shared: SharedConnections, known: KnownSecrets) -> None:
        self._keeper = keeper
        self._flows = flows
        self._shared = shared
        self._known = known

    async def __call__(self, names: Collection[str], by: str, done: Collection[str] = ()) -> Restarts:
        """Start anew, one after the other, what runs or shall run and uses one of these secrets.

        Args:
            names: of the secrets.
            by: who changed them.
            done: flows that have started since.
        """
        restarted, not_started = [], []
        for live in sorted(self._keeper.flows.values(), key=lambda one: one.id):
            used = self._used(live.document)
            # one that lacks another secret too would only be given up: it starts when that one comes
            if (
                live.desired != "running"
                or live.id in done
                or not used & set(names)
                or used - set(self._known_of(used))
            ):
                continue
            why = f"secret {', '.join(map(repr, sorted(used & set(names))))} was changed by"
            try:
                await self._flows.restart(live, by, why=why)
            except ConfigError as error:
                not_started.append(f"{live.id}: {error}")
            else:
                restarted.append(live.id)
        return Restarts(restarted=tuple(restarted), not_started=tuple(not_started))

    def _used(self, document: FlowDocument) -> frozenset[str]:
        """Also those its connections name."""
        return secret_names(configs_of(self._shared.complete(document)))

    def _known_of(self, names: Collection[str]) -> list[str]:
        return [name for name in names if name in self._known]
