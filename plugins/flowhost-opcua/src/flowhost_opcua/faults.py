"""What the driver raises, in words an operator can act on."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from flowhost.sdk import AuthenticationError, NodeError, PermanentError, TemporaryError
from flowhost_opcua import driver as ua

_REFUSED_USER = frozenset(
    {
        ua.StatusCodes.BadUserAccessDenied,
        ua.StatusCodes.BadIdentityTokenRejected,
        ua.StatusCodes.BadIdentityTokenInvalid,
        ua.StatusCodes.BadUserSignatureInvalid,
    }
)
_REFUSED_CERTIFICATE = frozenset(
    {
        ua.StatusCodes.BadCertificateUntrusted,
        ua.StatusCodes.BadSecurityChecksFailed,
        ua.StatusCodes.BadCertificateInvalid,
        ua.StatusCodes.BadCertificateUriInvalid,
        ua.StatusCodes.BadCertificateTimeInvalid,
        ua.StatusCodes.BadCertificateRevoked,
    }
)
_REFUSED_POLICY = frozenset({ua.StatusCodes.BadSecurityPolicyRejected, ua.StatusCodes.BadSecurityModeRejected})


def status_text(code: int) -> str:
    """Name and meaning of a StatusCode, e.g. `BadNodeIdUnknown: The node id refers to ...`."""
    name, doc = ua.get_name_and_doc(code & 0xFFFF0000)
    return f"{name} (0x{code:08X})" if doc.startswith("Unknown StatusCode") else f"{name}: {doc.rstrip('.')}"


def connect_fault(error: Exception, endpoint: str, name: str, own_certificate: str = "") -> NodeError:
    """Why a session could not be opened, and what to do.

    Args:
        error: from the driver or the socket.
        endpoint: as configured.
        name: the connection's.
        own_certificate: file the server's administrator has to trust, where security is on.
    """
    who = f"OPC UA server {endpoint}"
    if isinstance(error, NodeError):
        return error
    if isinstance(error, ua.UaStatusCodeError):
        return _refused(error, who, name, own_certificate)
    if isinstance(error, TimeoutError):
        return TemporaryError(f"{who} does not answer in time; check that it runs and that a firewall lets it through")
    if isinstance(error, socket.gaierror):
        host = urlsplit(endpoint).hostname
        return TemporaryError(
            f"{who} is not reachable: the name {host!r} cannot be resolved; check connection {name!r}"
        )
    if _is_refused(error):
        port = urlsplit(endpoint).port
        return TemporaryError(
            f"{who} does not answer: nothing listens on port {port}; check the endpoint of connection {name!r} "
            "or start the server"
        )
    return TemporaryError(f"{who} is not reachable; check connection {name!r}: {plain_text(error)}")


def request_fault(error: Exception, what: str) -> NodeError:
    """Why a request within a session failed."""
    return error if isinstance(error, NodeError) else TemporaryError(f"{what} failed: {plain_text(error)}")


def plain_text(error: BaseException) -> str:
    """One line about an error of the driver."""
    if isinstance(error, ua.UaStatusCodeError):
        return status_text(error.code)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def _refused(error: ua.UaStatusCodeError, who: str, name: str, own_certificate: str) -> NodeError:
    reason = status_text(error.code)
    if error.code in _REFUSED_USER:
        return AuthenticationError(
            f"{who} refuses the user of connection {name!r}; check username and password: {reason}"
        )
    if error.code in _REFUSED_POLICY:
        return PermanentError(f"{who} does not offer this security; change security or policy of {name!r}: {reason}")
    if error.code in _REFUSED_CERTIFICATE:
        hint = f"; trust {own_certificate} on the server" if own_certificate else ""
        return PermanentError(f"{who} does not accept our certificate{hint}: {reason}")
    return TemporaryError(f"{who} refuses the session of connection {name!r}: {reason}")


def _is_refused(error: Exception) -> bool:
    """A host name with several addresses gives one error that only quotes the refusals."""
    return isinstance(error, ConnectionRefusedError) or (
        isinstance(error, OSError) and "Connect call failed" in str(error)
    )
