"""A message that failed at a node, on its way to the error port or to being counted dead."""

from __future__ import annotations

import msgspec

from flowhost.sdk import Message

UNDECODABLE = "Undecodable"
"""Kind of a failure of a source: it received what it could not read."""

REPORT = "Report"
"""Kind of a failure of a source that tells of something which is no message, such as a broken file."""

ORPHANED_STATE = "orphaned-state"
"""Kind of what a node had worked out of messages it held, and nobody can go on with: a state, not a message."""


class Failure(msgspec.Struct, frozen=True):
    """One message and why it failed.

    Attributes:
        node: id of the node that failed on it.
        message: as it entered that node.
        reason: the cause in words.
        kind: name of the error class, for filters.
        attempts: how often the node tried it since it came.
    """

    node: str
    message: Message
    reason: str
    kind: str = "MessageError"
    attempts: int = 1

    def for_error_port(self) -> Message:
        """The message as it leaves by an error port: untouched, with the cause in its headers."""
        headers = dict(self.message.meta.headers)
        headers["error"] = self.reason
        headers["error.node"] = self.node
        headers["error.kind"] = self.kind
        return self.message.with_meta(headers=headers)


def reason_of(error: BaseException) -> str:
    """The error in words, with its class where it is not one of ours."""
    text = str(error).strip()
    if isinstance(error, KeyError):
        return f"field {text} is missing"
    if not text:
        return type(error).__name__
    module = type(error).__module__
    return text if module.startswith("flowhost.") else f"{type(error).__name__}: {text}"
