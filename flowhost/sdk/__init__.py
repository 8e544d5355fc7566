"""All that a plugin may import from FlowHost. What is not listed in `__all__` may change any day."""

from flowhost.errors import (
    AuthenticationError,
    ConfigError,
    EvaluationError,
    MessageError,
    NodeError,
    NotConnectedError,
    PermanentError,
    TemporaryError,
    UnknownOutcomeError,
)
from flowhost.expr import ucum_unit
from flowhost.sdk.config import Config, Expression, Secret, Template, setting
from flowhost.sdk.connection import Browse, BrowseRequest, Choice, Choices, Connection, ConnectionTest
from flowhost.sdk.context import Checkpoint, Clock, ConnectionContext, NodeContext, NoticeBoard
from flowhost.sdk.hooks import Function, hookimpl
from flowhost.sdk.inline import CodeWriter, InlineTransform
from flowhost.sdk.message import Message, Meta, Quality
from flowhost.sdk.node import (
    AsyncTransform,
    Emit,
    MessageTransform,
    Node,
    Outputs,
    QueryOutcome,
    Rejected,
    Sink,
    Source,
    Transform,
    Trigger,
)
from flowhost.sdk.outcome import Ok, Reject, Retry, Settlement, Unknown, WriteOutcome
from flowhost.sdk.spec import OUT, ConnectionSpec, NodeSpec, Port
from flowhost.sdk.state import Remembering, State, StateForm, StatefulTransform, Step

__all__ = [
    "OUT",
    "AsyncTransform",
    "AuthenticationError",
    "Browse",
    "BrowseRequest",
    "Checkpoint",
    "Choice",
    "Choices",
    "Clock",
    "CodeWriter",
    "Config",
    "ConfigError",
    "Connection",
    "ConnectionContext",
    "ConnectionSpec",
    "ConnectionTest",
    "Emit",
    "EvaluationError",
    "Expression",
    "Function",
    "InlineTransform",
    "Message",
    "MessageError",
    "MessageTransform",
    "Meta",
    "Node",
    "NodeContext",
    "NodeError",
    "NodeSpec",
    "NotConnectedError",
    "NoticeBoard",
    "Ok",
    "Outputs",
    "PermanentError",
    "Port",
    "Quality",
    "QueryOutcome",
    "Reject",
    "Rejected",
    "Remembering",
    "Retry",
    "Secret",
    "Settlement",
    "Sink",
    "Source",
    "State",
    "StateForm",
    "StatefulTransform",
    "Step",
    "Template",
    "TemporaryError",
    "Transform",
    "Trigger",
    "Unknown",
    "UnknownOutcomeError",
    "WriteOutcome",
    "hookimpl",
    "setting",
    "ucum_unit",
]
