"""What the kit asks of the thing a plugin talks to. The vendor writes one, over a real target where there is one.

Only the first method of each is needed; a test whose power is missing is skipped and says which one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pytest

from flowhost.testing.proxy import FaultProxy


class SourceTarget(Protocol):
    """Where a source takes its messages from."""

    async def produce(self, numbers: Sequence[int]) -> None:
        """Make the origin hold one message per number, in this order; also while the link is cut."""
        ...


class SinkTarget(Protocol):
    """Where a sink brings its messages."""

    async def received(self) -> list[int]:
        """Numbers of the messages the target holds, in the order it took them."""
        ...


class ProxiedTarget:
    """Gives a target its powers of failure through a `FaultProxy` between it and the plugin.

    Attributes:
        proxy: the plugin's config names its host and port.
    """

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy

    async def cut(self) -> None:
        """The target is away: links end, new ones are refused."""
        await self.proxy.cut()

    async def restore(self) -> None:
        """The target is there again, and everything that was muted."""
        await self.proxy.restore()

    async def mute(self) -> None:
        """Requests arrive, answers do not."""
        self.proxy.hold("from_target")

    async def unmute(self) -> None:
        """Answers arrive again."""
        self.proxy.release()


def need(target: Any, *powers: str) -> None:
    """Skip the test where the target lacks a power."""
    missing = [power for power in powers if not hasattr(target, power)]
    if missing:
        pytest.skip(f"the target has no {' and no '.join(f'{power}()' for power in missing)}")
