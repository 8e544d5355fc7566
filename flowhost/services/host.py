"""The host: database, catalog and fleet joined. Its four services are the one door for pages, REST and commands."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time

from flowhost.catalog import Catalog, load_catalog
from flowhost.errors import FlowFileError, HostError
from flowhost.fleet import Fleet, LocalFleet
from flowhost.graph.jsonform import from_json
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.alarm_rules import Thresholds
from flowhost.services.alarms import AlarmService
from flowhost.services.asks import Asks
from flowhost.services.by_hand import HandService
from flowhost.services.connections import ConnectionService
from flowhost.services.data_folder import DataFolder
from flowhost.services.dead_letters import DeadLetterService
from flowhost.services.demo_switches import DemoService, Plant
from flowhost.services.drafts import DraftService
from flowhost.services.flow_files import FlowFileService, HostPlace
from flowhost.services.flow_search import FlowSearch
from flowhost.services.flow_templates import TemplateService
from flowhost.services.flow_text import FlowTextService
from flowhost.services.flows import FlowService
from flowhost.services.history import HistoryWriter
from flowhost.services.housekeeping import Housekeeping
from flowhost.services.keeper import FlowKeeper
from flowhost.services.known_secrets import KnownSecrets
from flowhost.services.letter_files import HostLetters
from flowhost.services.plugins import PluginService
from flowhost.services.runs import RunService
from flowhost.services.samples import SampleService
from flowhost.services.secret_restarts import SecretRestarts
from flowhost.services.secrets import SecretService
from flowhost.services.settings import Settings
from flowhost.services.shared_connections import SharedConnections
from flowhost.services.system import HostService
from flowhost.services.workbench import Workbench
from flowhost.store import Store

log = logging.getLogger(__name__)

HEARTBEAT_FRESH_S = 3.0
DATABASE_ANSWER_S = 2.0
HOST_LOST = "the host ended without warning: it was killed, or the power was cut"


class Host:
    """One FlowHost.

        host = Host(settings)
        await host.start()
        rows = await host.flows.list(LOCAL_USER)
        await host.stop()

    The services exist from `start` on.

    Attributes:
        token: proves that a request comes from a command on this machine; in `host.json`, made anew at each start.
        flows: list, look, start, stop, bring in, delete.
        drafts: edit, check, deploy.
        runs: history.
        dead_letters: list, edit, retry, discard, export, import.
        plugins: what is installed.
        system: the host itself.
        asks: answers forms and editors.
        templates: whole flows that only have to be told a few things.
        samples: tries drafts and expressions out.
        hand: sends what sources have saved, now.
        connections: those that flows share: list, make, change, test.
        secrets: passwords and keys: list by name, put in, delete.
        demo: switches of the demo's plant; only a host that was given a plant has it.
        plant: the demo's plant, or None.
        alarms: what is wrong.
        folder: the data folder, held from `claim` or `start` until `stop`.
    """

    flows: FlowService
    drafts: DraftService
    texts: FlowTextService
    search: FlowSearch
    files: FlowFileService
    connections: ConnectionService
    secrets: SecretService
    asks: Asks
    samples: SampleService
    hand: HandService
    templates: TemplateService
    runs: RunService
    dead_letters: DeadLetterService
    plugins: PluginService
    system: HostService
    demo: DemoService
    alarms: AlarmService

    def __init__(self, settings: Settings, fleet: Fleet | None = None, plant: Plant | None = None) -> None:
        self.settings = settings
        self.plant = plant
        self.folder = DataFolder(settings.data_dir)
        self.token = secrets.token_urlsafe(32)
        self._fleet = fleet or LocalFleet(settings.workers, spare=settings.spare_worker)
        self._started = time.monotonic()
        self._store: Store | None = None
        self._history: HistoryWriter | None = None
        self._keeper: FlowKeeper | None = None
        self._letters: HostLetters | None = None
        self._bench = Workbench()

    def caller(self, token: str) -> Principal | None:
        """Whose token this is; None if nobody's."""
        return LOCAL_USER if hmac.compare_digest(token.encode(), self.token.encode()) else None

    def claim(self) -> None:
        """Take the data folder ahead of `start`. Raises `SettingsError` that names who holds it."""
        self.folder.take()

    async def start(self) -> None:
        """Open everything; flows that were running are started in the background, see `not_ready`.

        Raises:
            SettingsError: the data folder is in use.
            HostError: a database cannot be opened.
        """
        await asyncio.to_thread(self.claim)
        self._started = time.monotonic()
        try:
            store = self._store = await Store.open(self.settings.data_dir, self.settings.secret_key_file)
            await self._join(store, await asyncio.to_thread(load_catalog))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every flow, draining; they run again at the next start. Safe at any time, any number of times."""
        await self._bench.close()
        letters, self._letters = self._letters, None
        if letters is not None:
            await self.housekeeping.close()
            await letters.close()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await self.alarms.close()
            await self.drafts.close()
            await self.connections.close()
            await keeper.close(self.settings.shutdown_drain_s)
        history, self._history = self._history, None
        if history is not None:
            await history.close()
        store, self._store = self._store, None
        if store is not None:
            await store.close()
        await asyncio.to_thread(self.folder.release)

    async def not_ready(self) -> tuple[str, ...]:
        """What keeps the host from doing all it promises, in words; empty when nothing does."""
        store, keeper, history = self._store, self._keeper, self._history
        if store is None or keeper is None or history is None:
            return ("the host is starting or stopping",)
        reasons = []
        if fault := await _database_fault(store):
            reasons.append(fault)
        if history.fault:
            reasons.append(f"the history cannot be written: {history.fault}")
        for worker in self._fleet.workers():
            if worker.state != "running":
                reasons.append(f"{worker.name} is {worker.state}")
            elif worker.heartbeat_age_s is None or worker.heartbeat_age_s > HEARTBEAT_FRESH_S:
                reasons.append(f"{worker.name} gives no sign of life")
        if not keeper.reconciled.is_set():
            reasons.append("flows that were running are still being started")
        return tuple(reasons)

    async def _join(self, store: Store, catalog: Catalog) -> None:
        host_id = await store.flows.fact("host_id", f"fh-{secrets.token_hex(4)}")
        history = self._history = HistoryWriter(store.runs)
        settings = self.settings
        shared = SharedConnections()
        shared.load(await store.connections.all())
        known = await _load_secrets(store)
        keeper = FlowKeeper(store, self._fleet, history, host_id, settings.data_dir, settings.space, shared, known)
        self.flows = FlowService(keeper, store.flows, catalog, self.settings.drain_s, shared)
        self.drafts = DraftService(self.flows, store.flows, store.drafts, catalog, shared)
        self.flows.on_delete, self.flows.hold_drafts = self.drafts.forget, self.drafts.held
        shared.on_change = self.drafts.check_again
        self.secrets = SecretService(store, known, SecretRestarts(keeper, self.flows, shared, known))
        self.connections = ConnectionService(
            store.connections, shared, keeper, self.flows, self.drafts, catalog, self._bench, host_id,
            settings.data_dir, known, self.secrets,
        )  # fmt: skip
        self.samples = SampleService(self.drafts, self.connections, shared, catalog, self._bench, settings.data_dir)
        self.hand = HandService(keeper, self._fleet, self.drafts)
        self.templates = TemplateService(self.flows, catalog)
        self.files = FlowFileService(HostPlace(self.flows, self.drafts, shared), catalog)
        self.search = FlowSearch(self.flows, self.drafts)
        self.texts = FlowTextService(self.drafts, catalog, shared)
        self.asks = Asks(self)
        self.runs = RunService(keeper, store, history, catalog)
        letters = HostLetters(keeper, self._fleet, catalog, self.settings.data_dir)
        self.dead_letters = DeadLetterService(letters)
        self.housekeeping = Housekeeping(letters, settings.closed_letters_days)
        self.plugins = PluginService(catalog)
        self.system = HostService(
            host_id, self.settings.data_dir, self._fleet, self.not_ready, letters.number_open, self._started
        )
        if self.plant is not None:
            self.demo = DemoService(self.plant, keeper.flows, self.settings.data_dir, shared.complete)
        limits = Thresholds(
            down_s=self.settings.alarm_down_s, age_s=self.settings.alarm_age_s, messages=self.settings.alarm_messages
        )
        if interrupted := await store.runs.interrupt_open(HOST_LOST):
            log.warning("%d runs were interrupted when the host ended without warning last time", len(interrupted))
        self.alarms = AlarmService(keeper, store.alarms, self._fleet, limits, self.not_ready, shared, len(interrupted))
        await self._load_flows(store)
        history.open()
        self._keeper = keeper
        await keeper.open()
        self._letters = letters
        letters.open()
        self.housekeeping.open()
        await self.alarms.open()

    async def _load_flows(self, store: Store) -> None:
        latest = await store.runs.latest()
        for record in await store.flows.all():
            try:
                document = from_json(record.document)
            except FlowFileError as error:
                log.exception("flow %s cannot be read and is left out: %s", record.id, error.message)
                continue
            live = self.flows.adopt(record, document)
            if (run := latest.get(record.id)) is not None:
                live.remember(run)


async def _load_secrets(store: Store) -> KnownSecrets:
    known = KnownSecrets(store.secrets.all)
    await known.load()
    if problems := known.problems:
        log.warning("%d stored secrets cannot be read; the first: %s", len(problems), problems[0])
    return known


async def _database_fault(store: Store) -> str:
    try:
        async with asyncio.timeout(DATABASE_ANSWER_S):
            await store.ping()
    except TimeoutError:
        return f"the database did not answer within {DATABASE_ANSWER_S:g} s"
    except HostError as error:
        return str(error)
    return ""
