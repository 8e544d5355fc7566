"""Changes dead letters: edits, retries, discards, takes in, forgets. Only whoever owns the outbox file has a desk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from flowhost.engine.failure import ORPHANED_STATE, REPORT, UNDECODABLE
from flowhost.engine.outbox.changes import Append
from flowhost.engine.outbox.codec import DamagedRowError, decode_message, encode_message
from flowhost.engine.outbox.letter import REPLAY, Letter
from flowhost.engine.outbox.letter_changes import Follow, Forget, KeepEdit, LetterChange, SetState, TakeIn
from flowhost.engine.outbox.letter_requests import (
    DiscardLetters,
    EditLetter,
    ForgetLetters,
    ImportLetters,
    LetterAnswer,
    LetterRequest,
    RetryLetters,
)
from flowhost.engine.outbox.letters import letters_in
from flowhost.engine.outbox.outbox import Outbox
from flowhost.errors import ConflictError, HostError, NotFoundError
from flowhost.sdk import Message

SAID_OF_IT = {
    "retried": "it is on its way again already",
    "delivered": "it has been delivered",
    "discarded": "it was discarded",
}

ONLY_TELLS = "it only tells what happened and is no message of the flow: do what it says, then discard it"


class DeskClosedError(HostError):
    """The run is ending: ask whoever owns the file next."""


class Replay(Protocol):
    """Brings retried letters back into their flow."""

    def refusal(self, letter: Letter) -> str:
        """Why this letter cannot go back, in words; empty if it can."""
        ...

    async def send(self, flow: str, node: str, messages: Sequence[Message], changes: Sequence[LetterChange]) -> None:
        """Put messages before a node, in the same transaction as the changes; returns once that is on disk."""
        ...


class LetterDesk:
    """Takes requests one after the other, so that what it looked at still holds when it writes.

    Args:
        outbox: the file, open.
        replay: brings letters back.
    """

    def __init__(self, outbox: Outbox, replay: Replay) -> None:
        self._outbox = outbox
        self._replay = replay
        self._lock = asyncio.Lock()
        self._closed = False

    async def close(self) -> None:
        """Take no more requests; returns when the one under way is done."""
        async with self._lock:
            self._closed = True

    async def handle(self, request: LetterRequest) -> LetterAnswer:
        """Do what is asked; what it answers is on disk.

        Raises:
            NotFoundError: the letter to edit is not there.
            ConflictError: it was edited meanwhile or is closed; or the letters to take in differ from known ones.
            DeskClosedError: the run is ending; nothing was done.
            HostError: the outbox cannot be written.
        """
        async with self._lock:
            if self._closed:
                raise DeskClosedError("the run is ending")
            match request:
                case EditLetter():
                    return await self._edit(request)
                case RetryLetters():
                    return await self._retry(request)
                case DiscardLetters():
                    return await self._discard(request)
                case ImportLetters():
                    return await self._import(request)
                case ForgetLetters():
                    return await self._forget(request)

    async def _edit(self, request: EditLetter) -> LetterAnswer:
        found = await self._letters([request.letter])
        if not found:
            raise NotFoundError(f"dead letter {request.letter}: there is none of this number")
        letter = found[0]
        if letter.state != "dead":
            raise ConflictError(f"dead letter {letter.number} cannot be edited: {SAID_OF_IT[letter.state]}")
        if letter.kind == REPORT:
            raise ConflictError(f"dead letter {letter.number} cannot be edited: {ONLY_TELLS}")
        newest = letter.edits[-1].revision if letter.edits else 0
        if newest != request.revision:
            raise ConflictError(
                f"dead letter {letter.number} was edited by {letter.edits[-1].by} meanwhile (revision {newest}, "
                f"yours builds on {request.revision}): look at it again"
                if letter.edits
                else f"dead letter {letter.number} has no revision {request.revision}: look at it again"
            )
        await self._outbox.change(KeepEdit(letter.number, newest + 1, time.time_ns(), request.by, request.message))
        return LetterAnswer(done=[letter.number])

    async def _discard(self, request: DiscardLetters) -> LetterAnswer:
        letters, skipped = self._open_ones(request.letters, await self._letters(request.letters))
        numbers = [letter.number for letter in letters]
        if numbers:
            await self._outbox.change(SetState(numbers, "discarded", time.time_ns(), request.by, request.reason))
        return LetterAnswer(done=numbers, skipped=skipped)

    async def _retry(self, request: RetryLetters) -> LetterAnswer:
        letters, skipped = self._open_ones(request.letters, await self._letters(request.letters))
        ready: list[tuple[Letter, Message]] = []
        for letter in letters:
            try:
                message = decode_message(letter.current)
            except DamagedRowError as error:
                skipped.append((letter.number, f"what lies on disk is damaged: {error}; edit it first"))
                continue
            if refusal := self._replay.refusal(letter):
                skipped.append((letter.number, refusal))
            else:
                ready.append((letter, message.with_meta(letter=letter.number)))
        ready.sort(key=lambda pair: (pair[0].flow, pair[0].node, pair[0].number))
        done: list[int] = []
        for (flow, node), group in groupby(ready, lambda pair: (pair[0].flow, pair[0].node)):
            pairs = list(group)
            numbers = [letter.number for letter, _ in pairs]
            retried = SetState(numbers, "retried", time.time_ns(), request.by)
            await self._replay.send(flow, node, [message for _, message in pairs], [retried])
            done += numbers
        return LetterAnswer(done=done, skipped=skipped)

    async def _import(self, request: ImportLetters) -> LetterAnswer:
        load = request.letters
        known = await asyncio.to_thread(self._known, [letter.uid for letter in load])
        if conflicts := [letter for letter in load if letter.uid in known and not _same(letter, known[letter.uid])]:
            first = conflicts[0]
            raise ConflictError(
                f"{len(conflicts)} of the letters are here with another content, for example {first.uid}, which is "
                f"letter {known[first.uid].number} of flow {first.flow} here; nothing was taken in"
            )
        new = [letter for letter in load if letter.uid not in known]
        await self._outbox.change(TakeIn(new))
        numbers = await asyncio.to_thread(self._known, [letter.uid for letter in new])
        return LetterAnswer(
            done=[letter.number for letter in numbers.values()],
            skipped=[(letter.number, "it is here already") for letter in known.values()],
        )

    async def _forget(self, request: ForgetLetters) -> LetterAnswer:
        def read() -> list[int]:
            with letters_in(self._outbox.path) as reader:
                return reader.closed_before(request.until_ns, request.most)

        numbers = await asyncio.to_thread(read)
        if numbers:
            await self._outbox.change(Forget(numbers))
        return LetterAnswer(done=numbers)

    async def _letters(self, numbers: Sequence[int]) -> list[Letter]:
        def read() -> list[Letter]:
            with letters_in(self._outbox.path) as reader:
                return reader.some(numbers)

        return await asyncio.to_thread(read)

    def _known(self, uids: Sequence[str]) -> dict[str, Letter]:
        with letters_in(self._outbox.path) as reader:
            return {letter.uid: letter for letter in reader.of_uids(uids)}

    @staticmethod
    def _open_ones(numbers: Sequence[int], letters: Sequence[Letter]) -> tuple[list[Letter], list[tuple[int, str]]]:
        missing = set(numbers) - {letter.number for letter in letters}
        skipped = [(number, "there is no such letter") for number in sorted(missing)]
        skipped += [(letter.number, SAID_OF_IT[letter.state]) for letter in letters if letter.state != "dead"]
        return [letter for letter in letters if letter.state == "dead"], skipped


class ColdReplay:
    """Puts retried letters where the next run of their flow finds them: the file of a flow that does not run.

    Args:
        outbox: the file, open.
        nodes: ids of the nodes of the flow; None where they are not known, then the next run looks.
    """

    def __init__(self, outbox: Outbox, nodes: Sequence[str] | None) -> None:
        self._outbox = outbox
        self._nodes = nodes

    def refusal(self, letter: Letter) -> str:
        """Why this letter cannot go back, in words; empty if it can."""
        return refusal(letter, self._nodes)

    async def send(self, flow: str, node: str, messages: Sequence[Message], changes: Sequence[LetterChange]) -> None:
        """Put messages before a node, in the same transaction as the changes."""
        edge = await self._outbox.edge(flow, REPLAY + node)
        follows = [Follow(message.meta.letter, 1) for message in messages]
        await self._outbox.change(Append(edge.number, [encode_message(m) for m in messages]), *changes, *follows)


def refusal(letter: Letter, nodes: Sequence[str] | None) -> str:
    """Why a letter cannot go back into a flow of these nodes, in words; empty if it can."""
    if letter.kind == REPORT:
        return ONLY_TELLS
    if nodes is not None and letter.node not in nodes:
        return (
            f"node {letter.node!r} is no longer in flow {letter.flow}: add a node of this id and deploy, then retry; "
            "or discard the letter"
        )
    # what a source could not read, or a node had worked out, is no message of the flow before somebody has edited it
    if letter.kind == UNDECODABLE and not letter.edits:
        return f"the source {letter.node!r} could not read it: edit it, then it leaves by the source's output"
    if letter.kind == ORPHANED_STATE and not letter.edits:
        return f"it is what node {letter.node!r} had worked out, not a message: edit it into one, or discard it"
    return ""


def _same(one: Letter, other: Letter) -> bool:
    return (one.flow, one.message) == (other.flow, other.message)
