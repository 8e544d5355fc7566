"""Which icons there are: the names in the Material Icons font that NiceGUI brings (`assets/icons.txt`)."""

from __future__ import annotations

from pathlib import Path

NAMES = frozenset((Path(__file__).parent / "assets" / "icons.txt").read_text(encoding="ascii").split())
OTHER_WORDS = {"database": "storage", "opcua": "precision_manufacturing", "mqtt": "sensors", "plc": "developer_board"}
"""Names plugins use that the font knows by another word."""
BY_KIND = {"source": "input", "transform": "transform", "sink": "output"}


def bundled(name: str, kind: str = "unknown") -> str:
    """The icon of this name, or one for the kind of node if the font does not have it."""
    name = OTHER_WORDS.get(name, name)
    return name if name in NAMES else BY_KIND.get(kind, "extension_off")
