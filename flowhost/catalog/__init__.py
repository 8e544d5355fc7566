"""Installed plugins, whole and broken, and the types they bring."""

from flowhost.catalog.catalog import BrokenPlugin, Catalog, PluginInfo
from flowhost.catalog.loading import load_catalog

__all__ = ["BrokenPlugin", "Catalog", "PluginInfo", "load_catalog"]
