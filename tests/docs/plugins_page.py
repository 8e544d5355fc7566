"""Puts the example plugin's files, as they are, between the markers of docs/plugins.md.

Run: python tests/docs/plugins_page.py
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "plugins.md"
PLUGIN = ROOT / "tests" / "plugins_for_tests" / "thirty_lines" / "flowhost-lab"
LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml", ".txt": "text"}


def filled(page: str) -> str:
    """The page with today's files."""
    return re.sub(r"(<!-- begin (\S+) -->\n).*?(<!-- end \2 -->)", block, page, flags=re.DOTALL)


def block(marker: re.Match[str]) -> str:
    path = PLUGIN / marker[2]
    return f"{marker[1]}```{LANGUAGES[path.suffix]}\n{path.read_text(encoding='utf-8')}```\n{marker[3]}"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
