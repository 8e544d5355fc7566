"""The publish loop of a session: asks, hands over, acknowledges; ends with a reason instead of trying for ever."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from typing_extensions import override

from flowhost_opcua import driver as ua
from flowhost_opcua.faults import plain_text

DEPTH = 3
"""Publish requests that lie at the server at once, so that a slow line does not hold up the next answer."""


class PublishingSession(ua.UaSession):
    """A session whose publish loop hands responses straight to the subscription, without a task or queue per value.

    The driver's own loop logs a traceback and tries again every second when the link is gone; this one reports the end
    to `on_end` once. Responses are handed over in the order in which the server sent them.
    """

    def __init__(self, client: ua.UaClient, on_end: Callable[[str], None]) -> None:
        super().__init__(client)
        self._on_end = on_end
        self._receivers: dict[int, Callable[[ua.PublishResult], None]] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._depth = DEPTH

    @override
    async def create_subscription(
        self, params: ua.CreateSubscriptionParameters, callback: Callable[..., Any]
    ) -> ua.CreateSubscriptionResult:
        """Create it on the server; `callback` takes every `PublishResult`, keep-alives included."""
        result = await super().create_subscription(params, callback)
        self._receivers[result.SubscriptionId] = callback
        return result

    @override
    async def delete_subscriptions(self, subscription_ids: Iterable[int]) -> list[ua.StatusCode]:
        """Delete on the server; what still arrives for them is ignored."""
        ids = list(subscription_ids)
        for subscription_id in ids:
            self._receivers.pop(subscription_id, None)
        return await super().delete_subscriptions(ids)

    @override
    def ensure_publish_loop(self) -> None:
        """Start the loop if it does not run; the driver calls this with every new subscription."""
        if self._loop_task is None or self._loop_task.done():
            self._loop_task = asyncio.create_task(self._keep_publishing(), name="opcua publish")
            self._loop_task.add_done_callback(self._ended)

    async def stop_publishing(self) -> None:
        """End the loop; safe at any time."""
        task, self._loop_task = self._loop_task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_publishing(self) -> None:
        asked: deque[asyncio.Task[ua.PublishResponse]] = deque()
        acks: list[ua.SubscriptionAcknowledgement] = []
        try:
            while True:
                while len(asked) < self._depth:
                    asked.append(asyncio.create_task(self.publish(acks), name="opcua publish request"))
                    acks = []
                try:
                    response = await asked.popleft()
                except ua.UaError as error:
                    if self._ends_quietly(error):
                        return
                    continue
                acks += self._hand_over(response.Parameters)
        finally:
            for request in asked:
                request.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    def _ends_quietly(self, error: ua.UaError) -> bool:
        """Judge a failed publish: go on (False), end for lack of subscriptions (True), or raise."""
        if isinstance(error, ua.BadTimeout | ua.UaStructParsingError):
            return False  # what an undecodable response held is missed by its sequence number
        if isinstance(error, ua.BadTooManyPublishRequests) and self._depth > 1:
            self._depth -= 1
            return False
        if isinstance(error, ua.BadNoSubscription) and not self._receivers:
            return True
        raise error

    def _hand_over(self, result: ua.PublishResult) -> list[ua.SubscriptionAcknowledgement]:
        receiver = self._receivers.get(result.SubscriptionId)
        if receiver is not None:
            receiver(result)
        message = result.NotificationMessage
        if not message.NotificationData:
            return []
        return [
            ua.SubscriptionAcknowledgement(SubscriptionId=result.SubscriptionId, SequenceNumber=message.SequenceNumber)
        ]

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_end(plain_text(error))
