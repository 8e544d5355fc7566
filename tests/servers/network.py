"""A network that tests spoil while FlowHost runs in a process of its own: fault proxies on a loop in a thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from flowhost.testing.proxy import FaultProxy
from servers.cables import Cables

T = TypeVar("T")


class Network:
    """Links by name, each through a proxy with a port of its own; those of one side fall silent together.

    Args:
        cables: real ones, which are pulled to make a side fall silent; else its proxies stand still.
    """

    def __init__(self, cables: Cables | None = None) -> None:
        self.proxies: dict[str, FaultProxy] = {}
        self._cables = cables
        self._sides: dict[str, list[FaultProxy]] = {}
        self._hosts: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def link(self, name: str, side: str, port: int) -> str:
        """Host and port at which the server of that port on this machine is reached through the network."""
        if side not in self._sides:
            self._sides[side] = []
            self._hosts[side] = self._cables.lay(len(self._sides)) if self._cables else "127.0.0.1"
        proxy = self.proxies[name] = FaultProxy("127.0.0.1", port)
        proxy.host = self._hosts[side]
        self._sides[side].append(proxy)
        self.do(proxy.start)
        return f"{proxy.host}:{proxy.port}"

    @property
    def under(self) -> list[str]:
        """Words before the command of a program that is to use this network."""
        return self._cables.under if self._cables else []

    def do(self, what: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Run it on the network's loop; wait for its end."""

        async def run() -> Any:
            result = what()
            return await result if inspect.isawaitable(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(seconds)

    def silence(self, side: str) -> None:
        """Half-open: links stay, nothing comes through."""
        if self._cables:
            self._cables.pull(list(self._sides).index(side) + 1)
        else:
            self.do(lambda: [proxy.hold() for proxy in self._sides[side]])

    def restore(self) -> None:
        """Everything comes through again."""
        for number in range(1, len(self._sides) + 1) if self._cables else ():
            self._cables.plug(number)  # type: ignore[union-attr]
        self.do(self._restore)

    async def _restore(self) -> None:
        for proxy in self.proxies.values():
            await proxy.restore()

    def spoil(self, toxic: Toxic, chance: Random, seconds: float) -> None:
        """Let a toxic work for so long, then have a good network again."""
        self.do(lambda: self._spoil(toxic, chance, seconds), seconds + 60)

    async def _spoil(self, toxic: Toxic, chance: Random, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while loop.time() < deadline:
            for proxy in self.proxies.values():
                await toxic(proxy, chance)
            await asyncio.sleep(chance.uniform(0.05, 0.2))
        await self._restore()

    def close(self) -> None:
        for proxy in self.proxies.values():
            self.do(proxy.close)
        if self._cables:
            self._cables.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


Toxic = Callable[[FaultProxy, Random], Any]
"""Does harm to a link; called again and again."""


async def jitter(proxy: FaultProxy, chance: Random) -> None:
    """Late, and each time by another time."""
    proxy.slow(latency_s=chance.uniform(0.0, 0.15))


async def resets(proxy: FaultProxy, chance: Random) -> None:
    """Links are torn down at any moment."""
    if chance.random() < 0.15:
        await proxy.reset()


async def slices(proxy: FaultProxy, chance: Random) -> None:
    """In small pieces, and now and then cut in the middle of a request or of an answer."""
    proxy.slow(slice_bytes=chance.randint(1, 60))
    if chance.random() < 0.15:
        proxy.cut_after(chance.randint(1, 400), chance.choice(["to_target", "from_target"]))


TOXICS: dict[str, Toxic] = {"jitter": jitter, "resets": resets, "slices": slices}
