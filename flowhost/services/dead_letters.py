"""Dead letters: list, look, edit, retry, discard, export, import."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from itertools import groupby

from flowhost.engine.outbox.codec import DamagedRowError, decode_message
from flowhost.engine.outbox.letter import Letter
from flowhost.engine.outbox.letter_requests import (
    DiscardLetters,
    EditLetter,
    ImportLetters,
    LetterRequest,
    RetryLetters,
)
from flowhost.engine.outbox.letters import LetterCount, LetterReader
from flowhost.errors import ConfigError
from flowhost.sdk import Message, Meta
from flowhost.services.access import Principal, demand
from flowhost.services.letter_export import END, encoded, exported, head, read_export
from flowhost.services.letter_files import LetterFile, LetterPlace
from flowhost.services.letter_pictures import detail, flow_gone, letter_id, row
from flowhost.services.letter_search import LetterSearch, next_of
from flowhost.services.letter_views import (
    BulkStep,
    DeadLetterDetail,
    DeadLetterPage,
    ImportResult,
    LetterCountView,
    LetterQuery,
    SkippedLetter,
)
from flowhost.services.typed_json import read

MOST_ROWS = 500
STEP = 1000
"""Letters changed in one transaction."""
LARGEST_IMPORT = 32 * 1024 * 1024
"""Bytes of messages of one flow; all of them are taken in by one transaction."""


class DeadLetterService:
    """What a caller may do with dead letters. Every method raises `ForbiddenError` for a caller without the role.

    Letters are named `<flow>:<number>`. Changes of many are made in steps of `STEP`; `steps` goes on to the end.
    """

    def __init__(self, place: LetterPlace) -> None:
        self._place = place
        self._search = LetterSearch(place)

    async def list(
        self, principal: Principal, query: LetterQuery | None = None, *, after: str = "", limit: int = 100
    ) -> DeadLetterPage:
        """Letters, the one that failed last first.

        Args:
            principal: the caller.
            query: which; open ones if None.
            after: `next` of the page before.
            limit: how many, at most 500.

        Raises:
            ConfigError: the query or `after` is wrong.
        """
        demand(principal, "letter.read")
        limit = max(1, min(limit, MOST_ROWS))
        letters, problems = await self._search.newest(query or LetterQuery(), after, limit + 1)
        return DeadLetterPage(
            rows=tuple(row(letter, self._place.facts(letter.flow)) for letter in letters[:limit]),
            next=next_of(letters[limit - 1]) if len(letters) > limit else "",
            problems=tuple(problems),
        )

    async def counts(self, principal: Principal, query: LetterQuery | None = None) -> tuple[LetterCountView, ...]:
        """How many letters there are by flow, node, kind and state; open ones if there is no query."""
        demand(principal, "letter.read")
        found: list[LetterCount] = []
        for file, wanted in await self._search.wanted(query or LetterQuery()):
            found += await self._place.read(file, partial(LetterReader.counts, wanted=wanted))
        return tuple(
            LetterCountView(flow_id=c.flow, node=c.node, kind=c.kind, state=c.state, number=c.number) for c in found
        )

    async def show(self, principal: Principal, id: str) -> DeadLetterDetail:  # noqa: A002 - as in the views
        """A letter with all that is known of it. Raises `NotFoundError`."""
        demand(principal, "letter.read")
        _, letter = await self._search.one(id)
        return detail(letter, self._place.facts(letter.flow))

    async def edit(self, principal: Principal, id: str, revision: int, text: str) -> DeadLetterDetail:  # noqa: A002 - as above
        """Keep another revision of a letter's payload; the original stays, id and the rest of its meta are kept.

        Args:
            principal: the caller.
            id: of the letter.
            revision: number of the newest edit the caller has seen, 0 for the original.
            text: the payload as JSON that keeps types, see `flowhost.services.typed_json`.

        Raises:
            NotFoundError: no such letter.
            PayloadError: the text is no payload; says where.
            ConflictError: somebody edited it meanwhile, or it is not open.
        """
        demand(principal, "letter.repair")
        file, letter = await self._search.one(id)
        message = encoded(_message(letter).with_payload(read(text)), "payload")
        request = EditLetter(letter=letter.number, revision=revision, message=message, by=principal.name)
        await self._place.change(file, letter.flow, request)
        return await self.show(principal, id)

    async def retry(self, principal: Principal, query: LetterQuery, *, after: str = "", limit: int = STEP) -> BulkStep:
        """Send letters in again at the input of the node they failed at, with their ids; one step of it.

        Args:
            principal: the caller.
            query: which; with `ids` these and no others, whatever else it says.
            after: `next` of the step before.
            limit: how many letters in this step.
        """
        demand(principal, "letter.repair")

        def request(numbers: Sequence[int]) -> LetterRequest:
            return RetryLetters(letters=numbers, by=principal.name)

        return await self._step(query, after, limit, request, self._refusal)

    async def discard(
        self, principal: Principal, query: LetterQuery, reason: str, *, after: str = "", limit: int = STEP
    ) -> BulkStep:
        """Close letters that need not be delivered; one step, as in `retry`. Raises `ConfigError` without a reason."""
        demand(principal, "letter.repair")
        if not reason.strip():
            raise ConfigError("say why: it is kept with the letter", "reason")

        def request(numbers: Sequence[int]) -> LetterRequest:
            return DiscardLetters(letters=numbers, reason=reason.strip(), by=principal.name)

        return await self._step(query, after, limit, request, lambda _: "")

    async def export(self, principal: Principal, query: LetterQuery | None = None) -> AsyncIterator[str]:
        """Letters with everything that is known of them, as the parts of one JSON document.

        Raises:
            HostError: a file cannot be read; what came before is no whole document.
        """
        demand(principal, "letter.read")
        yield head()
        separator = "\n"
        async for letter in self._search.all(query or LetterQuery()):
            yield separator + exported(letter)
            separator = ",\n"
        yield END

    async def import_(self, principal: Principal, text: str) -> ImportResult:
        """Take in an exported document: all of its letters or none; those that are here already are left as they are.

        Letters of several flows go to several files: after a fault of the disk in between, import the same again.

        Raises:
            PayloadError: it is no such document; says where. Nothing was taken in.
            ConfigError: a flow is not here, or the import is too large. Nothing was taken in.
            ConflictError: a letter is here with another content. Nothing of its flow was taken in.
        """
        demand(principal, "letter.import")
        letters = sorted(read_export(text), key=lambda letter: letter.flow)
        loads = {flow: [*group] for flow, group in groupby(letters, lambda letter: letter.flow)}
        files = {flow: self._file_for(flow, load) for flow, load in loads.items()}
        taken = known = 0
        for flow, load in loads.items():
            answer = await self._place.change(files[flow], flow, ImportLetters(letters=load))
            taken += len(answer.done)
            known += len(answer.skipped)
        return ImportResult(taken=taken, known=known)

    async def _step(
        self,
        query: LetterQuery,
        after: str,
        limit: int,
        request: Callable[[Sequence[int]], LetterRequest],
        refused: Callable[[str], str],
    ) -> BulkStep:
        done = 0
        skipped: list[SkippedLetter] = []
        waiting: dict[str, None] = {}
        found, left = await self._search.behind(query, after, max(1, min(limit, STEP)))
        for (file, flow), group in groupby(found, lambda one: (one.file, one.flow)):
            numbers = [one.number for one in group]
            reason = "there is no such letter" if file is None else refused(flow)
            if file is None or reason:
                skipped += [SkippedLetter(id=letter_id(flow, number), reason=reason) for number in numbers]
                continue
            answer = await self._place.change(file, flow, request(numbers))
            done += len(answer.done)
            skipped += [SkippedLetter(id=letter_id(flow, number), reason=reason) for number, reason in answer.skipped]
            facts = self._place.facts(flow)
            if answer.done and facts is not None and not facts.runs:
                waiting[flow] = None
        return BulkStep(
            done=done,
            skipped=tuple(skipped),
            left=left,
            next=letter_id(found[-1].flow, found[-1].number) if found and left else "",
            waiting=tuple(waiting),
        )

    def _file_for(self, flow: str, load: Sequence[Letter]) -> LetterFile:
        if self._place.facts(flow) is None:
            raise ConfigError(f"flow {flow} is not here: import the flow first; nothing was taken in", "letters")
        if sum(len(letter.message) for letter in load) > LARGEST_IMPORT:
            raise ConfigError(
                f"the letters of flow {flow} are larger than {LARGEST_IMPORT >> 20} MiB: export them in parts "
                "(by node, kind or time) and import one after the other; nothing was taken in",
                "letters",
            )
        return self._place.file_of(flow)

    def _refusal(self, flow: str) -> str:
        """Why nothing of a flow can be retried; empty if it can."""
        return flow_gone(flow) if self._place.facts(flow) is None else ""


async def steps(change: Callable[[str], Awaitable[BulkStep]], after: str = "") -> AsyncIterator[BulkStep]:
    """All steps of a change of many letters.

    Args:
        change: makes one step, given `after`.
        after: `next` of an earlier step.
    """
    while True:
        step = await change(after)
        yield step
        if not step.next:
            return
        after = step.next


def _message(letter: Letter) -> Message:
    """The newest revision; of one that is damaged, what is known without it."""
    try:
        return decode_message(letter.current)
    except DamagedRowError:
        return Message(None, Meta(letter.topic, letter.at_ns, key=letter.key, id=letter.ident))
