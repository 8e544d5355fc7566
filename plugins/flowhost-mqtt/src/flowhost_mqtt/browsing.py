"""Topics seen on a broker, for the pick list of a form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

from flowhost.sdk import BrowseRequest, Choice, Choices, NodeError
from flowhost_mqtt.packets import Arrival
from flowhost_mqtt.session import Session
from flowhost_mqtt.values import decoder

LISTEN_S = 1.5
"""How long the first look listens, seconds; what comes later is in the next one."""
MOST_TOPICS = 20_000
SHOWN_CHARACTERS = 60


class TopicsSeen:
    """Remembers topics and the newest payload of each, from the moment it listens."""

    def __init__(self) -> None:
        self._seen: dict[str, bytes] = {}
        self._full = False
        self._failure: NodeError | None = None

    def arrived(self, generation: int, arrivals: list[Arrival], size: int) -> None:  # noqa: ARG002 - as sessions call it
        """Messages came."""
        for topic, payload, *_ in arrivals:
            if topic in self._seen or len(self._seen) < MOST_TOPICS:
                self._seen[topic] = payload[:1000]
            else:
                self._full = True

    def resumed(self, kept: bool) -> None:
        """What was seen before stays."""

    def failed(self, error: NodeError) -> None:
        """Nothing more comes."""
        self._failure = error

    def choices(self, request: BrowseRequest) -> Choices:
        """Topics below a branch, or all that hold the text searched for. Raises what ended the session."""
        if self._failure is not None:
            raise self._failure
        found = list(self._matching(request.search.lower()) if request.search else self._below(request.under))
        notes = []
        if not self._seen:
            notes.append(
                "nothing was published while we listened, and nothing is retained; look again, or type the topic"
            )
        if len(found) > request.limit:
            notes.append(f"{len(found)} topics, the first {request.limit} are shown: search for a part")
        if self._full:
            notes.append(f"there are more than {MOST_TOPICS} topics: not all are here")
        return Choices(items=found[: request.limit], note="; ".join(notes))

    def _matching(self, words: str) -> Iterator[Choice]:
        for topic in sorted(self._seen):
            if words in topic.lower():
                yield self._choice(topic, topic)

    def _below(self, prefix: str) -> Iterator[Choice]:
        """One level: branches can be opened, and taken whole with `#`."""
        levels: dict[str, bool] = {}
        for topic in self._seen:
            if topic.startswith(prefix):
                level, slash, _ = topic[len(prefix) :].partition("/")
                levels[level] = levels.get(level, False) or bool(slash)
        for level, deeper in sorted(levels.items()):
            topic = prefix + level
            if topic in self._seen:
                yield self._choice(topic, level)
            if deeper:
                yield Choice(value=f"{topic}/#", label=f"{level}/", detail="all below", opens=f"{topic}/")

    def _choice(self, topic: str, label: str) -> Choice:
        value = decoder("auto")(self._seen[topic])
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        return Choice(
            value=topic, label=label, detail=text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
        )


class Listening:
    """A session that listens to everything while somebody looks for a topic."""

    def __init__(self, session: Session, topics: TopicsSeen) -> None:
        self.topics = topics
        self._session = session

    async def open(self) -> None:
        """Listen, for a moment, so that there is something to show. Raises as `Session.open` does."""
        await self._session.open()
        await asyncio.sleep(LISTEN_S)

    async def close(self) -> None:
        """Stop listening."""
        await self._session.close()
