"""Loads plugins one by one: a broken one is kept with its reason and blocks nothing."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

import pluggy

from flowhost.catalog.catalog import BrokenPlugin, Catalog, PluginInfo
from flowhost.catalog.contract import check_connection_type, check_function, check_node_type
from flowhost.errors import PluginError
from flowhost.sdk import Connection, Function, Node
from flowhost.sdk.hooks import PROJECT, HookSpecs

GROUP = "flowhost"
"""Entry point group of plugins."""

BUILT_IN = "builtin"
"""Entry point of FlowHost's own node types; loaded first, so that nobody can take their ids."""

_log = logging.getLogger(__name__)


def load_catalog(points: Iterable[EntryPoint] | None = None) -> Catalog:
    """Load every installed plugin.

    Args:
        points: entry points to load; by default all of group `flowhost`.

    Returns:
        What is usable, and what is broken and why. Never raises for a plugin's fault.
    """
    loader = _Loader()
    found = list(entry_points(group=GROUP) if points is None else points)
    for point in sorted(found, key=lambda point: (not _is_built_in(point), _distribution(point), point.name)):
        loader.add(point)
    return loader.catalog()


@dataclass(frozen=True, kw_only=True)
class _Brought:
    """What one plugin brings, checked."""

    nodes: dict[str, type[Node[Any]]]
    connections: dict[str, type[Connection[Any]]]
    functions: dict[str, Callable[..., Any]]


@dataclass
class _Loader:
    plugins: list[PluginInfo] = field(default_factory=list)
    broken: list[BrokenPlugin] = field(default_factory=list)
    brought: _Brought = field(default_factory=lambda: _Brought(nodes={}, connections={}, functions={}))

    def add(self, point: EntryPoint) -> None:
        """Load one plugin; what goes wrong is its own affair."""
        try:
            brought = _load(point)
            self._refuse_taken(brought)
        except PluginError as error:
            self._leave_out(point, str(error), traceback.format_exc() if error.__cause__ else "")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a vendor's code may raise anything; kept as the reason
            self._leave_out(point, f"loading it failed: {type(error).__name__}: {error}", traceback.format_exc())
        else:
            self._keep(point, brought)

    def catalog(self) -> Catalog:
        """What was loaded."""
        return Catalog(
            plugins=tuple(self.plugins),
            broken=tuple(self.broken),
            nodes=MappingProxyType(self.brought.nodes),
            connections=MappingProxyType(self.brought.connections),
            functions=MappingProxyType(self.brought.functions),
        )

    def _keep(self, point: EntryPoint, brought: _Brought) -> None:
        self.brought.nodes.update(brought.nodes)
        self.brought.connections.update(brought.connections)
        self.brought.functions.update(brought.functions)
        info = PluginInfo(
            name=point.name,
            distribution=_distribution(point),
            version=_version(point),
            node_types=tuple(brought.nodes),
            connection_types=tuple(brought.connections),
            functions=tuple(brought.functions),
        )
        self.plugins.append(info)

    def _leave_out(self, point: EntryPoint, reason: str, details: str) -> None:
        broken = BrokenPlugin(
            name=point.name,
            distribution=_distribution(point),
            version=_version(point),
            reason=reason,
            traceback=details,
        )
        self.broken.append(broken)
        _log.warning("plugin %s (%s %s) is left out: %s", broken.name, broken.distribution, broken.version, reason)

    def _refuse_taken(self, brought: _Brought) -> None:
        """The first plugin keeps an id; the second is left out whole, so that nothing of it works by halves."""
        kinds: list[tuple[str, Iterable[str], Callable[[PluginInfo], tuple[str, ...]]]] = [
            ("node type", brought.nodes, lambda info: info.node_types),
            ("connection type", brought.connections, lambda info: info.connection_types),
            ("function", brought.functions, lambda info: info.functions),
        ]
        for what, names, names_of in kinds:
            for name in names:
                owner = next((info for info in self.plugins if name in names_of(info)), None)
                if owner is not None:
                    raise PluginError(
                        f"{what} {name!r} is already brought by plugin {owner.name!r} ({owner.distribution} "
                        f"{owner.version}); uninstall one of the two"
                    )


def _load(point: EntryPoint) -> _Brought:
    plugin = point.load()
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    _check_hooks(plugin)
    try:
        manager.register(plugin, point.name)
    except pluggy.PluginValidationError as error:
        raise PluginError(_argument_fault(str(error))) from error
    hooks = manager.hook
    return _Brought(
        nodes=_by_name(_collect(hooks, "flowhost_node_types"), check_node_type, lambda found: found.spec.id),
        connections=_by_name(
            _collect(hooks, "flowhost_connection_types"), check_connection_type, lambda found: found.spec.id
        ),
        functions={
            name: function.call
            for name, function in _by_name(
                _collect(hooks, "flowhost_functions"), check_function, _function_name
            ).items()
        },
    )


def _check_hooks(plugin: Any) -> None:
    """Refuse hook implementations that pluggy would take without a word, or never call."""
    known = [name for name in vars(HookSpecs) if name.startswith(f"{PROJECT}_")]
    marked = 0
    for name, found in inspect.getmembers(plugin, inspect.isroutine):
        options = getattr(found, f"{PROJECT}_impl", None)
        if options is None:
            if name in known:
                raise PluginError(f"'{name}' is not marked; write '@hookimpl' above it (from flowhost.sdk)")
            if not name.startswith(f"{PROJECT}_"):
                continue
        hook = (options or {}).get("specname") or name
        if hook not in known:
            bare = [name.removeprefix(f"{PROJECT}_") for name in known]
            close = get_close_matches(hook.removeprefix(f"{PROJECT}_"), bare, n=1)
            hint = f"did you mean '{PROJECT}_{close[0]}'?" if close else f"hooks: {', '.join(known)}"
            raise PluginError(f"there is no hook '{hook}'; {hint}")
        if inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found):
            raise PluginError(f"hook '{hook}' is 'async def'; hooks only register types, write 'def'")
        marked += 1
    if not marked:
        raise PluginError(f"it brings nothing; write one of {', '.join(known)} with '@hookimpl' above it")


def _argument_fault(text: str) -> str:
    """Pluggy's message in one sentence."""
    last = text.strip().splitlines()[-1]
    return f"a hook has arguments it does not get: {last}"


def _collect(hooks: pluggy.HookRelay, name: str) -> list[Any]:
    """What the plugin's hook returned."""
    try:
        results = getattr(hooks, name)()
    except (Exception, SystemExit) as error:
        raise PluginError(f"hook '{name}' failed: {type(error).__name__}: {error}") from error
    collected: list[Any] = []
    for result in results:
        if isinstance(result, str | bytes) or not isinstance(result, Iterable):
            raise PluginError(f"hook '{name}' returned {result!r}; it returns a list")
        collected.extend(result)
    return collected


def _by_name(found: list[Any], check: Callable[[Any], None], name_of: Callable[[Any], str]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for item in found:
        check(item)
        name = name_of(item)
        if name in named:
            raise PluginError(f"it brings {name!r} twice; give one of them another id")
        named[name] = item
    return named


def _function_name(function: Function) -> str:
    return function.name


def _is_built_in(point: EntryPoint) -> bool:
    return point.name == BUILT_IN and point.value.startswith("flowhost.")


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else ""


def _version(point: EntryPoint) -> str:
    return point.dist.version if point.dist is not None else ""
