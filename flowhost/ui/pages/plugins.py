"""Plugins: what is installed, what each brings, and why a broken one was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nicegui import ui

from flowhost.services.host_views import NodeTypeView, PluginView
from flowhost.ui.caller import caller
from flowhost.ui.icons import bundled
from flowhost.ui.live import Live
from flowhost.ui.patience import RESPONSE_S
from flowhost.ui.shell import empty_state, frame
from flowhost.ui.tags import Tag, icon
from flowhost.ui.texts import t


def register(live: Live) -> None:
    """Put the page at `/plugins`."""

    @ui.page("/plugins", response_timeout=RESPONSE_S)
    async def plugins() -> None:
        installed = await live.plugins.now()
        types = {kind.id: kind for kind in await live.host.plugins.node_types(caller())}
        with frame(live, "plugins", t("plugins.title")):
            plugins_page(installed, types)


def plugins_page(plugins: Sequence[PluginView], types: Mapping[str, NodeTypeView]) -> None:
    """Broken ones first, then by name."""
    with Tag("div", "", "fh-page"):
        with Tag("div", "", "fh-bar"):
            Tag("h1", t("plugins.title"))
            Tag("span", summary(plugins), "fh-sub")
        Tag("p", t("plugins.text"), "fh-lead")
        if not plugins:
            empty_state("extension", t("plugins.empty.title"), t("plugins.empty.text"))
        with Tag("div", "", "fh-plugins"):
            for plugin in sorted(plugins, key=lambda plugin: (not plugin.error, plugin.name)):
                plugin_card(plugin, types)


def summary(plugins: Sequence[PluginView]) -> str:
    """How many there are, in words."""
    broken = sum(bool(plugin.error) for plugin in plugins)
    facts = {"plugins": len(plugins), "types": sum(len(plugin.node_types) for plugin in plugins), "broken": broken}
    return t("plugins.summary_broken" if broken else "plugins.summary", **facts)


def plugin_card(plugin: PluginView, types: Mapping[str, NodeTypeView]) -> None:
    """One plugin."""
    with Tag("section", "", "fh-card", data_testid="plugin", data_plugin=plugin.name):
        with Tag("div", "", "fh-card-head"):
            Tag("span", "", f"fh-dot fh-dot-{'bad' if plugin.error else 'ok'}")
            Tag("h2", plugin.name)
            Tag("span", plugin.version, "fh-sub fh-version")
            Tag("div", "", "fh-grow")
            Tag(
                "span", t("plugins.broken" if plugin.error else "plugins.works"), "fh-bad" if plugin.error else "fh-sub"
            )
        if plugin.error:
            Tag("p", plugin.error, "fh-error-text")
        if plugin.detail:
            with Tag("details", "", "fh-trace"):
                Tag("summary", t("plugins.trace"))
                Tag("pre", plugin.detail, "fh-json")
        if plugin.node_types:
            with Tag("ul", "", "fh-types"):
                for name in plugin.node_types:
                    _node_type(name, types.get(name))
        if plugin.connection_types:
            with Tag("div", "", "fh-connection-types"):
                Tag("span", t("plugins.connections"), "fh-sub")
                for name in plugin.connection_types:
                    Tag("span", name, "fh-chip fh-mono")
        if not (plugin.node_types or plugin.connection_types or plugin.error):
            Tag("p", t("plugins.nothing"), "fh-sub")


def _node_type(name: str, kind: NodeTypeView | None) -> None:
    with Tag("li", "", "fh-type", title=kind.summary if kind else ""):
        icon(bundled(kind.icon, kind.kind) if kind else "extension", "fh-node-icon")
        with Tag("div", "", "fh-type-text"):
            with Tag("div"):
                Tag("span", kind.title if kind else name, "fh-type-title")
                Tag("span", t(f"kinds.{kind.kind}") if kind else "", "fh-sub")
            Tag("div", name, "fh-mono fh-sub")
