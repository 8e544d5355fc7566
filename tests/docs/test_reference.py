"""docs/reference-sdk.md is what its script writes today."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from flowhost import sdk


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).with_name("reference_sdk.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_up_to_date(script: ModuleType) -> None:
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run `python tests/docs/reference_sdk.py`"


def test_every_public_name_has_one_section(script: ModuleType) -> None:
    listed = [name for names in script.SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(sdk.__all__)
