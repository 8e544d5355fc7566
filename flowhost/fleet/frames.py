"""What host and worker say to each other: typed msgspec frames with a length in front, over one stream.

A worker sends `Hello` first, then `Status` twice a second or more (which is also its heartbeat), `Happened` and `Ended`
as they come, one `Answer` to each `StartFlow` and one `Reply` to each `Ask`. Nothing here depends on how the stream
came about.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal, TypeAlias, cast

import msgspec
from typing_extensions import override

from flowhost.engine.by_hand import SendByHand, SentByHand
from flowhost.engine.outbox.letter_requests import LetterAnswer, LetterRequest
from flowhost.engine.outbox.space import SpaceRules
from flowhost.engine.snapshot import FlowSnapshot, RunEvent
from flowhost.graph.document import FlowDocument

MAX_FRAME = 64 * 1024 * 1024
MAX_HELLO = 64 * 1024
HEARTBEAT_S = 0.5

Request: TypeAlias = LetterRequest | SendByHand
"""What can be asked of the worker that runs a flow."""
RunOutcome = Literal["stopped", "ended", "failed"]


class Hello(msgspec.Struct, tag=True, frozen=True):
    """A worker has loaded its plugins and asks for work."""

    token: str
    pid: int
    version: str


class RunStatus(msgspec.Struct, frozen=True):
    """One run as its worker sees it now."""

    run: int
    snapshot: FlowSnapshot


class Status(msgspec.Struct, tag=True, frozen=True):
    """All runs of a worker; also its sign of life.

    Attributes:
        at_ns: the worker's monotonic clock, for rates that do not depend on when the frame arrived.
        runs: one entry per run.
    """

    at_ns: int
    runs: list[RunStatus]


class Happened(msgspec.Struct, tag=True, frozen=True):
    """Events of a run, in order; `skipped` more came too fast to be sent."""

    run: int
    events: list[RunEvent]
    skipped: int = 0


class Ended(msgspec.Struct, tag=True, frozen=True):
    """A run is over."""

    run: int
    outcome: RunOutcome
    reason: str
    snapshot: FlowSnapshot


class Refusal(msgspec.Struct, frozen=True):
    """Why something was not done.

    Attributes:
        kind: `config`: the user fixes it at `place`; `not found`, `conflict`: as the errors of these names; `gone`: the
            run is over or ending, nothing was done; `internal`: a fault on our side.
        message: in words.
        place: as in `flowhost.errors.ConfigError`.
    """

    kind: Literal["config", "not found", "conflict", "gone", "internal"]
    message: str
    place: str = ""


class Answer(msgspec.Struct, tag=True, frozen=True):
    """What became of a `StartFlow`; no refusal means the flow runs."""

    run: int
    refusal: Refusal | None = None


class Ask(msgspec.Struct, tag=True, frozen=True):
    """Have the worker of a run do something; one `Reply` of this number follows."""

    run: int
    number: int
    request: Request


class Reply(msgspec.Struct, tag=True, frozen=True):
    """What came of an `Ask`: an answer, or a refusal."""

    number: int
    answer: LetterAnswer | SentByHand | None = None
    refusal: Refusal | None = None


class StartFlow(msgspec.Struct, tag=True, frozen=True):
    """Run this revision.

    Attributes:
        run: identifies the run from now on.
        document: the revision.
        base_dir: what relative paths in configs are relative to.
        host_id: part of client ids.
        secrets: values of the secrets this flow names, and no others.
        watch: collect last values from the start.
        revision: number of the revision.
        outbox: file of the flow's queues and dead letters; empty for none.
        space: how much of the disk that file may take.
    """

    run: int
    document: FlowDocument
    base_dir: str
    host_id: str
    secrets: dict[str, str]
    watch: bool = False
    revision: int = 0
    outbox: str = ""
    space: SpaceRules = SpaceRules()

    @override
    def __repr__(self) -> str:
        return f"StartFlow(run={self.run}, flow={self.document.id!r})"


class StopFlow(msgspec.Struct, tag=True, frozen=True):
    """Stop: sources first, then drain, firmly at the deadline; `Ended` follows."""

    run: int
    drain_s: float


class WatchFlow(msgspec.Struct, tag=True, frozen=True):
    """Collect last values of this run, or stop doing so."""

    run: int
    on: bool


class Shutdown(msgspec.Struct, tag=True, frozen=True):
    """Stop all runs as `StopFlow` does, then end the process."""

    drain_s: float


FromWorker: TypeAlias = Hello | Status | Happened | Ended | Answer | Reply
FromHost: TypeAlias = StartFlow | StopFlow | WatchFlow | Ask | Shutdown

_encoder = msgspec.msgpack.Encoder(enc_hook=str)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_from_host: msgspec.msgpack.Decoder[FromHost] = msgspec.msgpack.Decoder(FromHost)


class BrokenFrameError(ValueError):
    """The other side does not speak this protocol."""


def encode(frame: FromWorker | FromHost) -> bytes:
    """A frame with its length in front."""
    body = _encoder.encode(frame)
    return len(body).to_bytes(4, "big") + body


async def read_from_worker(reader: asyncio.StreamReader, limit: int = MAX_FRAME) -> FromWorker | None:
    """The next frame of a worker; None at the end of the stream. Raises `BrokenFrameError`."""
    return cast("FromWorker | None", await _read(reader, _from_worker, limit))


async def read_from_host(reader: asyncio.StreamReader) -> FromHost | None:
    """The next frame of the host; None at the end of the stream. Raises `BrokenFrameError`."""
    return cast("FromHost | None", await _read(reader, _from_host, MAX_FRAME))


async def _read(reader: asyncio.StreamReader, decoder: msgspec.msgpack.Decoder[Any], limit: int) -> Any:
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        if size > limit:
            msg = f"frame of {size} bytes, at most {limit} are taken"
            raise BrokenFrameError(msg)
        return decoder.decode(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except msgspec.MsgspecError as error:
        msg = f"frame that cannot be read: {error}"
        raise BrokenFrameError(msg) from error
