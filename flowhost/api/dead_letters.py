"""`/api/v1/dead-letters`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import override

from flowhost.api.answers import Caller, authorized_route
from flowhost.errors import ConfigError
from flowhost.services.dead_letters import STEP, steps
from flowhost.services.host import Host
from flowhost.services.letter_views import (
    BulkStep,
    DeadLetterDetail,
    DeadLetterPage,
    ImportResult,
    LetterCountView,
    LetterQuery,
    LetterState,
    SkippedLetter,
)
from flowhost.services.typed_json import write_plain

LARGEST_BODY = 64 * 1024 * 1024
SKIPPED_SHOWN = 1000


class Filter(BaseModel):
    """Which letters; what is left out does not narrow."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    flow: str = ""
    """Flow id."""
    node: str = ""
    """Node id."""
    kind: str = ""
    """Class of the error."""
    text: str = ""
    """Part of reason, topic, key or message id."""
    since: datetime | None = None
    """Failed at this time or later; with a time zone."""
    until: datetime | None = None
    """Failed before this time; with a time zone."""

    def query(self, states: tuple[LetterState, ...] = ("dead",)) -> LetterQuery:
        """As services take it."""
        return LetterQuery(
            flow=self.flow, node=self.node, kind=self.kind, text=self.text, since=self.since, until=self.until,
            states=states,
        )  # fmt: skip


class ListFilter(Filter):
    """Which letters of a list."""

    state: list[LetterState] = Field(default=["dead"])
    """Letters in one of these states."""

    def letters(self) -> LetterQuery:
        """As services take it."""
        return self.query(tuple(self.state))


class ExportFilter(ListFilter):
    """Which letters of an export."""

    id: list[str] | None = Field(default=None, min_length=1)
    """Exactly these, as `orders:17`; nothing else narrows then."""

    @override
    def letters(self) -> LetterQuery:
        return super().letters() if self.id is None else LetterQuery(ids=tuple(self.id))


class Listing(ListFilter):
    """Which part of a list."""

    after: str = ""
    """`next` of the page before."""
    limit: int = Field(default=100, ge=1, le=500)
    """How many."""


class Which(BaseModel):
    """Letters to change: `ids`, or all open ones that meet a `filter`; an empty filter is all."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    ids: list[str] | None = Field(default=None, min_length=1)
    """As `orders:17`, a flow and a number."""
    filter: Filter | None = None
    """Open letters that meet it."""
    after: str = ""
    """`next` of the step before."""
    limit: int | None = Field(default=None, ge=1, le=STEP)
    """How many in this step; without it, all are changed before the answer comes."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Which:
        if (self.ids is None) == (self.filter is None):
            raise ValueError('either `ids` or `filter`; `"filter": {}` means all open ones')
        return self

    def query(self) -> LetterQuery:
        """As services take it."""
        if self.ids is not None:
            return LetterQuery(ids=tuple(self.ids))
        assert self.filter is not None
        return self.filter.query()


class Discard(Which):
    """Letters to discard, and why."""

    reason: str
    """Kept with the letters."""


class Edit(BaseModel):
    """Another revision of a payload: as JSON, or as the text of it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    revision: int = Field(ge=0)
    """Number of the newest edit seen, 0 for the original."""
    payload: Any = None
    """The payload; types JSON lacks as `{"$decimal": "1.5"}`, `{"$bytes": base64}`, `{"$datetime": ISO 8601}`."""
    text: str | None = None
    """The same as JSON text: what is wrong in it is said with line and column."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Edit:
        if ("payload" in self.model_fields_set) == (self.text is not None):
            raise ValueError("either `payload` or `text`")
        return self


class Changed(BaseModel):
    """What became of letters that were to be changed."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    done: int
    """How many were changed."""
    skipped: int
    """How many were left as they are."""
    reasons: list[SkippedLetter]
    """Why, for the first thousand of them."""
    left: int
    """How many are still to come."""
    next: str
    """Where to go on, for `after`; empty when all is done."""
    waiting: list[str]
    """Flows that do not run: what was retried waits for their next start."""


def dead_letters_router(host: Host) -> APIRouter:
    """List, look, edit, retry, discard, export and import dead letters."""
    router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"], route_class=authorized_route(host))

    @router.get("")
    async def list_letters(caller: Caller, listing: Annotated[Listing, Query()]) -> DeadLetterPage:
        return await host.dead_letters.list(caller, listing.letters(), after=listing.after, limit=listing.limit)

    @router.get("/counts")
    async def counts(caller: Caller, wanted: Annotated[ListFilter, Query()]) -> list[LetterCountView]:
        return list(await host.dead_letters.counts(caller, wanted.letters()))

    @router.get("/export", response_class=StreamingResponse)
    async def export(caller: Caller, wanted: Annotated[ExportFilter, Query()]) -> StreamingResponse:
        parts = host.dead_letters.export(caller, wanted.letters())
        # what is wrong with the request is said before the answer begins
        first = await anext(parts)
        headers = {"Content-Disposition": 'attachment; filename="dead-letters.json"'}
        return StreamingResponse(_joined(first, parts), media_type="application/json", headers=headers)

    @router.post("/import")
    async def import_letters(caller: Caller, request: Request) -> ImportResult:
        return await host.dead_letters.import_(caller, await _body(request))

    @router.post("/retry")
    async def retry(caller: Caller, which: Which) -> Changed:
        query, limit = which.query(), which.limit or STEP
        return await _change(which, lambda after: host.dead_letters.retry(caller, query, after=after, limit=limit))

    @router.post("/discard")
    async def discard(caller: Caller, which: Discard) -> Changed:
        query, limit, why = which.query(), which.limit or STEP, which.reason
        letters = host.dead_letters
        return await _change(which, lambda after: letters.discard(caller, query, why, after=after, limit=limit))

    @router.get("/{id}")
    async def show(caller: Caller, id: str) -> DeadLetterDetail:  # noqa: A002 - the name in the path
        return await host.dead_letters.show(caller, id)

    @router.patch("/{id}")
    async def edit(caller: Caller, id: str, edit: Edit) -> DeadLetterDetail:  # noqa: A002 - as above
        text = edit.text if edit.text is not None else write_plain(edit.payload)
        return await host.dead_letters.edit(caller, id, edit.revision, text)

    return router


async def _change(which: Which, change: Callable[[str], Awaitable[BulkStep]]) -> Changed:
    """One step where a limit is given, else all of them."""
    done = skipped = 0
    reasons: list[SkippedLetter] = []
    waiting: dict[str, None] = {}
    step = BulkStep(done=0)
    async for step in steps(change, which.after):
        done += step.done
        skipped += len(step.skipped)
        reasons += step.skipped[: SKIPPED_SHOWN - len(reasons)]
        waiting |= dict.fromkeys(step.waiting)
        if which.limit is not None:
            break
    return Changed(done=done, skipped=skipped, reasons=reasons, left=step.left, next=step.next, waiting=list(waiting))


async def _joined(first: str, parts: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for part in parts:
        yield part


async def _body(request: Request) -> str:
    """The body as text, as large as an import may be."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise ConfigError(f"larger than {LARGEST_BODY >> 20} MiB: export the letters in parts", "body")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8: byte {error.start}", "body") from None
