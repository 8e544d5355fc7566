"""How commands of this machine ask a running host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from flowhost.errors import ConfigError, ConflictError, FlowHostError, ForbiddenError, HostError, NotFoundError
from flowhost.services.data_folder import HostAddress

ANSWER_S = 120.0


class HostRest:
    """REST of the host that holds a data folder; its refusals are the errors they were there."""

    def __init__(self, host: HostAddress) -> None:
        self._host = host
        # nothing on the way: it is this machine
        self._opener = build_opener(ProxyHandler({}))

    def ask(self, method: str, path: str, asked: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """The answer as plain data, None where it is empty; `asked` are parameters of the address, `body` is JSON."""
        with self.open(method, path, asked or {}, None if body is None else json.dumps(body).encode()) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def open(self, method: str, path: str, asked: Mapping[str, Any], content: bytes | None) -> Any:
        """The answer to be read in parts; the caller closes it. Raises `FlowHostError`."""
        given = {name: value for name, value in asked.items() if value not in ("", None)}
        url = f"{self._host.address}{path}?{urlencode(given, doseq=True)}"
        headers = {"Authorization": f"Bearer {self._host.token}", "Content-Type": "application/json"}
        request = Request(url, data=content, headers=headers, method=method)  # noqa: S310 - the address of our own host
        try:
            return self._opener.open(request, timeout=ANSWER_S)
        except HTTPError as error:
            raise _error_of(error) from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise HostError(
                f"the host at {self._host.address} does not answer: {reason}; look whether it is well, or stop it and "
                "try again"
            ) from None


def _error_of(answer: HTTPError) -> FlowHostError:
    """A refusal of the host, as the error it was there."""
    try:
        said = json.loads(answer.read())
        message, problems = str(said["message"]), said.get("problems") or []
    except (ValueError, KeyError, TypeError):
        return HostError(f"the host answered {answer.code} {answer.reason}")
    match answer.code:
        case 404:
            return NotFoundError(message)
        case 409:
            return ConflictError(message)
        case 403:
            return ForbiddenError(message)
        case 422 if len(problems) == 1:
            return ConfigError(str(problems[0].get("message", "")), str(problems[0].get("place", "")))
        case 422:
            return ConfigError(message)
        case _:
            return HostError(message)
