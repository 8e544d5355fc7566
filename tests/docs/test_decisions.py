"""docs/adr: one page per decision, all of the same shape, all listed."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "adr"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))
PARTS = ["Context", "Choice", "Cost", "How we would know it was wrong"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_decision_is_one_page_of_four_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem[:4]} ")
    assert re.findall(r"^\*\*([\w ]+)\.\*\*", text, re.MULTILINE) == PARTS
    assert len(text.splitlines()) < 60


def test_decisions_are_numbered_and_listed() -> None:
    listed = re.findall(
        r"^\| \[(\d{4})\]\(([\w.-]+)\)", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [name for _, name in listed] == [page.name for page in PAGES]
    assert [int(number) for number, _ in listed] == list(range(1, len(PAGES) + 1))
