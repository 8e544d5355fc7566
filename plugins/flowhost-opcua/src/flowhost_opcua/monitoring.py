"""Asks the server to watch items: in chunks it can take, and so that one bad node id never blocks the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flowhost.sdk import TemporaryError
from flowhost_opcua import driver as ua
from flowhost_opcua.faults import status_text
from flowhost_opcua.link import Link

CHUNK = 500
"""Items per request where the server names no limit."""
_LIMIT_NODE = ua.node_id(ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall)
_NO_FILTER = frozenset(
    {
        ua.StatusCodes.BadFilterNotAllowed,
        ua.StatusCodes.BadMonitoredItemFilterUnsupported,
        ua.StatusCodes.BadMonitoredItemFilterInvalid,
        ua.StatusCodes.BadDeadbandFilterInvalid,
    }
)
_TOO_MUCH = frozenset(
    {
        ua.StatusCodes.BadTooManyOperations,
        ua.StatusCodes.BadRequestTooLarge,
        ua.StatusCodes.BadResponseTooLarge,
        ua.StatusCodes.BadEncodingLimitsExceeded,
    }
)


@dataclass(frozen=True)
class Wanted:
    """One item to watch.

    Attributes:
        handle: our number for it; comes back with every value.
        node_id: in this session's numbering.
        sampling_ms: how often the server should look.
        queue_size: how many values it should keep between two publishes.
        deadband: absolute, or None.
    """

    handle: int
    node_id: ua.NodeId
    sampling_ms: float
    queue_size: int
    deadband: float | None = None


@dataclass(frozen=True)
class Answer:
    """What the server made of it.

    Attributes:
        handle: as asked.
        refused: why not, in words; empty if it is watched.
        remark: what was granted differently from what was asked.
    """

    handle: int
    refused: str = ""
    remark: str = ""


async def chunk_size(link: Link) -> int:
    """Items per request: the server's OperationLimits (OPC 10000-5, 6.3.11), else 500."""
    data = (await link.read([_LIMIT_NODE]))[0]
    limit = data.Value.Value if data.StatusCode is not None and data.StatusCode.is_good() and data.Value else None
    return limit if isinstance(limit, int) and 0 < limit < CHUNK else CHUNK


async def watch(link: Link, subscription_id: int, wanted: Sequence[Wanted]) -> list[Answer]:
    """Create the monitored items; one answer for each, in order. Raises as `Link.request` does."""
    size = await chunk_size(link)
    answers: list[Answer] = []
    while len(answers) < len(wanted):
        chunk = wanted[len(answers) : len(answers) + size]
        try:
            answers += await _watch_chunk(link, subscription_id, chunk)
        except TemporaryError as error:
            if len(chunk) == 1 or not _too_many(error):
                raise
            size = len(chunk) // 2
    return answers


def _too_many(error: TemporaryError) -> bool:
    """The server takes less in one request than it says, or says nothing."""
    cause = error.__cause__
    return isinstance(cause, ua.UaStatusCodeError) and cause.code in _TOO_MUCH


async def _watch_chunk(link: Link, subscription_id: int, wanted: Sequence[Wanted]) -> list[Answer]:
    results = await _create(link, subscription_id, wanted)
    answers = [_answer(item, result) for item, result in zip(wanted, results, strict=True)]
    again = [i for i, result in enumerate(results) if wanted[i].deadband and result.StatusCode.value in _NO_FILTER]
    if again:
        plain = [replace(wanted[i], deadband=None) for i in again]
        for i, item, result in zip(again, plain, await _create(link, subscription_id, plain), strict=True):
            answer = _answer(item, result)
            answers[i] = replace(answer, remark="no deadband on this server, every change is sent")
    return answers


async def _create(link: Link, subscription_id: int, wanted: Sequence[Wanted]) -> list[ua.MonitoredItemCreateResult]:
    params = ua.CreateMonitoredItemsParameters()
    params.SubscriptionId = subscription_id
    params.TimestampsToReturn = ua.TimestampsToReturn.Both
    params.ItemsToCreate = [_request(item) for item in wanted]
    return await link.request("creating monitored items", link.session.create_monitored_items(params))


def _request(item: Wanted) -> ua.MonitoredItemCreateRequest:
    request = ua.MonitoredItemCreateRequest()
    request.ItemToMonitor = ua.ReadValueId(NodeId=item.node_id, AttributeId=ua.AttributeIds.Value)
    request.MonitoringMode = ua.MonitoringMode.Reporting
    asked = request.RequestedParameters
    asked.ClientHandle = item.handle
    asked.SamplingInterval = item.sampling_ms
    asked.QueueSize = item.queue_size
    asked.DiscardOldest = True
    if item.deadband:
        asked.Filter = ua.DataChangeFilter(
            Trigger=ua.DataChangeTrigger.StatusValue,
            DeadbandType=int(ua.DeadbandType.Absolute),
            DeadbandValue=item.deadband,
        )
    return request


def _answer(item: Wanted, result: ua.MonitoredItemCreateResult) -> Answer:
    if not result.StatusCode.is_good():
        return Answer(item.handle, refused=status_text(result.StatusCode.value))
    if 0 < result.RevisedQueueSize < item.queue_size:
        kept = result.RevisedQueueSize
        return Answer(item.handle, remark=f"the server keeps {kept} values between publishes, asked: {item.queue_size}")
    if result.RevisedSamplingInterval > item.sampling_ms:
        slow = result.RevisedSamplingInterval
        return Answer(item.handle, remark=f"the server samples every {slow:g} ms, asked: {item.sampling_ms:g} ms")
    return Answer(item.handle)
