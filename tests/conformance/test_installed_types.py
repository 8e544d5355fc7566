"""What can be said of every installed type without knowing its config: spec, documented fields, declared secrets."""

from __future__ import annotations

from typing import Any

import pytest

from flowhost.catalog import load_catalog
from flowhost.testing.conformance import ConfigConformance

CATALOG = load_catalog()


@pytest.mark.parametrize("node_type", CATALOG.nodes.values(), ids=CATALOG.nodes.keys())
def test_node_type(node_type: Any) -> None:
    check(type("Tested", (ConfigConformance,), {"node_type": node_type})())


@pytest.mark.parametrize("connection_type", CATALOG.connections.values(), ids=CATALOG.connections.keys())
def test_connection_type(connection_type: Any) -> None:
    check(type("Tested", (ConfigConformance,), {"connection_type": connection_type})())


def check(tested: ConfigConformance) -> None:
    tested.test_spec_keeps_the_contract()
    tested.test_every_field_is_documented()
    tested.test_secrets_are_declared()


def test_nothing_installed_is_broken() -> None:
    assert not CATALOG.broken
