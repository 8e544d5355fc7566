"""Client ids: stable where the broker keeps a session by them, unique where it must not."""

from __future__ import annotations

import hashlib
import re
import secrets

LONGEST = 64
"""Brokers must take 23 bytes (MQTT 3.1.1, 3.1.3.1) and in practice take far more."""

_STRANGE = re.compile(r"[^0-9A-Za-z_-]")


def lasting_id(*parts: str) -> str:
    """The same for the same parts, e.g. host, flow and node: the broker's session follows it."""
    text = "-".join(parts)
    clean = _STRANGE.sub("_", text)
    if clean == text and len(text) <= LONGEST:
        return text
    mark = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
    return f"{clean[: LONGEST - 11]}-{mark}"


def passing_id(*parts: str) -> str:
    """A new one each time: several processes may use the same connection."""
    return lasting_id(*parts)[: LONGEST - 9] + "-" + secrets.token_hex(4)
