"""Every error of FlowHost, grouped by what happens next.

```
FlowHostError
├── ConfigError            fix the file, form or argument; nothing was started
│   ├── FlowFileError      the flow file cannot be read as a flow
│   ├── ExpressionError    an expression or template is wrong; knows its column
│   └── SettingsError      a host setting is wrong
├── PluginError            this plugin is switched off, the rest goes on
├── NodeError              raised by nodes and connections while a flow runs
│   ├── TemporaryError     try again, after `after_s` where the target said so
│   │   └── NotConnectedError      the link is down; the supervisor opens it again
│   ├── PermanentError     trying again changes nothing; a person has to look
│   │   └── AuthenticationError    the target does not know us; no further attempt, accounts get locked
│   ├── UnknownOutcomeError        sent, but no answer: ask before sending again
│   └── MessageError       this message only is at fault
│       └── EvaluationError        an expression failed on this message
├── HostError              the machine is at fault (disk full, fsync failed): stop intake, confirm nothing
├── NotFoundError          no flow, run or connection of that name
├── ConflictError          somebody changed it meanwhile, or its state forbids the request
│   └── ConfirmationError      it would cost something: says what; asked again with `confirm` it is done
└── ForbiddenError         the caller may not do this
```
Messages name the thing first, then the next step, then the detail. They never blame and never hold a secret.
"""

from __future__ import annotations

from typing import Any


class FlowHostError(Exception):
    """Root of all errors FlowHost raises on purpose."""


class ConfigError(FlowHostError):
    """What was written down is wrong: the user fixes it at `place`, nothing was started.

    Args:
        message: what is wrong and what to do.
        place: where, as a path into the file or form, e.g. `nodes.temps.config.qos`.
    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.place = place


class FlowFileError(ConfigError):
    """The file is not a flow: not YAML, or not the shape of one."""


class SettingsError(ConfigError):
    """A setting of the host (flag, `FLOWHOST_*`, `flowhost.toml`) is wrong."""


class ExpressionError(ConfigError):
    """An expression or template is not in the language.

    Args:
        message: what is wrong and what to write instead.
        text: the whole expression.
        column: 1-based column of the first wrong character.
    """

    def __init__(self, message: str, text: str, column: int, place: str = "") -> None:
        super().__init__(f"{message} (column {column})", place)
        self.reason = message
        self.text = text
        self.column = column


class PluginError(FlowHostError):
    """A plugin cannot be loaded or breaks the contract; it is listed with this reason and left out."""


class NodeError(FlowHostError):
    """A node or connection failed while running."""


class TemporaryError(NodeError):
    """Trying again may help.

    Args:
        message: what failed and where.
        after_s: how long the target asked us to wait, seconds; None leaves it to the engine's back-off.
    """

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class NotConnectedError(TemporaryError):
    """The link to the target is down."""


class PermanentError(NodeError):
    """Trying again with the same message and config cannot help."""


class AuthenticationError(PermanentError):
    """The target refused who we are. Not retried: repeated attempts lock accounts."""


class UnknownOutcomeError(NodeError):
    """The request left, the answer did not come: the target may have done it.

    Args:
        message: what was sent where.
        ask: what identifies the request at the target, for asking whether it was done.
    """

    def __init__(self, message: str, ask: str = "") -> None:
        super().__init__(message)
        self.ask = ask


class MessageError(NodeError):
    """This message is at fault; its neighbours are not.

    Args:
        message: what is wrong with it.
        detail: values that help to repair it.
    """

    def __init__(self, message: str, detail: Any = None) -> None:
        super().__init__(message)
        self.detail = detail


class EvaluationError(MessageError):
    """An expression failed on this message: a field is missing or has the wrong type."""


class HostError(FlowHostError):
    """The machine cannot keep the promise (fsync failed, disk full): intake stops, nothing is confirmed."""


class NotFoundError(FlowHostError):
    """There is no such flow, run, node or connection."""


class ConflictError(FlowHostError):
    """The request does not fit the present state; read it again, then decide."""


class ConfirmationError(ConflictError):
    """It would cost something that cannot be taken back; the same request with `confirm` does it."""


class ForbiddenError(FlowHostError):
    """The caller's role does not allow this."""
