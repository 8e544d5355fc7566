"""`/api/v1/secrets` of a real server: values go in, and no answer, file or log line holds them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.slow
MARK = "hunter2-5c1f"


def test_secrets_are_stored_listed_and_deleted_and_never_told(serve) -> None:
    server = serve(FLOWHOST_SECRET_OUTSIDE=MARK)
    server.wait_ready()
    token = json.loads((server.data / "host.json").read_text())["token"]
    answers: list[str] = []

    def ask(method: str, path: str = "/secrets", body: Any = None, key: str = token, **how: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"}
        found = server.client.request(method, f"/api/v1{path}", json=body, headers=headers, timeout=60, **how)
        answers.append(found.text)
        return found

    for method, path in (("GET", "/secrets"), ("PUT", "/secrets/db"), ("DELETE", "/secrets/db")):
        assert ask(method, path, {"value": MARK}, key="wrong").status_code == 401
    done = ask("PUT", "/secrets/db", {"value": MARK})
    assert (done.status_code, done.json()["secret"]["source"], done.json()["restarted"]) == (200, "store", [])
    assert {one["name"]: one["source"] for one in ask("GET").json()} == {"db": "store", "outside": "environment"}
    assert ask("PUT", "/secrets/outside", {"value": MARK}).status_code == 409
    assert ask("PUT", "/secrets/9", {"value": MARK}).json()["problems"][0]["place"] == "name"
    for wrong in ({"value": [MARK]}, {"valeu": MARK}, [MARK], MARK, {"value": ""}):
        assert ask("PUT", "/secrets/db", wrong).status_code == 422
    config = {"url": "postgresql://me@127.0.0.1:1/x", "password": {"secret": "db"}}
    assert ask("POST", "/connections", {"name": "p", "type": "sql.database", "config": config}).status_code == 201
    assert ask("DELETE", "/secrets/db").json()["message"].startswith("secret 'db' is used by connection p")
    assert not ask("POST", "/connections/p/test").json()["ok"]
    assert ask("GET", "/connections").status_code == 200
    assert ask("GET", "/flow-files").status_code == 200
    assert ask("DELETE", "/connections/p").status_code == 204
    assert ask("DELETE", "/secrets/db").status_code == 204
    assert ask("DELETE", "/secrets/db").status_code == 404
    ask("GET", "/openapi.json")
    assert MARK not in "".join(answers)
    assert MARK not in server.end()
    for file in server.data.rglob("*"):
        assert not file.is_file() or MARK.encode() not in file.read_bytes(), file
