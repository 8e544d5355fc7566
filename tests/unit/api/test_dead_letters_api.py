"""`/api/v1/dead-letters` of a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

BASE = "/api/v1/dead-letters"

pytestmark = pytest.mark.timeout(180)


class Client:
    """Speaks to a server with the token of its `host.json`."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.token = json.loads((server.data / "host.json").read_text())["token"]
        self._client: httpx.Client = server.client

    def __call__(self, method: str, path: str = "", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self._client.request(method, BASE + path, headers=headers, timeout=60, **more)

    def ids(self, **params: Any) -> list[str]:
        return [row["id"] for row in self("GET", params=params).json()["rows"]]


@pytest.fixture
def letters(serve: Callable[..., Any], letter_folder: Callable[..., Any]) -> Callable[..., Client]:
    def start(*quantities: float) -> Client:
        letter_folder(*quantities)
        return Client(serve())

    return start


@pytest.fixture(scope="module")
def ask(
    serve_data: Callable[..., Any], make_letter_folder: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Client:
    """A server with one letter, which stays as it is but for its edits."""
    return Client(serve_data(make_letter_folder(tmp_path_factory.mktemp("letters"), -1).data))


@pytest.mark.slow
def test_letters_are_listed_repaired_and_closed(letters) -> None:
    ask = letters(-1, -2, -3)
    page = ask("GET").json()
    assert [row["id"] for row in page["rows"]] == ["orders:3", "orders:2", "orders:1"]
    assert (page["next"], page["problems"]) == ("", [])
    first = ask("GET", params={"limit": 2}).json()
    assert ask.ids(limit=2, after=first["next"]) == ["orders:1"]
    assert ask.ids(text="order/2") == ["orders:2"]
    assert ask.ids(state=["delivered", "discarded"]) == []
    assert ask("GET", "/counts").json() == [
        {"flow_id": "orders", "node": "mes", "kind": "Reject", "state": "dead", "number": 3}
    ]
    detail = ask("GET", "/orders:1").json()
    assert json.loads(detail["original"]["text"]) == {"nr": 1, "qty": -1}
    assert detail["meta"]["id"] == "id-1"
    edited = ask("PATCH", "/orders:1", json={"revision": 0, "payload": {"nr": 1, "qty": {"$decimal": "1.50"}}}).json()
    assert (edited["revision"], edited["row"]["edits"]) == (1, 1)
    done = ask("POST", "/retry", json={"ids": ["orders:1", "orders:9"]}).json()
    assert done == {
        "done": 1, "skipped": 1, "reasons": [{"id": "orders:9", "reason": "there is no such letter"}], "left": 0,
        "next": "", "waiting": ["orders"],
    }  # fmt: skip
    step = ask("POST", "/discard", json={"filter": {"flow": "orders"}, "reason": "cancelled", "limit": 1}).json()
    assert (step["done"], step["left"], step["next"]) == (1, 1, "orders:2")
    rest = ask("POST", "/discard", json={"filter": {"flow": "orders"}, "reason": "x", "after": step["next"]}).json()
    assert (rest["done"], rest["left"], rest["next"]) == (1, 0, "")
    assert ask.ids() == []
    assert ask.ids(state=["retried"]) == ["orders:1"]
    document = ask("GET", "/export", params={"state": ["retried", "discarded"]})
    assert document.headers["content-disposition"] == 'attachment; filename="dead-letters.json"'
    assert len(document.json()["letters"]) == 3
    assert ask("POST", "/import", content=document.content).json() == {"taken": 0, "known": 3}
    one = ask("GET", "/export", params={"id": "orders:2"}).json()
    assert [letter["id"] for letter in one["letters"]] == ["orders:2"]


def test_without_the_token_nothing_is_told_or_done(ask: Client) -> None:
    client = ask.server.client
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {ask.token}"}):
        for method, path in (
            ("GET", ""), ("GET", "/orders:1"), ("GET", "/nix"), ("PATCH", "/orders:1"), ("POST", "/retry"),
            ("POST", "/discard"), ("GET", "/export"), ("POST", "/import"), ("DELETE", ""),
        ):  # fmt: skip
            answer = client.request(method, BASE + path, headers=headers, content=b"{not json")
            assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized"), (method, path)
    assert ask.ids() == ["orders:1"]
    foreign = client.get(BASE, headers={"Authorization": f"Bearer {ask.token}", "Origin": "http://evil.example"})
    assert foreign.status_code == 403


def test_what_is_wrong_is_answered_with_its_place(ask: Client) -> None:
    def wrong(method: str, path: str, status: int, **more: Any) -> dict[str, Any]:
        answer = ask(method, path, **more)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    assert wrong("GET", "/orders:7", 404)["error"] == "not found"
    assert wrong("GET", "/nix", 404)["message"].startswith("dead letter 'nix'")
    assert wrong("PUT", "/orders:1", 404)["error"] == "not found"
    assert wrong("GET", "?limit=0", 422)["problems"][0]["place"] == "query.limit"
    assert wrong("GET", "?colour=red", 422)["problems"][0]["place"] == "query.colour"
    assert wrong("GET", "?since=2026-01-01T00:00:00", 422)["problems"][0]["place"] == "since"
    assert "this is not JSON" in wrong("PATCH", "/orders:1", 422, json={"revision": 0, "text": "{"})["message"]
    problem = wrong("PATCH", "/orders:1", 422, json={"revision": 0, "text": '{\n "a": }'})["problems"][0]
    assert problem["place"] == "line 2, column 7"
    problem = wrong("PATCH", "/orders:1", 422, json={"revision": 0, "payload": {"a": {"$decimal": 1}}})["problems"][0]
    assert problem["place"] == "payload.a"
    for body in (
        {"revision": 0},
        {"revision": 0, "payload": 1, "text": "1"},
        {"payload": 1},
        {"revision": -1, "text": ""},
    ):
        assert wrong("PATCH", "/orders:1", 422, json=body)["error"] == "invalid"
    for body in ({}, {"ids": []}, {"ids": ["orders:1"], "filter": {}}, {"filter": {"colour": "red"}}):
        assert wrong("POST", "/retry", 422, json=body)["error"] == "invalid"
    assert wrong("POST", "/retry", 422, content=b"{")["problems"][0]["place"].startswith("body")
    assert wrong("POST", "/discard", 422, json={"filter": {}})["problems"][0]["place"] == "body.reason"
    assert wrong("POST", "/discard", 422, json={"filter": {}, "reason": " "})["problems"][0]["place"] == "reason"
    assert wrong("POST", "/import", 422, content=b"\xff")["problems"][0]["place"] == "body"
    assert wrong("POST", "/import", 422, content=b"{}")["problems"][0]["place"] == "document"
    assert ask("PATCH", "/orders:1", json={"revision": 0, "payload": 1}).status_code == 200
    assert wrong("PATCH", "/orders:1", 409, json={"revision": 0, "payload": 2})["error"] == "conflict"
    assert ask.ids() == ["orders:1"]


def test_the_description_names_every_path_and_model(ask: Client) -> None:
    answer = ask.server.client.get("/api/v1/openapi.json")
    assert answer.status_code == 401
    described = ask.server.client.get("/api/v1/openapi.json", headers={"Authorization": f"Bearer {ask.token}"}).json()
    paths = {(path, method) for path, methods in described["paths"].items() for method in methods}
    assert {
        (BASE, "get"), (f"{BASE}/counts", "get"), (f"{BASE}/export", "get"), (f"{BASE}/import", "post"),
        (f"{BASE}/retry", "post"), (f"{BASE}/discard", "post"), (f"{BASE}/{{id}}", "get"), (f"{BASE}/{{id}}", "patch"),
    } <= paths  # fmt: skip
    models = described["components"]["schemas"]
    assert {"DeadLetterPage", "DeadLetterDetail", "Changed", "Edit"} <= set(models)
    assert models["Edit"]["properties"]["revision"]["description"]
