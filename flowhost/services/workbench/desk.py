"""The workbench's own process: `python -m flowhost.services.workbench.desk`, one JSON object per line each way.

It begins with `{"n": 0}` once its plugins are loaded, answers each job under its number, and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from flowhost.catalog import Catalog, load_catalog
from flowhost.errors import ConfigError, FlowHostError
from flowhost.services.workbench.links import Links
from flowhost.services.workbench.samples import Samples

log = logging.getLogger(__name__)

ALONE_GRACE_S = 1.0
EXIT_ALONE = 70

Job = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Desk:
    """Does the jobs, several at once; each ends at its deadline.

    Args:
        catalog: the installed types.
        tell: takes an answer as one JSON line.
    """

    def __init__(self, catalog: Catalog, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._links = Links(catalog)
        samples = Samples(catalog)
        self._jobs: dict[str, Job] = {
            "test": self._links.test, "browse": self._links.browse, "evaluate": samples.evaluate,
            "sample": samples.run, "cases": samples.cases,
        }  # fmt: skip
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, line: bytes) -> None:
        """Begin a job."""
        task = asyncio.create_task(self._do(json.loads(line)), name="job")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Let go of what is open, politely: a link that just breaks looks like a fault at the other end."""
        await self._links.close()

    async def _do(self, order: Mapping[str, Any]) -> None:
        answer = await self._answer(order)
        self._tell(json.dumps({"n": order["n"], **answer}, default=str))

    async def _answer(self, order: Mapping[str, Any]) -> dict[str, Any]:
        deadline_s, facts = order["deadline_s"], order["facts"]
        try:
            async with asyncio.timeout(deadline_s):
                return {"value": await self._jobs[order["job"]](facts)}
        except TimeoutError as error:
            return {"error": str(error) or f"no answer within {deadline_s:g} s", "kind": "time"}
        except ConfigError as error:
            return {"error": error.message, "place": error.place, "kind": "config"}
        except FlowHostError as error:
            return {"error": _without_secrets(str(error), facts), "kind": "node"}
        except Exception as error:  # noqa: BLE001 - plugin code: its fault is the answer, the bench goes on
            # no traceback in the log: it could quote a config with its secrets
            text = _without_secrets(f"{type(error).__name__}: {error}", facts)
            return {"error": f"the plugin failed: {text}", "kind": "plugin"}


def _without_secrets(text: str, facts: Mapping[str, Any]) -> str:
    for secret in facts.get("secrets", {}).values():
        if secret:
            text = text.replace(secret, "***")
    return text


def main() -> None:
    """Serve the host until it goes."""
    # what plugins print must not end up between our lines
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s [bench] %(message)s")
    # a message of a sample that fails is part of the answer, no fault of the host
    logging.getLogger("flowhost.run").setLevel(logging.CRITICAL)
    catalog = load_catalog()
    asyncio.run(_serve(catalog, out))
    os._exit(0)  # a driver's thread that hangs must not keep this process alive


async def _serve(catalog: Catalog, out: Any) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(line: str) -> None:
        out.write(line + "\n")
        out.flush()

    desk = Desk(catalog, tell)

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(desk.take, line)
        loop.call_soon_threadsafe(over.set)
        time.sleep(ALONE_GRACE_S)
        os._exit(EXIT_ALONE)  # the loop is stuck in somebody's code

    threading.Thread(target=read, name="orders", daemon=True).start()
    tell('{"n": 0}')
    await over.wait()
    await desk.close()
    os._exit(0)


if __name__ == "__main__":
    main()
