"""Samples: try an expression on a message or a draft on several, and keep what came out as a test beside the flow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flowhost.catalog import Catalog
from flowhost.errors import ConfigError, ConflictError, HostError
from flowhost.expr import BUILTINS, ROOTS, UNITS
from flowhost.graph.emit import dump_flow
from flowhost.graph.jsonform import from_json, to_json
from flowhost.services.access import Principal, demand
from flowhost.services.connections import ConnectionService
from flowhost.services.drafts import DraftService
from flowhost.services.flow_cases import TEST_FILE, check_case
from flowhost.services.flow_check import FLOW_FILE
from flowhost.services.shared_connections import SharedConnections
from flowhost.services.workbench import Workbench

EVALUATE_S = 3.0
SAMPLE_S = 20.0
MOST_MESSAGES = 1000
"""Messages a sample may have."""
WIDE = 4096


class SampleService:
    """Tries out what is not deployed. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(
        self,
        drafts: DraftService,
        connections: ConnectionService,
        shared: SharedConnections,
        catalog: Catalog,
        bench: Workbench,
        data_dir: Path,
    ) -> None:
        self._drafts = drafts
        self._connections = connections
        self._shared = shared
        self._catalog = catalog
        self._bench = bench
        self._data_dir = data_dir
        self._keeping = asyncio.Lock()

    async def words(self, principal: Principal) -> dict[str, Any]:
        """What may stand in expressions: names, functions with signature and sentence, frequent units."""
        demand(principal, "flow.read")
        functions = [
            {"name": one.name, "signature": one.signature, "summary": one.summary} for one in BUILTINS.values()
        ]
        extra = [name for name in self._catalog.functions if name not in BUILTINS]
        functions += [{"name": name, "signature": f"{name}(...)", "summary": ""} for name in extra]
        units = [{"code": code, "words": words, "spellings": list(others)} for code, (words, *others) in UNITS.items()]
        return {
            "names": list(ROOTS), "functions": sorted(functions, key=lambda one: str(one["name"])), "units": units,
        }  # fmt: skip

    async def evaluate(
        self, principal: Principal, text: str, message: Mapping[str, Any] | None, *, template: bool
    ) -> dict[str, Any]:
        """An expression or template on a message; without one it is only checked. See `workbench.samples`."""
        demand(principal, "flow.read")
        found: dict[str, Any] = await self._bench.do(
            "evaluate", EVALUATE_S, text=text, message=message, template=template
        )
        return found

    async def run(
        self, principal: Principal, flow_id: str, given: Mapping[str, Any], advance: str = ""
    ) -> dict[str, Any]:
        """Send a sample through the draft of a flow: real engine, sources and targets replaced, time virtual.

        Args:
            principal: the caller.
            flow_id: the flow.
            given: messages by source, as `given` in a test file.
            advance: how far time moves on after them, such as `60s`; empty: not at all.

        Raises:
            NotFoundError: no such flow.
            ConfigError: draft or sample are wrong; names the place.
            HostError: it took too long.
        """
        demand(principal, "flow.edit")
        many = sum(len(items) for items in given.values() if isinstance(items, list))
        if many > MOST_MESSAGES:
            raise ConfigError(f"a sample has {MOST_MESSAGES} messages at most, not {many}", "given")
        document = await self._document(principal, flow_id)
        found: dict[str, Any] = await self._bench.do(
            "sample", SAMPLE_S, document=document, given=dict(given), advance=advance,
            base_dir=str(self._connections.base_dir(flow_id)),
        )  # fmt: skip
        return found

    async def cases(self, principal: Principal, flow_id: str) -> list[dict[str, Any]]:
        """Run the tests kept beside a flow on its draft: `[{name, failures}]`. Raises as `run` does."""
        demand(principal, "flow.edit")
        cases = await asyncio.to_thread(_read, self.folder(flow_id) / TEST_FILE)
        if not cases:
            return []
        document = await self._document(principal, flow_id)
        found: list[dict[str, Any]] = await self._bench.do(
            "cases", SAMPLE_S, document=document, cases=cases, base_dir=str(self._connections.base_dir(flow_id))
        )
        return found

    async def keep(self, principal: Principal, flow_id: str, case: Mapping[str, Any]) -> Path:
        """Add a test to the file beside the flow, where `flowhost test` finds it; the file.

        Raises:
            ConfigError: it does not fit the draft.
            ConflictError: there is one of this name.
            HostError: the file cannot be written.
        """
        demand(principal, "flow.edit")
        document = await self._document(principal, flow_id)
        flow = from_json(document)
        check_case(case, flow, self._catalog, "case")
        folder = self.folder(flow_id)
        async with self._keeping:
            await asyncio.to_thread(_add, folder / TEST_FILE, dict(case))
            if not self._is_own_folder(flow_id):
                # a flow that lives in the host has no file: `flowhost test` needs one beside the tests
                await asyncio.to_thread(_write, folder / FLOW_FILE, dump_flow(flow))
        return folder / TEST_FILE

    def folder(self, flow_id: str) -> Path:
        """Where the tests of a flow lie: beside its file, or in `flows/` of the data folder."""
        if self._is_own_folder(flow_id):
            return self._connections.base_dir(flow_id)
        return self._data_dir / "flows" / quote(flow_id, safe="")

    def _is_own_folder(self, flow_id: str) -> bool:
        base = self._connections.base_dir(flow_id)
        return base != self._data_dir and (base / FLOW_FILE).is_file()

    async def _document(self, principal: Principal, flow_id: str) -> dict[str, Any]:
        view = await self._drafts.look(principal, flow_id)
        return to_json(self._shared.complete(from_json(view.document)))


def _read(path: Path) -> list[Any]:
    if not path.is_file():
        return []
    try:
        cases = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the tests beside the flow cannot be read: {error}", str(path)) from error
    return cases if isinstance(cases, list) else []


def _add(path: Path, case: Mapping[str, Any]) -> None:
    """Append; what people wrote, and how, stays."""
    yaml = YAML()
    yaml.width = WIDE
    try:
        cases: Any = yaml.load(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the tests beside the flow cannot be read: {error}", str(path)) from error
    cases = [] if cases is None else cases
    if not isinstance(cases, list):
        raise ConfigError("must be a list of tests", str(path))
    if any(isinstance(one, Mapping) and one.get("name") == case["name"] for one in cases):
        raise ConflictError(f"there is a test {case['name']!r} already: give this one another name")
    cases.append(dict(case))
    _write(path, cases, yaml)


def _write(path: Path, content: str | Sequence[Any], yaml: YAML | None = None) -> None:
    """All or nothing: through a second file."""
    temporary = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            if yaml is None:
                file.write(str(content))
            else:
                yaml.dump(content, file)
        temporary.replace(path)
    except OSError as error:
        raise HostError(f"{path} cannot be written: {error.strerror or error}") from error
