"""`/api/v1/alarms` of a real server: a flow's dead letters are an alarm until they are closed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_alarms_are_listed_acknowledged_and_over(serve, letter_folder, until) -> None:
    letter_folder(-1, -2)
    server = serve()
    server.wait_ready()
    token = json.loads((server.data / "host.json").read_text())["token"]

    def ask(method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        headers = headers or {"Authorization": f"Bearer {token}"}
        return server.client.request(method, f"/api/v1/{path}", json=body, headers=headers, timeout=60)

    assert ask("GET", "alarms", None, Authorization="Bearer wrong").status_code == 401
    until(lambda: [alarm for alarm in ask("GET", "alarms").json() if alarm["id"]])
    (alarm,) = ask("GET", "alarms").json()
    assert (alarm["kind"], alarm["flow_id"], alarm["severity"]) == ("dead_letters", "orders", "warning")
    assert "2 dead letters" in alarm["text"]
    assert (alarm["cleared_at"], alarm["acknowledged_by"]) == (None, "")
    known = ask("POST", f"alarms/{alarm['id']}/acknowledge").json()
    assert known["acknowledged_by"]
    assert ask("GET", "alarms").json() == [known]
    assert ask("POST", "alarms/9999/acknowledge").status_code == 404
    assert ask("GET", "alarms/recent?limit=0").json()["problems"][0]["place"] == "query.limit"

    ask("POST", "dead-letters/discard", {"filter": {}, "reason": "a test"})
    until(lambda: ask("GET", "alarms").json() == [])
    (over,) = ask("GET", "alarms/recent").json()
    assert over["id"] == alarm["id"]
    assert over["cleared_at"] is not None
    assert over["text"] == alarm["text"].replace(" has ", " had ")
    assert over["text"] != alarm["text"]
    assert "/api/v1/alarms" in ask("GET", "openapi.json").json()["paths"]
