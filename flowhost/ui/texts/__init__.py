"""Every word on the screen comes from a catalogue, one per language."""

from __future__ import annotations

from typing import Any

from flowhost.ui.texts.en import TEXTS

__all__ = ["TEXTS", "t"]


def t(key: str, **facts: Any) -> str:
    """The text for this key, with facts filled in. An unknown key is a programming error and raises `KeyError`."""
    text = TEXTS[key]
    return text.format(**facts) if facts else text
