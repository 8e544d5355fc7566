"""Every word on the screen comes from a catalogue, one per language."""

from __future__ import annotations

from typing import Any

from flowhost.ui.format import count
from flowhost.ui.texts.en import TEXTS

__all__ = ["TEXTS", "t"]


def t(key: str, **facts: Any) -> str:
    """The text for this key, with facts filled in; that of `<key>.one` where there is one of it.

    A `count` that is a number is written as `format.count` does.

    An unknown key is a programming error and raises `KeyError`.
    """
    if isinstance(facts.get("count"), int):
        facts["count"] = count(facts["count"])
    one = str(facts.get("count", "")) == "1" and f"{key}.one" in TEXTS
    text = TEXTS[f"{key}.one" if one else key]
    return text.format(**facts) if facts else text
