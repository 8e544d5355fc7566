"""`/api/v1/connections` of a real server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest


@pytest.mark.slow
def test_connections_are_made_changed_tested_and_deleted(serve, tmp_path) -> None:
    server = serve()
    server.wait_ready()
    token = json.loads((server.data / "host.json").read_text())["token"]

    def ask(method: str, path: str = "", body: Any = None, **headers: str) -> httpx.Response:
        headers = headers or {"Authorization": f"Bearer {token}"}
        url = f"/api/v1/connections{path}"
        return server.client.request(method, url, json=body, headers=headers, timeout=60)

    assert ask("GET", "", None, Authorization="Bearer wrong").status_code == 401
    config = {"url": f"sqlite:///{tmp_path}/plant.db"}
    made = ask("POST", "", {"name": "plantdb", "type": "sql.database", "config": config})
    assert (made.status_code, made.json()["version"], made.json()["state"]) == (201, 1, "idle")
    wrong = ask("POST", "", {"name": "b", "type": "sql.database", "config": {"url": 7}})
    assert (wrong.status_code, wrong.json()["problems"][0]["place"]) == (422, "config.url")
    assert ask("POST", "", {"name": "plantdb", "type": "sql.database", "config": config}).status_code == 409
    assert [row["name"] for row in ask("GET").json()] == ["plantdb"]
    other = {"config": {"url": f"sqlite:///{tmp_path}/other.db"}, "version": 1}
    assert ask("PUT", "/plantdb", other).json()["connection"]["version"] == 2
    assert ask("PUT", "/plantdb", {**other, "config": config}).status_code == 409
    tested = ask("POST", "/plantdb/test").json()
    assert tested["ok"], tested
    assert ask("DELETE", "/plantdb").status_code == 204
    assert ask("GET", "/plantdb").status_code == 404
