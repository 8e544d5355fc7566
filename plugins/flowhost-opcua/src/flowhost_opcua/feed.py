"""One subscription on the server, seen from here: what arrives, in order, and when it was last heard of."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flowhost_opcua import driver as ua

_SEQUENCE_LIMIT = 2**32


class Feed:
    """Takes the publish results of one subscription.

    Attributes:
        subscription_id: on the server.
        silence_s: after so long without value or keep-alive the link counts as lost, seconds.
        heard_at: monotonic time of the last sign of life, seconds.
        heard_ns: the same on the wall clock, nanoseconds UTC.
        missed: notification messages the server numbered but that never arrived or could not be decoded.
        enabled: whether the server has been told to publish.
    """

    def __init__(
        self,
        receive: Callable[[list[Any]], None],
        on_end: Callable[[str], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._receive = receive
        self._on_end = on_end
        self._now_ns = now_ns
        self._next_sequence = 0
        self.subscription_id = 0
        self.silence_s = 0.0
        self.heard_at = time.monotonic()
        self.heard_ns = now_ns()
        self.missed = 0
        self.enabled = True

    def created(self, result: ua.CreateSubscriptionResult) -> None:
        """Take what the server granted (OPC 10000-4, 5.14.2)."""
        self.subscription_id = result.SubscriptionId
        self.silence_s = 3 * result.RevisedPublishingInterval * max(1, result.RevisedMaxKeepAliveCount) / 1000
        self.heard_at = time.monotonic()

    @property
    def is_silent(self) -> bool:
        """Three intervals without a value or keep-alive."""
        return time.monotonic() - self.heard_at > self.silence_s

    def __call__(self, result: ua.PublishResult) -> None:
        """Take one publish result, keep-alives included."""
        self.heard_at = time.monotonic()
        self.heard_ns = self._now_ns()
        message = result.NotificationMessage
        if not message.NotificationData:
            return
        self._follow(int(message.SequenceNumber))
        for notification in message.NotificationData:
            if isinstance(notification, ua.DataChangeNotification):
                self._receive(notification.MonitoredItems)
            elif isinstance(notification, ua.StatusChangeNotification) and notification.Status.is_bad():
                self._on_end(f"the server ended the subscription: {notification.Status.name}")

    def _follow(self, sequence: int) -> None:
        """Count what is missing between the last message and this one (1 follows the largest number)."""
        ahead = (sequence - self._next_sequence) % (_SEQUENCE_LIMIT - 1)
        if self._next_sequence and ahead < _SEQUENCE_LIMIT // 2:
            self.missed += ahead
        self._next_sequence = sequence % (_SEQUENCE_LIMIT - 1) + 1
