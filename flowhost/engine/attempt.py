"""One try of a batch at a node that waits for a target, sorted by what happens next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from flowhost.engine.batch import key_of
from flowhost.engine.failure import Failure, reason_of
from flowhost.engine.segment import Ported
from flowhost.errors import (
    AuthenticationError,
    MessageError,
    NotConnectedError,
    PermanentError,
    TemporaryError,
    UnknownOutcomeError,
)
from flowhost.graph.delivery import Order
from flowhost.sdk import Message, Ok, QueryOutcome, Reject, Retry, Unknown, WriteOutcome

PIECE = 64
"""Messages written at once while some of them make the node fail: small enough that finding them costs little."""
CALM_PIECES = 200
"""Pieces in a row without a failure after which batches are written whole again."""

UNKNOWN_KIND = "unknown-outcome"

Write = Callable[[Sequence[Message], Ported], Awaitable[Sequence[WriteOutcome] | None]]
"""One try: outcomes per message or None if all went well; what leaves the node is appended to the second argument."""

Why = Literal["later", "fault", "unknown", "missing", "behind"]
"""Why a message has no end yet: its target asked for another try, the node failed on it, nobody knows whether it was
done, the target was asked and has not got it, it was not tried because of one before it."""

BEHIND = "waits behind an earlier message"


class Again(NamedTuple):
    """A message that has no end yet.

    Attributes:
        why: what happens next.
        reason: in words.
        after_s: how long the target asked to wait, seconds; None leaves it to us.
    """

    why: Why
    reason: str
    after_s: float | None = None


class Halt(NamedTuple):
    """The target takes nothing at all at present.

    Attributes:
        reason: in words.
        after_s: how long it asked to wait, seconds; None leaves it to us.
        link: it cannot even be reached, so that nobody on the same connection can.
    """

    reason: str
    after_s: float | None = None
    link: bool = False


@dataclass(slots=True)
class Tried:
    """How one try of a batch ended. A message is done, in `failures` or in `again`.

    Attributes:
        done: messages that were confirmed.
        repeated: places of those of them the target had already.
        outputs: what leaves the node, by port.
        failures: messages that ended here, by their place in the batch.
        again: messages that did not, by their place in the batch, in order.
        halt: the target takes nothing at all; None if it does, as far as is known.
        refused: the target does not know us; what was not tried because of that is in neither of the others.
        stopped: keys whose later messages are not tried.
        stopped_all: nothing more is tried.
        newest: place of the last message that was confirmed; None if none was.
    """

    done: int = 0
    repeated: set[int] = field(default_factory=set)
    outputs: Ported = field(default_factory=list)
    failures: dict[int, Failure] = field(default_factory=dict)
    again: dict[int, Again] = field(default_factory=dict)
    halt: Halt | None = None
    refused: str = ""
    stopped: set[str] = field(default_factory=set)
    stopped_all: bool = False
    newest: int | None = None

    @property
    def answered(self) -> bool:
        """The target took or refused at least one message."""
        return bool(self.done or self.failures)

    def at(self, places: Sequence[int]) -> Tried:
        """The same for the places those messages have in a larger batch."""
        if not self.failures and not self.again and not self.repeated:
            return self
        failures = {places[place]: failure for place, failure in self.failures.items()}
        again = {places[place]: why for place, why in self.again.items()}
        return replace(self, failures=failures, again=again, repeated={places[place] for place in self.repeated})


class Attempts:
    """Tries batches.

    Args:
        node_id: id of the node.
        write: one try.
        order: what is not sent behind a message that has to be tried again, where a batch is written in pieces.
        resend_unknown: a request without an answer may be sent again, because the target takes it once only.
        oracle: tells what became of such a request; None if nobody can.
    """

    def __init__(
        self,
        node_id: str,
        write: Write,
        order: Order,
        *,
        resend_unknown: bool,
        oracle: QueryOutcome | None = None,
    ) -> None:
        self._node_id = node_id
        self._write = write
        self._order = order
        self._resend_unknown = resend_unknown
        self._oracle = oracle
        self._calm = CALM_PIECES

    @property
    def calm(self) -> bool:
        """Batches are written whole."""
        return self._calm >= CALM_PIECES

    async def send(self, messages: Sequence[Message]) -> Tried:
        """Try once."""
        tried = Tried()
        size = len(messages) if self._calm >= CALM_PIECES else PIECE
        for start in range(0, len(messages), size):
            self._calm += 1
            await self._send(messages, range(start, min(start + size, len(messages))), tried)
        return tried

    async def ask(self, messages: Sequence[Message]) -> Tried:
        """Ask what became of messages that may have been done."""
        tried = Tried()
        if self._oracle is None:
            for place, message in enumerate(messages):
                self._sort(place, message, Unknown("it may have been sent before"), tried)
            return tried
        try:
            outcomes = await self._oracle.query_outcome(messages)
        except AuthenticationError as error:
            tried.refused = reason_of(error)
            return tried
        except PermanentError as error:
            for place, message in enumerate(messages):
                reason = unknown_reason(reason_of(error))
                tried.failures[place] = Failure(self._node_id, message, reason, UNKNOWN_KIND)
            return tried
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, the answer is not known
            tried.halt = halt_of(error) or Halt(f"asking for the outcome failed: {reason_of(error)}")
            unknown = Again("unknown", tried.halt.reason, tried.halt.after_s)
            tried.again.update((place, unknown) for place in range(len(messages)))
            return tried
        self._sort_answers(messages, outcomes, tried)
        return tried

    def _sort_answers(self, messages: Sequence[Message], outcomes: Sequence[WriteOutcome], tried: Tried) -> None:
        if len(outcomes) != len(messages):
            reason = f"query_outcome() returned {len(outcomes)} outcomes for {len(messages)} messages: a plugin bug"
            outcomes = [Unknown(reason)] * len(messages)
        for place, (message, outcome) in enumerate(zip(messages, outcomes, strict=True)):
            if isinstance(outcome, Unknown):
                tried.again[place] = Again("unknown", f"the target cannot say yet: {outcome.ask or 'no answer'}")
            elif isinstance(outcome, Retry):
                tried.again[place] = Again("missing", "the target has not got it")
            else:
                self._sort(place, message, outcome, tried)

    async def _send(self, messages: Sequence[Message], places: Sequence[int], tried: Tried) -> None:
        """Try the messages at these places; those behind one that must be tried again are not tried."""
        places = self._free(messages, places, tried)
        if not places:
            return
        part = messages if len(places) == len(messages) else [messages[place] for place in places]
        try:
            outcomes = await self._write(part, tried.outputs)
        except AuthenticationError as error:
            tried.refused = reason_of(error)
            return
        except Exception as error:  # noqa: BLE001 - sorted by what happens next
            await self._sort_error(error, messages, places, tried)
            return
        if outcomes is None:
            tried.done += len(part)
            return
        if len(outcomes) != len(part):
            reason = f"write() returned {len(outcomes)} outcomes for {len(part)} messages; this is a plugin bug"
            outcomes = [Reject(reason)] * len(part)
        for place, message, outcome in zip(places, part, outcomes, strict=True):
            self._sort(place, message, outcome, tried)

    def _free(self, messages: Sequence[Message], places: Sequence[int], tried: Tried) -> Sequence[int]:
        """The places that may be tried now; the others are put to those that wait."""
        if tried.refused:
            return ()
        if tried.halt is not None or tried.stopped_all:
            behind = Again("behind", tried.halt.reason if tried.halt is not None else BEHIND)
            tried.again.update((place, behind) for place in places)
            return ()
        if not tried.stopped:
            return places
        free = []
        for place in places:
            if key_of(messages[place]) in tried.stopped:
                tried.again[place] = Again("behind", BEHIND)
            else:
                free.append(place)
        return free

    def _sort(self, place: int, message: Message, outcome: WriteOutcome, tried: Tried) -> None:
        if isinstance(outcome, Ok):
            tried.done += 1
            if outcome.repeated:
                tried.repeated.add(place)
            if outcome.answer is not None:
                tried.outputs.append(("out", [outcome.answer]))
        elif isinstance(outcome, Retry):
            reason = outcome.reason or "the target asked to try again"
            self._wait(place, message, Again("later", reason, outcome.after_s), tried)
            if outcome.down:
                tried.halt = longest(tried.halt, Halt(reason, outcome.after_s))
        elif isinstance(outcome, Unknown):
            self._sort_unknown(place, message, outcome.ask, tried)
        else:
            tried.failures[place] = Failure(self._node_id, message, outcome.reason, "Reject")

    def _sort_unknown(self, place: int, message: Message, ask: str, tried: Tried) -> None:
        what = f"no answer to {ask or 'the request'}"
        if self._resend_unknown:
            self._wait(place, message, Again("later", f"{what}, sending again"), tried)
        elif self._oracle is not None:
            self._wait(place, message, Again("unknown", f"{what}, asking what became of it"), tried)
        else:
            tried.failures[place] = Failure(self._node_id, message, unknown_reason(ask), UNKNOWN_KIND)

    def _wait(self, place: int, message: Message, again: Again, tried: Tried) -> None:
        """A message has to be tried again, and nothing that must not overtake it is sent before."""
        tried.again[place] = again
        if self._order == "strict":
            tried.stopped_all = True
        elif self._order == "key":
            tried.stopped.add(key_of(message))

    async def _sort_error(
        self, error: Exception, messages: Sequence[Message], places: Sequence[int], tried: Tried
    ) -> None:
        reason = reason_of(error)
        if (halt := halt_of(error)) is not None:
            tried.halt = longest(tried.halt, halt)
            tried.again.update((place, Again("later", reason, halt.after_s)) for place in places)
        elif isinstance(error, UnknownOutcomeError | PermanentError):
            outcome = Unknown(error.ask or reason) if isinstance(error, UnknownOutcomeError) else Reject(reason)
            for place in places:
                self._sort(place, messages[place], outcome, tried)
        else:
            self._calm = 0
            await self._find_culprits(error, messages, places, tried)

    async def _find_culprits(
        self, error: Exception, messages: Sequence[Message], places: Sequence[int], tried: Tried
    ) -> None:
        """The node itself failed: ever smaller parts, until the culprit stands alone."""
        if len(places) == 1:
            place, message = places[0], messages[places[0]]
            if isinstance(error, MessageError):
                tried.failures[place] = Failure(self._node_id, message, reason_of(error), "Reject")
            else:
                self._wait(place, message, Again("fault", reason_of(error)), tried)
            return
        step = PIECE if len(places) > PIECE else (len(places) + 1) // 2
        for first in range(0, len(places), step):
            await self._send(messages, places[first : first + step], tried)


def halt_of(error: Exception) -> Halt | None:
    """What an error says about the target as a whole: that it takes nothing now; None if it says no such thing."""
    if not isinstance(error, TemporaryError | OSError):
        return None
    # an operating system error a plugin let through is most often an unplugged cable
    link = isinstance(error, NotConnectedError | OSError)
    return Halt(reason_of(error), getattr(error, "after_s", None), link)


def longest(one: Halt | None, other: Halt) -> Halt:
    """Of two, the one that waits longer."""
    if one is None or (other.after_s or 0.0) > (one.after_s or 0.0):
        return other
    return one


def unknown_reason(ask: str) -> str:
    """What a person has to know about a message that may have been done."""
    return (
        f"no answer came, so the target may have it ({ask or 'the request'}); "
        "look there, then send it again or discard it"
    )
