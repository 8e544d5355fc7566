"""Writes an outbox as hard as it can, a program of its own: `python outbox_load.py FILE SEED SYNCHRONOUS`.

Says on standard output what was confirmed: `A first value...` for appended messages, `D position letters` for those
that are done and the dead letters kept so far; `X error` once the disk has failed.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from flowhost.engine.outbox import schema
from flowhost.engine.outbox.changes import Advance, Append, Bury, KeepStates
from flowhost.engine.outbox.codec import encode, encode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.sdk import Message

PRODUCERS = 8


def say(*words: object) -> None:
    # in one call: what was said has been said whole, or not at all
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def produce(box: Outbox, edge: int, chance: random.Random) -> None:
    while True:
        values = [chance.randrange(10**9) for _ in range(chance.randint(1, 40))]
        (start,) = await box.change(Append(edge, [encode_message(Message({"v": value})) for value in values]))
        say("A", start + 1, *values)


async def settle(box: Outbox, edge: int, position: int, chance: random.Random) -> None:
    """Let messages leave, some of them as dead letters, with a state in the same transaction."""
    letters: int = (await box.query("SELECT count(*) FROM dead"))[0][0]
    turn = 0
    while True:
        await asyncio.sleep(chance.random() / 50)
        ((appended,),) = await box.query("SELECT appended FROM edge WHERE id = ?", (edge,))
        position = min(appended, position + chance.randint(1, 60))
        dead = int(chance.random() < 0.3)
        letter = Bury("f", "n", 0, 1, "Reject", "no", 1, encode_message(Message({"v": position})))
        turn += 1
        state = KeepStates("f", "m", [(":k", encode((0, [position, turn])))])
        await box.change(Advance(edge, position, dead), state, *[letter] * dead)
        letters += dead
        say("D", position, letters)


async def main(path: str, seed: str, synchronous: str) -> None:
    schema._SYNCHRONOUS = synchronous
    chance = random.Random(seed)
    # a disk that is gone: nothing is confirmed any more, and whoever started us ends us
    box = Outbox(Path(path), lambda error: say("X", error))
    await box.open()
    edge = await box.edge("f", "n")
    works = [produce(box, edge.number, chance) for _ in range(PRODUCERS)]
    await asyncio.gather(settle(box, edge.number, edge.position, chance), *works, return_exceptions=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
