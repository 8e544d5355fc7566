"""The host: joins database, catalog and fleet. Its four services are the one door for pages, REST and commands.

    host = Host(settings)
    await host.start()          # app.py does this in its lifespan
    rows = await host.flows.list(LOCAL_USER)

Signatures the pages code against:

    class Host:
        flows: FlowService
        runs: RunService
        plugins: PluginService
        system: HostService

    class FlowService:
        async def list(self, principal) -> tuple[FlowOverview, ...]
        async def detail(self, principal, flow_id) -> FlowDetail               # NotFoundError
        async def start(self, principal, flow_id) -> FlowOverview              # returns once the flow runs (or ended);
                                                                               # ConfigError, ConflictError, NotFoundError
        async def stop(self, principal, flow_id) -> FlowOverview               # returns once it has drained and stopped
        async def import_file(self, principal, source: Path | str, base_dir=None) -> FlowOverview   # path, or text
        async def delete(self, principal, flow_id) -> None                     # stopped flows only: ConflictError
        def watch(self, principal, flow_id) -> AbstractAsyncContextManager[None]   # last values while a page looks

    class RunService:
        async def list(self, principal, flow_id=None, limit=50) -> tuple[RunSummary, ...]   # newest first
        async def detail(self, principal, run_id) -> RunDetail                 # NotFoundError

    class PluginService:
        async def list(self, principal) -> tuple[PluginView, ...]
        async def node_types(self, principal) -> tuple[NodeTypeView, ...]

    class HostService:
        async def status(self, principal) -> HostStatus

All of `list`, `detail` and `status` answer from memory or one short query: a page may call them once a second.
"""
