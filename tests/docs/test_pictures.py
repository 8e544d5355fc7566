"""Every picture is shown in README, and every picture README shows is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_readme_shows_every_picture() -> None:
    shown = set(re.findall(r"\(docs/images/([\w-]+\.png)\)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert shown == {path.name for path in (ROOT / "docs" / "images").glob("*.png")}
    assert {name.replace("-dark", "") for name in shown if "-dark" in name} == {
        name for name in shown if "-dark" not in name
    }
