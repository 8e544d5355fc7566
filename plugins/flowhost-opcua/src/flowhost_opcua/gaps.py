"""A time span without data, as a line for people and as a message for flows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flowhost.sdk import Message, Meta


@dataclass(frozen=True)
class Gap:
    """No data between two moments.

    Attributes:
        endpoint: the server.
        from_ns: last sign of life before, nanoseconds UTC; what it had published until then did arrive.
        to_ns: when the new subscription stood, nanoseconds UTC.
        reason: why the link was lost.
    """

    endpoint: str
    from_ns: int
    to_ns: int
    reason: str

    @property
    def seconds(self) -> float:
        """Length."""
        return max(0, self.to_ns - self.from_ns) / 1e9

    @property
    def text(self) -> str:
        """One line."""
        start, end = _clock(self.from_ns), _clock(self.to_ns)
        return f"no data from {self.endpoint} between {start} and {end} ({self.seconds:.1f} s): {self.reason}"


def gap_message(gap: Gap, flow: str, node: str) -> Message:
    """For port `gaps`: payload {from, to, seconds, endpoint, reason}, times in ISO 8601 UTC."""
    payload = {
        "from": _iso(gap.from_ns),
        "to": _iso(gap.to_ns),
        "seconds": round(gap.seconds, 3),
        "endpoint": gap.endpoint,
        "reason": gap.reason,
    }
    topic = f"{node}/gap"
    return Message(payload, Meta(topic, gap.to_ns, key=topic, id=f"{flow}.{node}:gap@{gap.from_ns}"))


def _iso(when_ns: int) -> str:
    return datetime.fromtimestamp(when_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clock(when_ns: int) -> str:
    """Time of day on this machine, as all texts of FlowHost have it; with the date where that is not today."""
    at = datetime.fromtimestamp(when_ns / 1e9).astimezone()
    form = "%H:%M:%S" if at.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S"
    return at.strftime(form)
