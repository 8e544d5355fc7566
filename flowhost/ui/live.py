"""Live figures: one question per second and subject to the host, however many pages look, and the answer for all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nicegui import Client, background_tasks, ui

from flowhost.errors import FlowHostError, NotFoundError
from flowhost.services.connection_views import ConnectionView, OwnConnectionView
from flowhost.services.host_views import AlarmView, DemoSwitchView, HostStatus, PluginView
from flowhost.services.secret_views import SecretView
from flowhost.services.views import FlowDetail, FlowOverview, RunDetail, RunSummary
from flowhost.ui.caller import caller
from flowhost.ui.graph_view.figures import figures_text

if TYPE_CHECKING:
    from flowhost.services.host import Host

log = logging.getLogger(__name__)
T = TypeVar("T")
Watching = AbstractAsyncContextManager[None]

PERIOD_S = 1.0


@dataclass(frozen=True)
class FlowNow:
    """A flow with its figures, and the text its pictures need, written once for all viewers."""

    detail: FlowDetail
    figures: str


@dataclass(frozen=True)
class Viewer(Generic[T]):
    """A page that looks: what it does with an answer, with the news that there is none, and that its thing is gone."""

    client: Client
    show: Callable[[T], None]
    stale: Callable[[str], None]
    gone: Callable[[], None] | None = None

    def fail(self, error: FlowHostError) -> None:
        """There is no answer."""
        if self.gone is not None and isinstance(error, NotFoundError):
            self.gone()
        else:
            self.stale(str(error))


class Feed(Generic[T]):
    """Asks while somebody looks, and hands the answer to every viewer.

    Args:
        name: for task list and log.
        fetch: the question.
        period_s: pause between two questions, seconds.
        watched: ids of the flows whose last values are to be collected meanwhile, from the newest answer.
        watch: how to have them collected.
    """

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Awaitable[T]],
        *,
        period_s: float | None = None,
        watched: Callable[[T], Iterable[str]] | None = None,
        watch: Callable[[str], Watching] | None = None,
    ) -> None:
        self.name = name
        self._fetch = fetch
        self._period_s = period_s or PERIOD_S
        self._watched = watched
        self._watch = watch
        self._watching: dict[str, Watching] = {}
        self._viewers: list[Viewer[T]] = []
        self._running = False
        self._newest: T | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """True when nobody looks and nothing runs."""
        return not self._viewers and not self._running

    @property
    def newest(self) -> T | None:
        """The answer of a moment ago, while somebody looks."""
        return self._newest if self._running else None

    async def now(self) -> T:
        """One answer, for building a page."""
        return await self._fetch()

    def follow(
        self, show: Callable[[T], None], stale: Callable[[str], None], gone: Callable[[], None] | None = None
    ) -> None:
        """Let the current page see every answer until its browser is gone.

        Args:
            show: told every answer.
            stale: told why there is none.
            gone: told that the host answers, and has no such thing any more; left out, that is said as `stale`.
        """
        viewer = Viewer(ui.context.client, show, stale, gone)
        self._viewers.append(viewer)
        viewer.client.on_delete(lambda: self._leave(viewer))
        if not self._running:
            self._running = True
            self._task = background_tasks.create(self._ask(), name=f"live {self.name}")

    def _leave(self, viewer: Viewer[T]) -> None:
        if viewer in self._viewers:
            self._viewers.remove(viewer)

    async def _ask(self) -> None:
        try:
            while self._viewers:
                await self._ask_once()
                await asyncio.sleep(self._period_s)
        finally:
            self._running = False
            for flow_id in tuple(self._watching):
                await self._unwatch(flow_id)

    async def _ask_once(self) -> None:
        try:
            answer = await self._fetch()
            await self._follow_watched(answer)
        except FlowHostError as error:
            known = error
            self._tell(lambda viewer: viewer.fail(known))
        except Exception as error:  # the page says that it is old, the next second tries again
            log.exception("live %s: no answer from the host", self.name)
            reason = f"{type(error).__name__}: {error}"
            self._tell(lambda viewer: viewer.stale(reason))
        else:
            self._newest = answer
            self._tell(lambda viewer: viewer.show(answer))

    def _tell(self, tell: Callable[[Viewer[T]], None]) -> None:
        for viewer in tuple(self._viewers):
            if viewer.client.is_deleted:
                self._leave(viewer)
            else:
                tell(viewer)

    async def _follow_watched(self, answer: T) -> None:
        if self._watched is None or self._watch is None:
            return
        wanted = set(self._watched(answer))
        for flow_id in wanted - self._watching.keys():
            watching = self._watch(flow_id)
            await watching.__aenter__()
            self._watching[flow_id] = watching
        for flow_id in self._watching.keys() - wanted:
            await self._unwatch(flow_id)

    async def _unwatch(self, flow_id: str) -> None:
        await self._watching.pop(flow_id).__aexit__(None, None, None)


class Live:
    """All feeds of the pages, made when first looked at."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.status: Feed[HostStatus] = Feed("host", lambda: host.system.status(caller()), period_s=2.0)
        self.alarms: Feed[tuple[AlarmView, ...]] = Feed("alarms", lambda: host.alarms.list(caller()))
        self.lately: Feed[tuple[AlarmView, ...]] = Feed(
            "alarms that are over", lambda: host.alarms.lately(caller()), period_s=5.0
        )
        self.overview: Feed[tuple[FlowOverview, ...]] = Feed(
            "overview",
            lambda: host.flows.list(caller()),
            watched=lambda flows: [flow.id for flow in flows if flow.state in ("starting", "running", "draining")],
            watch=lambda flow_id: host.flows.watch(caller(), flow_id),
        )
        self.connections: Feed[tuple[ConnectionView, ...]] = Feed(
            "connections", lambda: host.connections.list(caller())
        )
        self.secrets: Feed[tuple[SecretView, ...]] = Feed("secrets", lambda: host.secrets.list(caller()), period_s=3.0)
        self.own_connections: Feed[tuple[OwnConnectionView, ...]] = Feed(
            "connections of flows", lambda: host.connections.of_flows(caller())
        )
        self.plugins: Feed[tuple[PluginView, ...]] = Feed("plugins", lambda: host.plugins.list(caller()), period_s=10.0)
        self.is_demo = host.plant is not None
        self.demo: Feed[tuple[DemoSwitchView, ...]] = Feed("demo", lambda: host.demo.switches(caller()))
        self._flows: dict[str, Feed[FlowNow]] = {}
        self._runs: dict[str | None, Feed[tuple[RunSummary, ...]]] = {}
        self._run: dict[int, Feed[RunDetail]] = {}

    def flow(self, flow_id: str) -> Feed[FlowNow]:
        """One flow with its figures and last values."""
        return self._of(
            self._flows,
            flow_id,
            lambda: Feed(
                f"flow {flow_id}",
                lambda: self._flow_now(flow_id),
                watched=lambda _: [flow_id],
                watch=lambda watched: self.host.flows.watch(caller(), watched),
            ),
        )

    def runs(self, flow_id: str | None) -> Feed[tuple[RunSummary, ...]]:
        """The newest runs, of one flow or of all."""
        return self._of(
            self._runs,
            flow_id,
            lambda: Feed(f"runs {flow_id or ''}", lambda: self.host.runs.list(caller(), flow_id, 100), period_s=2.0),
        )

    def run(self, run_id: int) -> Feed[RunDetail]:
        """One run with events and figures."""
        return self._of(
            self._run,
            run_id,
            lambda: Feed(f"run {run_id}", lambda: self.host.runs.detail(caller(), run_id), period_s=2.0),
        )

    async def _flow_now(self, flow_id: str) -> FlowNow:
        detail = await self.host.flows.detail(caller(), flow_id)
        return FlowNow(detail, figures_text(detail))

    @staticmethod
    def _of(feeds: dict[Any, Feed[T]], key: Any, make: Callable[[], Feed[T]]) -> Feed[T]:
        for other in [other for other, feed in feeds.items() if feed.idle and other != key]:
            del feeds[other]
        if key not in feeds:
            feeds[key] = make()
        return feeds[key]
