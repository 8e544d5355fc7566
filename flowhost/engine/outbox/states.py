"""What a node remembers, on disk: saved with the batches that changed it, loaded at the start."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flowhost.engine.load import Line
from flowhost.engine.memory import Memory, Remembered
from flowhost.engine.notices import NoticeBoard
from flowhost.engine.outbox.changes import KeepStates, SetAside
from flowhost.engine.outbox.codec import DamagedRowError, decode, encode
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.token import Token
from flowhost.sdk import Clock, Message, Remembering, StateForm

STATES = "SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM state WHERE flow = ? AND node = ?"
"""As bytes: a damaged file may hold text that is none."""
HELD = """
SELECT node, CAST(value AS BLOB) FROM state
WHERE flow = ? AND key <> '=' AND substr(CAST(value AS BLOB), 5, 2) <> x'9200'
"""
"""Rows of keys that hold messages: behind the checksum, those of others begin with a list of two and a zero."""
FORM = "="
"""Key of the row that says in which form the others are."""
OF_KEY = ":"
"""Begins the row of a node's key, so that no key can be taken for the form."""
OF_ODD_KEY = "~"
"""Begins the row of a key that is no valid text: devices may bring half characters."""
NAMED_AT_MOST = 5


class StateKeeper:
    """Keeps what one node remembers (`flowhost.engine.station.Station`).

    Guarantees: what a batch changed is saved in that batch's transaction, as it was when the batch had passed; a row
    that cannot be read is never taken for a state.

    Args:
        outbox: the file.
        flow: flow id.
        node: the node.
        memory: what it remembers.
        board: takes notices.
        clock: source of time.
    """

    def __init__(
        self,
        outbox: Outbox,
        flow: str,
        node: Remembering[Any],
        memory: Memory,
        board: NoticeBoard,
        clock: Clock,
    ) -> None:
        self.memory = memory
        self.node = node
        self.board = board
        self._outbox = outbox
        self._flow = flow
        self._clock = clock
        self._line = Line()
        self._told_unsaved = False

    async def accept(self, messages: Sequence[Message], token: Token) -> None:  # noqa: ARG002 - part of the protocol
        """A batch has passed the node."""
        self.passed(token)
        token.done()

    def passed(self, token: Token) -> None:
        """A batch has passed the node: what it changed rides on it, and it waits for those that passed before."""
        carrier = token.carrier()
        if carrier is not None:
            if rows := self._rows(self.memory.take_changed()):
                carrier.attach(self._keep(rows))
            self._line.passed(carrier)

    async def load(self) -> Saved:
        """What an earlier run has saved. Rows that are damaged are set aside, and said. Raises `HostError`."""
        place = (self._flow, self.memory.node_id)
        rows = await self._outbox.query(STATES, place)
        saved = await asyncio.to_thread(read, rows)
        if saved.damaged:
            await self._set_aside(saved.damaged)
        return saved

    @property
    def form(self) -> StateForm:
        """The form the node keeps its state in now, as it comes back from disk."""
        return StateForm(self.node.state_version, decode(encode(dict(self.node.state_config()))))

    def keep_form(self, token: Token) -> None:
        """From this batch on the states are in the node's own form."""
        form = self.form
        token.attach(self._keep([(FORM, encode((form.version, dict(form.config))))]))

    def forget(self, keys: Sequence[str], token: Token) -> None:
        """From this batch on nothing is saved of these keys."""
        token.attach(self._keep([(row_key(key), None) for key in keys]))

    def _keep(self, rows: Sequence[tuple[str, bytes | None]]) -> KeepStates:
        return KeepStates(self._flow, self.memory.node_id, rows)

    def _rows(self, changed: Iterable[Remembered]) -> list[tuple[str, bytes | None]]:
        rows: list[tuple[str, bytes | None]] = []
        for key, state, held, forgotten in changed:
            if key.__class__ is not str:
                self._tell_unsaved(key, "a key must be text")
                continue
            row = None
            if not forgotten:
                try:
                    row = encode((held, state))
                except (TypeError, ValueError) as error:
                    self._tell_unsaved(key, str(error))
            rows.append((row_key(key), row))
        return rows

    def _tell_unsaved(self, key: object, reason: str) -> None:
        if not self._told_unsaved:
            self._told_unsaved = True
            text = f"what it remembers for key {key!r:.80} cannot be saved and will be lost when the run ends: {reason}"
            self.board.notice("error", text)

    async def _set_aside(self, damaged: Sequence[tuple[str, bytes, str]]) -> None:
        for key, _, reason in damaged[:NAMED_AT_MOST]:
            what = f"what it remembered for key {key[1:]!r:.80}" if key != FORM else "the form of its states"
            self.board.notice("error", f"{what} is damaged on disk: {reason}; it is set aside and starts afresh")
        if len(damaged) > NAMED_AT_MOST:
            self.board.notice("error", f"{len(damaged) - NAMED_AT_MOST} more keys are damaged on disk and start afresh")
        now_ns = self._clock.now_ns()
        node = self.memory.node_id
        await self._outbox.change(
            *(SetAside(self._flow, node, f"state {key}", 0, now_ns, reason, row) for key, row, reason in damaged),
            self._keep([(key, None) for key, _, _ in damaged]),
        )


@dataclass
class Saved:
    """What was found on disk of a node.

    Attributes:
        form: of the states; None if there are none, or nobody knows.
        states: by key.
        damaged: rows that cannot be read: key of the row, bytes, reason.
    """

    form: StateForm | None = None
    states: list[Remembered] = field(default_factory=list)
    damaged: list[tuple[str, bytes, str]] = field(default_factory=list)


def read(rows: Sequence[tuple[bytes, bytes]]) -> Saved:
    """Understand the rows of one node."""
    saved = Saved()
    for name, row in rows:
        key = name.decode("utf-8", "replace")
        try:
            first, second = decode(row)
            if key == FORM:
                saved.form = StateForm(int(first), dict(second))
            else:
                saved.states.append(Remembered(key_of(key), second, int(first)))
        except DamagedRowError as error:
            saved.damaged.append((key, row, str(error)))
        except (TypeError, ValueError) as error:
            saved.damaged.append((key, row, f"it is no saved state: {error}"))
    return saved


def count_held(rows: Iterable[tuple[str, bytes]]) -> dict[str, int]:
    """Messages held, by node, out of rows as `HELD` gives them; of damaged rows nobody knows."""
    held: dict[str, int] = {}
    for node, row in rows:
        with suppress(DamagedRowError, TypeError, ValueError):
            held[node] = held.get(node, 0) + int(decode(row)[0])
    return held


def row_key(key: str) -> str:
    """The key of the row that holds the state of a node's key."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return OF_ODD_KEY + key.encode("utf-8", "surrogatepass").hex()
    return OF_KEY + key


def key_of(row: str) -> str:
    """The node's key whose state this row holds. Raises `ValueError` for a row nobody has written."""
    if row.startswith(OF_ODD_KEY):
        return bytes.fromhex(row[len(OF_ODD_KEY) :]).decode("utf-8", "surrogatepass")
    return row.removeprefix(OF_KEY)
