"""`discard`: confirms and counts."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from flowhost import sdk
from flowhost.sdk import Message, NodeSpec, Sink, WriteOutcome


class DiscardConfig(sdk.Config):
    """Nothing to set."""


class Discard(Sink[DiscardConfig]):
    """Confirms every message and does nothing with it."""

    spec = NodeSpec(
        id="discard", title="Discard", summary="Confirms messages and does nothing with them.", category="debug",
        icon="delete_sweep", ports=(), leaves_machine=False, idempotent=True, keywords=("null", "drop", "end"),
    )  # fmt: skip
    Config = DiscardConfig

    @override
    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """All confirmed."""
        return None
