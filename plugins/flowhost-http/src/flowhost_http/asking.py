"""Asks a service whether it has what was sent to it without an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flowhost.sdk import (
    AuthenticationError,
    Message,
    MessageError,
    NodeError,
    NotConnectedError,
    Ok,
    Reject,
    Retry,
    Unknown,
    UnknownOutcomeError,
    WriteOutcome,
)
from flowhost_http.config import AskConfig
from flowhost_http.connection import HttpClient
from flowhost_http.exchange import Answer, Request
from flowhost_http.lanes import Lanes
from flowhost_http.values import path_of


class Questions:
    """One call of `query_outcome`.

    Args:
        config: how to ask.
        client: whom.
        ok: the outcome of a message the service has, with its answer.
    """

    def __init__(self, config: AskConfig, client: HttpClient, ok: Callable[[Message, Answer], Ok]) -> None:
        self._config = config
        self._client = client
        self._ok = ok
        self._ended: NodeError | None = None

    async def ask(self, messages: Sequence[Message], parallel: int) -> list[WriteOutcome]:
        """One outcome per message. Raises what ended it if nothing was learnt."""
        lanes = Lanes(messages, lambda message: self._ask_one(message, lanes))
        await lanes.run(parallel)
        learnt = [outcome for outcome in lanes.outcomes if outcome is not None]
        if self._ended is not None and all(isinstance(outcome, Unknown) for outcome in learnt):
            raise self._ended
        return [Unknown("not asked yet") if outcome is None else outcome for outcome in lanes.outcomes]

    async def _ask_one(self, message: Message, lanes: Lanes) -> WriteOutcome:
        config = self._config
        try:
            path = path_of(config.path.render(message), has_query="?" in config.path.text).lstrip("/")
            answer = await self._client.send(Request("GET", f"{self._client.base_url}/{path}"))
        except MessageError as error:
            return Reject(f"it got no answer, and cannot be asked about: {error}; look whether the target has it")
        except UnknownOutcomeError as error:
            return Unknown(str(error))
        except (NotConnectedError, AuthenticationError) as error:
            self._ended = self._ended or error
            lanes.halt()
            return Unknown(str(error))
        if answer.status in config.found:
            return self._ok(message, answer)
        if answer.status in config.missing:
            return Retry()
        return Unknown(f"GET {path.partition('?')[0]} gave {answer.status} {answer.phrase}".strip())
