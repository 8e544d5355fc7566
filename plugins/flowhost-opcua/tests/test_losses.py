"""Nothing is lost in silence: inbox, sequence numbers, overflow."""

from __future__ import annotations

import time

import pytest
from flowhost_opcua import driver as ua
from flowhost_opcua.feed import Feed
from flowhost_opcua.inbox import Inbox
from flowhost_opcua.losses import Losses
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 20))
def test_the_inbox_keeps_order_and_counts_what_it_drops(sizes, most):
    inbox, number, taken = Inbox(high=40, low=10, limit=60), 0, []
    for size in sizes:
        inbox.add(list(range(number, number + size)))
        number += size
        taken += inbox.take(most)
        assert len(inbox) <= 60
    while part := inbox.take(most):
        taken += part
    assert taken == sorted(taken)
    assert len(taken) + inbox.dropped == number


def _result(sequence, *notifications):
    message = ua.NotificationMessage(SequenceNumber=sequence, NotificationData=list(notifications))
    return ua.PublishResult(1, NotificationMessage=message)


def _change(*values):
    items = [ua.MonitoredItemNotification(1, ua.DataValue(ua.Variant(value))) for value in values]
    return ua.DataChangeNotification(MonitoredItems=items)


@pytest.fixture
def feed():
    received, ends = [], []
    feed = Feed(received.extend, ends.append, time.time_ns)
    feed.received, feed.ends = received, ends
    return feed


@pytest.mark.parametrize(
    ("sequences", "missed"),
    [
        ([1, 2, 3], 0),
        ([5, 6], 0),
        ([1, 4], 2),
        ([1, 3, 5], 2),
        ([2**32 - 2, 2**32 - 1, 1], 0),  # 1 follows the largest number
        ([2**32 - 1, 2], 1),
        ([7, 7], 0),  # sent twice
    ],
)
def test_missing_notification_messages_are_counted(feed, sequences, missed):
    for sequence in sequences:
        feed(_result(sequence, _change(1)))
    assert feed.missed == missed
    assert len(feed.received) == len(sequences)


def test_keep_alives_count_as_life_and_as_nothing_else(feed):
    feed(_result(1, _change(1)))
    feed.heard_at = 0.0
    feed(_result(2))
    feed(_result(2, _change(2)))
    assert feed.heard_at > 0
    assert feed.missed == 0


def test_a_subscription_ended_by_the_server_ends_the_link(feed):
    feed(_result(1, ua.StatusChangeNotification(Status=ua.StatusCode(ua.StatusCodes.BadTimeout))))
    assert feed.ends == ["the server ended the subscription: BadTimeout"]


def test_losses_are_said_at_once_and_then_not_every_time(board):
    losses = Losses(board)
    losses.check(0, 0)
    assert not board.notices
    losses.overflow("Speed")
    losses.check(0, 0)
    losses.overflow("Speed")
    losses.check(3, 2)
    losses.check(4, 3)
    said = board.of("warning")
    assert len(said) == 3
    assert "overflowed 1 times, last at 'Speed'" in said[0]
    assert said[1].startswith("3 values dropped")
    assert said[2].startswith("2 notification messages")
    assert losses.overflows == 2
