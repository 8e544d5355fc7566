"""Who gets in: real requests and real sockets against a real server."""

import http.client

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"


def open_socket(server, **headers):
    return connect(f"ws://{server.netloc}{SOCKET}", additional_headers=headers, open_timeout=5)


def test_socket_takes_its_own_pages(server) -> None:
    with open_socket(server, Origin=server.address) as socket:
        assert socket.recv(timeout=5).startswith("0{")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:1",
        "https://localhost",
        "null",
        "file://",
        "http://127.0.0.1.evil.example",
    ],
)
def test_socket_turns_pages_of_other_sites_away(server, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught, open_socket(server, Origin=origin):
        pass
    assert caught.value.response.status_code == 403


def test_socket_without_origin_is_turned_away(server) -> None:
    with pytest.raises(InvalidStatus) as caught, open_socket(server):
        pass
    assert caught.value.response.status_code == 403


def test_long_polling_is_guarded_as_well(server) -> None:
    polling = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    assert server.client.get(polling, headers={"Origin": "http://evil.example"}).status_code == 403
    assert server.client.get(polling, headers={"Origin": server.address}).status_code == 200
    assert server.client.post(polling, headers={"Origin": "http://evil.example"}, content="x").status_code == 403


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_may_be_called_by_its_own_names(server, name: str) -> None:
    port = server.netloc.split(":")[1]
    for host in (name, f"{name}:{port}"):
        assert server.client.get("/api/health/live", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "127.0.0.1.evil.example:80", "0.0.0.0", "", "[", "localhost.", "a@localhost b"]
)
def test_foreign_host_names_are_refused(server, name: str) -> None:
    """A site whose name was made to point here (DNS rebinding) must not read anything."""
    answer = server.client.get("/api/health/live", headers={"Host": name})
    assert answer.status_code in (400, 421)
    assert "live" not in answer.text


def test_two_host_headers_are_refused(server) -> None:
    name, port = server.netloc.split(":")
    link = http.client.HTTPConnection(name, int(port), timeout=5)
    link.putrequest("GET", "/api/health/live", skip_host=True)
    link.putheader("Host", "localhost")
    link.putheader("Host", "evil.example")
    link.endheaders()
    assert link.getresponse().status in (400, 421)
    link.close()


@pytest.mark.parametrize("path", ["/", "/api/health/live", "/api/v1/flows", "/nothing/here"])
def test_every_answer_carries_the_security_headers(server, path: str) -> None:
    headers = server.client.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/flows", "/api/v1/no/such/thing"])
def test_v1_is_closed_until_there_are_tokens(server, method: str, path: str) -> None:
    answer = server.client.request(method, path, headers={"Authorization": "Bearer guess"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    if method != "HEAD":
        assert answer.json()["error"] == "unauthorized"


def test_unknown_api_path_answers_json(server) -> None:
    answer = server.client.get("/api/nothing")
    assert (answer.status_code, answer.json()["error"]) == (404, "not found")


@pytest.mark.slow
def test_public_url_is_taken_behind_a_proxy(serve) -> None:
    server = serve(FLOWHOST_PUBLIC_URL="https://flows.plant.example")
    polling = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    for origin, expected in (("https://flows.plant.example", 200), ("https://evil.example", 403)):
        headers = {"Host": "flows.plant.example", "Origin": origin}
        assert server.client.get(polling, headers=headers).status_code == expected
