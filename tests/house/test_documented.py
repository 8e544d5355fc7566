"""What users pick from explains itself: every installed type, every field of its config, every flow of the gallery."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from flowhost.catalog import load_catalog
from flowhost.graph.text import load_flow

ROOT = Path(__file__).resolve().parents[2]
CATALOG = load_catalog()
TYPES = {**CATALOG.nodes, **CATALOG.connections}
FLOWS = sorted(path.parent for path in ROOT.glob("flows/*/flow.yaml"))


def configs(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """The config and those inside its fields."""
    if model in seen:
        return
    seen.add(model)
    yield model
    for field in model.model_fields.values():
        for inner in models_in(field.annotation):
            yield from configs(inner, seen)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def own_docstring(kind: type[Any]) -> str:
    return inspect.cleandoc(kind.__dict__.get("__doc__") or "")


def test_all_first_party_plugins_are_loaded() -> None:
    assert not CATALOG.broken, CATALOG.broken
    assert {"mqtt.publish", "opcua.subscribe", "modbus.poll", "sql.write", "filter"} <= set(CATALOG.nodes)


@pytest.mark.parametrize("type_id", sorted(TYPES))
def test_a_type_says_what_it_is(type_id: str) -> None:
    kind = TYPES[type_id]
    assert len(own_docstring(kind)) > 30, "a docstring: what it means in the plant"
    assert own_docstring(kind)[0].isupper()
    assert 1 <= len(kind.spec.title.split()) <= 3
    assert kind.spec.summary.endswith("."), "one sentence"
    assert len(kind.spec.summary) <= 100


@pytest.mark.parametrize("type_id", sorted(CATALOG.nodes))
def test_a_node_types_ports_are_explained(type_id: str) -> None:
    for port in CATALOG.nodes[type_id].spec.ports:
        assert port.summary, port.name


@pytest.mark.parametrize("type_id", sorted(TYPES))
def test_every_field_of_a_config_is_explained(type_id: str) -> None:
    silent = [
        f"{model.__name__}.{name}"
        for model in configs(TYPES[type_id].Config, set())
        for name, field in model.model_fields.items()
        if not (field.description or "").strip()
    ]
    assert not silent, "a docstring under each field"


@pytest.mark.parametrize("type_id", sorted(TYPES))
def test_fields_that_measure_name_their_unit(type_id: str) -> None:
    """`period_ms`, `timeout_s`: the form shows the unit behind the input."""
    missing = [
        f"{model.__name__}.{name}"
        for model in configs(TYPES[type_id].Config, set())
        for name, field in model.model_fields.items()
        if name.endswith(("_s", "_ms")) and "unit" not in dict(field.json_schema_extra or {})  # type: ignore[arg-type]
    ]
    assert not missing


@pytest.mark.parametrize("folder", FLOWS, ids=lambda folder: folder.name)
def test_a_flow_of_the_gallery_is_complete(folder: Path) -> None:
    assert (folder / "test.yaml").is_file()
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# ")
    for heading in ("## How it works", "## Run it", "## For your own plant"):
        assert heading in readme, heading
    assert f"flowhost run flows/{folder.name}/flow.yaml" in readme
    document = load_flow(folder / "flow.yaml").document
    assert document.id == folder.name
    for node_id in document.nodes:
        assert f"`{node_id}`" in readme, f"{node_id} is not in the picture"


def test_the_gallery_is_not_empty() -> None:
    assert len(FLOWS) >= 4
