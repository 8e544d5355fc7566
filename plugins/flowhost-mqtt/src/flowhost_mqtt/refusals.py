"""Why a broker cannot be used, in words that say what to do next."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from typing_extensions import override

from flowhost.sdk import AuthenticationError, NodeError, PermanentError, TemporaryError
from flowhost_mqtt.link import LinkEndedError, LinkRefusedError

UNSUPPORTED_VERSION = 132
NOT_AUTHORIZED = 135
QUOTA_EXCEEDED = 151
_IDENTITY = {134: "wrong user name or password", 135: "not authorised", 138: "banned", 140: "bad authentication method"}
_PERMANENT = {
    UNSUPPORTED_VERSION: "it does not speak this version of MQTT; set 'version' of {name} to auto or 3.1.1",
    133: "it does not accept the client id; set 'client_id' of {name} to one it knows",
    144: "it does not accept the topic of the will; correct 'will' of {name}",
    154: "it keeps no retained messages; set 'retain' of the will of {name} to false",
    155: "it does not support the QoS of the will; lower it in 'will' of {name}",
}


@dataclass(frozen=True)
class Address:
    """A broker and the name of the connection that leads to it."""

    host: str
    port: int
    connection: str

    @override
    def __str__(self) -> str:
        return f"broker {self.host}:{self.port}"

    @property
    def name(self) -> str:
        """The connection, for sentences."""
        return f"connection '{self.connection}'"


def explain(error: Exception, address: Address) -> NodeError:
    """What happened on connecting, as an error the engine knows how to treat."""
    match error:
        case LinkRefusedError():
            return _refused(error, address)
        case LinkEndedError():
            return TemporaryError(
                f"{address} closed the connection without an answer ({error}); "
                f"check that the port of {address.name} is an MQTT port, and whether it wants TLS"
            )
        case TimeoutError():
            return TemporaryError(
                f"{address} did not answer in time; check host and port of {address.name}, network and firewall"
            )
        case socket.gaierror():
            return TemporaryError(
                f"{address}: the host name cannot be resolved; check 'host' of {address.name} ({error.strerror})"
            )
        case ssl.SSLCertVerificationError():
            return PermanentError(
                f"{address}: its certificate is not trusted ({error.verify_message}); give the CA's file in "
                f"'tls.ca_file' of {address.name} and use the host name the certificate was issued for"
            )
        case ssl.SSLError():
            return TemporaryError(
                f"{address}: no TLS ({error.reason or error}); check that the port of {address.name} is a TLS port "
                "and that the broker accepts the client certificate"
            )
        case ConnectionRefusedError():
            return TemporaryError(
                f"{address} refused the connection: nothing listens there; "
                f"check host and port of {address.name}, or start the broker"
            )
        case OSError():
            return TemporaryError(
                f"{address} cannot be reached; check host and port of {address.name} ({error.strerror or error})"
            )
        case _:
            raise error


def _refused(error: LinkRefusedError, address: Address) -> NodeError:
    code = error.welcome.code
    if code in _IDENTITY:
        return AuthenticationError(
            f"{address} does not let us in: {_IDENTITY[code]}; check 'username' and 'password' of {address.name}"
        )
    if code in _PERMANENT:
        return PermanentError(f"{address} refused the connection: {_PERMANENT[code].format(name=address.name)}")
    return TemporaryError(f"{address} refused the connection ({error.welcome.reason}); trying again")


def filter_refused(topic: str, code: int, address: Address) -> PermanentError:
    """A SUBACK said no."""
    reasons = {
        135: "not authorised; give the user read access to it",
        143: "the broker does not accept this topic filter",
        151: "the broker's quota is used up",
        158: "the broker does not support shared subscriptions",
        161: "the broker does not support subscription identifiers",
        162: "the broker does not support wildcards",
    }
    why = reasons.get(code, f"the broker gives no reason (code {code}); often the user may not read it")
    return PermanentError(f"{address} refused to subscribe to '{topic}': {why}")
