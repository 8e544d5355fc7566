"""http.send against a real server: what is sent, what each class of answer means, order, what is never repeated."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import pytest

from flowhost.sdk import AuthenticationError, NotConnectedError, Ok, Reject, Retry, Unknown


async def test_the_payload_goes_as_json_with_its_key(send, service, msg) -> None:
    node = await send(path="orders/{payload.order}")
    payload = {"order": "A1", "kg": Decimal("0.10"), "ok": True, "none": None}
    assert await node.write([msg(payload, id="src/17")]) is None
    [seen] = service.requests
    assert (seen.method, seen.target) == ("POST", "/api/orders/A1")
    assert seen.body == b'{"order":"A1","kg":0.10,"ok":true,"none":null}'
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["idempotency-key"] == "line/confirm/src/17"


@pytest.mark.parametrize(
    ("payload", "body", "kind"),
    [
        ("Füllung", "Füllung".encode(), "text/plain; charset=utf-8"),
        (b"\x00\xff", b"\x00\xff", "application/octet-stream"),
        ([1, 2.5], b"[1,2.5]", "application/json"),
        (None, b"null", "application/json"),
    ],
)
async def test_text_and_bytes_go_as_they_are(send, service, msg, payload, body, kind) -> None:
    node = await send()
    assert await node.write([msg(payload)]) is None
    assert (service.requests[0].body, service.requests[0].headers["content-type"]) == (body, kind)
    assert service.requests[0].target == "/api"
    assert "idempotency-key" not in service.requests[0].headers


async def test_body_headers_and_method_as_set(send, service, msg) -> None:
    node = await send(
        method="PATCH", path="/machines/{url_key}?unit={payload.unit}".replace("{url_key}", "{key}"),
        body="{'v': payload.v * 2}", headers={"X-Machine": "{key}", "content-type": "application/merge-patch+json"},
        idempotency_header="X-Request-Id", client={"headers": {"X-Plant": "7", "X-Machine": "none"}},
    )  # fmt: skip
    assert await node.write([msg({"v": 4, "unit": "kg"}, key="M 1", id="i")]) is None
    [seen] = service.requests
    assert (seen.method, seen.target, seen.body) == ("PATCH", "/api/machines/M%201?unit=kg", b'{"v":8}')
    assert seen.headers["x-plant"] == "7"
    assert seen.headers["x-machine"] == "M 1"
    assert seen.headers["content-type"] == "application/merge-patch+json"
    assert seen.headers["x-request-id"] == "line/confirm/i"


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ({"auth": "basic", "username": "flow", "password": "s3cret"}, "Basic Zmxvdzpz" + "M2NyZXQ="),
        ({"auth": "bearer", "token": "tok-123"}, "Bearer tok-123"),
    ],
)
async def test_who_we_are(send, service, msg, client, expected) -> None:
    node = await send(client=client)
    await node.write([msg(1)])
    assert service.requests[0].headers["authorization"] == expected


async def test_the_answer_leaves_by_out(send, service, msg, behave) -> None:
    node = await send(wired=True)
    service.script = [
        behave.reply(201, b'{"id": 5}', Content_Type="application/json; charset=utf-8"),
        behave.reply(200, b"done", Content_Type="text/plain"),
        behave.reply(204),
        behave.reply(200, b"{broken", Content_Type="application/json"),
        behave.reply(200, b"\xff\xfe"),
    ]
    message = msg({"a": 1}, key="k", id="1")
    outcomes = [(await node.write([message]))[0] for _ in range(5)]
    assert [o.answer.payload for o in outcomes] == [
        {"status": 201, "body": {"id": 5}},
        {"status": 200, "body": "done"},
        {"status": 204, "body": None},
        {"status": 200, "body": "{broken"},
        {"status": 200, "body": b"\xff\xfe"},
    ]
    assert outcomes[0].answer.meta == message.meta


async def test_confirmed_stays_confirmed_when_the_answer_breaks_off_or_is_huge(send, service, msg, behave) -> None:
    node = await send(wired=True)
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    service.script = [behave.raw(half), behave.reply(200, b"x" * 1_100_000)]
    first = (await node.write([msg(1)]))[0]
    assert first == Ok(msg({"status": 200, "body": None, "cut": "broke off"}))
    second = (await node.write([msg(1)]))[0]
    assert second.answer.payload == {"status": 200, "body": None, "cut": "longer than 1048576 bytes"}


async def test_other_statuses_may_mean_done(send, service, msg, behave) -> None:
    service.always = behave.reply(409)
    assert await (await send(ok_statuses=[409])).write([msg(1)]) is None
    assert isinstance((await (await send()).write([msg(1)]))[0], Reject)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_what_passes_is_tried_again(send, service, msg, behave, status) -> None:
    service.always = behave.reply(status, phrase="Busy")
    [outcome] = await (await send()).write([msg(1)])
    assert isinstance(outcome, Retry)
    assert outcome.after_s is None
    assert f"({status} Busy)" in outcome.reason


async def test_retry_after_in_seconds_or_as_a_date(send, service, msg, behave) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    values = ["7", soon, "Wed, 21 Oct 2015 07:28:00 GMT", "0", "-3", "soon", "99999999999999999", "٣"]
    node = await send()
    waits = []
    for value in values:
        service.script = [behave.raw(f"HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: {value}\r\n\r\n".encode())]
        [outcome] = await node.write([msg(1)])
        waits.append(outcome.after_s)
    assert waits[0] == 7
    assert 85 < waits[1] <= 90
    assert waits[2:] == [None, None, None, None, 3600, None]


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 413, 422])
async def test_what_is_refused_is_rejected_with_its_first_line(send, service, msg, behave, status) -> None:
    service.always = behave.reply(status, b"  order A1 is closed\r\nat Foo.java:12", phrase="No")
    [outcome] = await (await send()).write([msg(1)])
    assert outcome == Reject(f"the target refused it: {status} No: order A1 is closed")


async def test_a_refusal_shows_no_secret_and_no_control_characters(send, service, msg, behave) -> None:
    node = await send(client={"auth": "bearer", "token": "tok-123", "headers": {"X-Api-Key": "key-456"}})
    service.always = behave.reply(400, b"bad: Bearer tok-123 \x1b[31m key-456 " + b"x" * 900)
    [outcome] = await node.write([msg(1)])
    assert "tok-123" not in outcome.reason
    assert "key-456" not in outcome.reason
    assert "Bearer *** " in outcome.reason
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 300


async def test_one_refused_message_does_not_hold_its_neighbours(send, service, msg, behave) -> None:
    service.script = [behave.reply(), behave.reply(422), behave.reply()]
    outcomes = await (await send()).write([msg(i) for i in range(3)])
    assert [type(o) for o in outcomes] == [Ok, Reject, Ok]


async def test_a_refused_identity_ends_all_attempts_of_the_connection(send, service, msg, behave) -> None:
    service.always = behave.reply(401)
    node = await send(client={"auth": "bearer", "token": "old"}, parallel=1)
    for _ in range(3):
        with pytest.raises(AuthenticationError, match=r"does not let us in \(401\): check `auth`"):
            await node.write([msg(i, key=str(i)) for i in range(20)])
    assert len(service.requests) == 1
    assert "401" in node.context.connection.health()
    await node.context.connection.open()
    service.always = behave.reply()
    assert await node.write([msg(1)]) is None


async def test_what_is_forbidden_stops_this_node(send, service, msg, behave) -> None:
    service.always = behave.reply(403)
    node = await send(path="x")
    for _ in range(2):
        with pytest.raises(AuthenticationError, match="/api/x forbids it"):
            await node.write([msg(1)])
    assert len(service.requests) == 1


async def test_what_was_done_before_a_refused_identity_counts(send, service, msg, behave) -> None:
    service.script = [behave.reply(), behave.reply(422)]
    service.always = behave.reply(401)
    node = await send(parallel=1)
    outcomes = await node.write([msg(i) for i in range(4)])
    assert [type(o) for o in outcomes] == [Ok, Reject, Retry, Retry]
    assert outcomes[2].after_s == 0
    with pytest.raises(AuthenticationError):
        await node.write([msg(2), msg(3)])
    assert len(service.requests) == 3


async def test_redirects_are_followed_on_the_same_host_only(send, service, msg, behave) -> None:
    service.script = [behave.reply(307, Location="/api/v2/orders")]
    node = await send(path="orders")
    assert await node.write([msg({"a": 1}, id="i")]) is None
    first, second = service.requests
    assert (second.method, second.target, second.body) == ("POST", "/api/v2/orders", first.body)
    assert second.headers["idempotency-key"] == first.headers["idempotency-key"]
    service.seen.clear()
    elsewhere = ["http://127.0.0.1:1/x", "https://127.0.0.1/x?token=abc", "//other.example/x",
                 f"http://user:pw@127.0.0.1:{service.port}/x"]  # fmt: skip
    for location in elsewhere:
        service.script = [behave.reply(308, Location=location)]
        [outcome] = await node.write([msg(1)])
        assert "points elsewhere" in outcome.reason
        assert "token" not in outcome.reason
    assert len(service.requests) == 4


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_redirects_that_would_change_the_method_are_not_followed(send, service, msg, behave, status) -> None:
    service.always = behave.reply(status, Location="/api/other")
    [outcome] = await (await send()).write([msg(1)])
    assert isinstance(outcome, Reject)
    assert len(service.requests) == 1


async def test_a_circle_of_redirects_ends(send, service, msg, behave) -> None:
    service.always = behave.reply(307, Location="/api/round")
    [outcome] = await (await send()).write([msg(1)])
    assert isinstance(outcome, Reject)
    assert len(service.requests) == 4


# -- sent, but no answer


@pytest.mark.parametrize("how", ["hang", "reset", "cut", "garbage", "half a head"])
async def test_no_answer_after_the_request_left_is_unknown(send, service, msg, behave, how) -> None:
    ways = {"hang": behave.hang, "reset": behave.reset, "cut": behave.raw(b""),
            "garbage": behave.raw(b"\x00\x01SSH-2\r\n"),
            "half a head": behave.raw(b"HTTP/1.1 200 OK\r\nContent-")}  # fmt: skip
    service.always = ways[how]
    node = await send(client={"timeout_s": 0.3})
    outcomes = await node.write([msg(1, id="a"), msg(2, id="b")])
    assert outcomes[0] == Unknown("line/confirm/a")
    # what follows of the same key was not sent
    assert isinstance(outcomes[1], Retry)
    assert len(service.requests) == 1


async def test_a_service_that_hangs_gets_no_further_request_until_somebody_is_there(
    send, service, msg, behave, board
) -> None:
    service.always = behave.hang
    node = await send(client={"timeout_s": 0.3})
    assert await node.write([msg(1, id="a")]) == [Unknown("line/confirm/a")]
    for _ in range(3):
        with pytest.raises(NotConnectedError, match="no answer, not even to HEAD"):
            await node.write([msg(i, id=str(i), key=str(i)) for i in range(4)])
    assert len(service.requests) == 1
    assert [kind for kind, _ in board.notices] == ["lost"]
    service.always = behave.reply(404)  # an answer is an answer
    [outcome] = await node.write([msg(2, id="b")])
    assert isinstance(outcome, Reject)
    assert [kind for kind, _ in board.notices] == ["lost", "restored"]


async def test_a_service_that_is_deaf_to_head_is_written_to_in_the_end(send, service, msg, behave) -> None:
    async def post_only(seen: Any, writer: Any) -> bool:
        return await (behave.hang if seen.method == "HEAD" else behave.reply())(seen, writer)

    service.script, service.always = [behave.reset], post_only
    node = await send(client={"timeout_s": 0.1})
    assert await node.write([msg(1, id="a")]) == [Unknown("line/confirm/a")]
    for _ in range(9):
        with pytest.raises(NotConnectedError):
            await node.write([msg(2, id="b")])
    assert await node.write([msg(2, id="b")]) is None


async def test_without_a_key_unknown_names_the_request(send, service, msg, behave) -> None:
    service.always = behave.reset
    [outcome] = await (await send()).write([msg(1)])
    assert outcome.ask.startswith("POST without a key: http://127.0.0.1")


@pytest.mark.parametrize("config", [{"method": "PUT"}, {"resend_unanswered": True}])
async def test_what_may_be_repeated_is_sent_again_with_the_same_key(send, service, msg, behave, config) -> None:
    service.script = [behave.reset]
    node = await send(**config)
    [outcome] = await node.write([msg(1, id="a")])
    assert outcome == Unknown("line/confirm/a")
    assert node.is_idempotent(node.config)  # which tells the engine to send it again
    assert await node.write([msg(1, id="a")]) is None
    assert [s.headers["idempotency-key"] for s in service.requests] == ["line/confirm/a"] * 2


async def test_put_is_not_repeated_where_that_is_forbidden(send, service, msg, behave) -> None:
    service.always = behave.reset
    node = await send(method="PUT", resend_unanswered=False)
    assert isinstance((await node.write([msg(1, id="a")]))[0], Unknown)
    assert not node.is_idempotent(node.config)
    assert not (node := await send()).is_idempotent(node.config)


# -- not sent


async def test_a_stopped_service_is_told_lost_once_and_restored_once(send, service, board, msg) -> None:
    node = await send()
    assert await node.write([msg(1)]) is None
    await service.stop()
    for _ in range(3):
        with pytest.raises(
            NotConnectedError, match=r"refused the connection, nothing listens there: start the service"
        ):
            await node.write([msg(i, key=str(i)) for i in range(50)])
    assert "refused the connection" in node.health()
    await service.start()
    assert await node.write([msg(2)]) is None
    assert [kind for kind, _ in board.notices] == ["lost", "restored"]
    assert node.health().startswith("ready")


async def test_what_was_sent_before_the_service_stopped_counts(send, service, msg, behave) -> None:
    node = await send(parallel=1)

    async def last_words(seen: Any, writer: Any) -> bool:
        asyncio.get_running_loop().call_soon(lambda: service._server.close())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        return False

    service.script = [behave.reply(), last_words]
    outcomes = await node.write([msg(i) for i in range(4)])
    assert [type(o) for o in outcomes] == [Ok, Ok, Retry, Retry]


# -- order and parallelism


async def test_keys_go_in_parallel_and_each_in_order(send, service, msg) -> None:
    gate = asyncio.Event()

    async def together(_: Any, writer: Any) -> bool:
        if service.at_once == 4:
            gate.set()
        await gate.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return True

    service.always = together
    node = await send()
    messages = [msg({"k": i % 5, "n": i}, key=f"k{i % 5}") for i in range(40)]
    assert await node.write(messages) is None
    assert service.most_at_once == 4
    bodies = [json.loads(seen.body) for seen in service.requests]
    for k in range(5):
        assert [b["n"] for b in bodies if b["k"] == k] == list(range(k, 40, 5))


async def test_a_failing_message_holds_its_own_key_only(send, service, msg, behave) -> None:
    async def not_a(seen: Any, writer: Any) -> bool:
        status = 500 if seen.body == b'"a0"' or seen.body == b"a0" else 200
        return bool(await behave.reply(status)(seen, writer))

    service.always = not_a
    outcomes = await (await send()).write([msg(f"{k}{i}", key=k) for i in range(3) for k in "ab"])
    assert [type(o) for o in outcomes] == [Retry, Ok] * 3
    assert sorted(s.body for s in service.requests) == [b"a0", b"b0", b"b1", b"b2"]


async def test_a_target_that_has_enough_is_left_alone(send, service, msg, behave) -> None:
    service.always = behave.reply(429, Retry_After="3")
    outcomes = await (await send(parallel=1)).write([msg(i, key=str(i)) for i in range(100)])
    assert len(service.requests) == 1
    assert outcomes[0].after_s == 3
    assert all(isinstance(o, Retry) for o in outcomes)


async def test_cancelling_ends_all_requests(send, service, msg, behave) -> None:
    service.always = behave.hang
    node = await send()
    work = asyncio.create_task(node.write([msg(i, key=str(i)) for i in range(10)]))
    async with asyncio.timeout(5):
        while service.at_once < 4:
            await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await node.context.connection.close()


# -- what messages may not do


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("a b", "a%20b"),
        ("a?x=1#y", "a%3Fx=1%23y"),
        ("100%", "100%25"),
        ("%41", "%41"),
        ("ü", "%C3%BC"),
        ("//e.example/", "e.example/"),
    ],
)
async def test_odd_characters_in_the_path_are_encoded(send, service, msg, value, target) -> None:
    node = await send(path="{payload}")
    assert await node.write([msg(value)]) is None
    assert service.requests[0].target == f"/api/{target}"


@pytest.mark.parametrize("value", ["../admin", "a/../../admin", "a/%2e%2E/b", "..", "a\nb", "a\\b", "a\x00"])
async def test_a_path_cannot_leave_the_address(send, service, msg, value) -> None:
    node = await send(path="orders/{payload}")
    [outcome, _] = await node.write([msg(value), msg("fine")])
    assert isinstance(outcome, Reject)
    assert [s.target for s in service.requests] == ["/api/orders/fine"]


async def test_url_part_takes_any_value(service) -> None:
    from flowhost_http.values import url_part

    assert [url_part(v) for v in ("A/1", "..", ".", 7, "a?b&c", "ä.b")] == [
        "A%2F1", "%2E%2E", "%2E", "7", "a%3Fb%26c", "%C3%A4.b",
    ]  # fmt: skip


async def test_a_header_cannot_begin_another(send, service, msg) -> None:
    node = await send(headers={"X-Name": "{payload}"})
    outcomes = await node.write([msg("a\r\nX-Admin: yes"), msg("käse")])
    assert isinstance(outcomes[0], Reject)
    assert "line break" in outcomes[0].reason
    assert len(service.requests) == 1


async def test_a_failing_expression_concerns_its_message(send, service, msg) -> None:
    outcomes = await (await send(body="payload.v")).write([msg({}), msg({"v": 1})])
    assert "payload.v is missing" in outcomes[0].reason
    assert isinstance(outcomes[1], Ok)


async def test_odd_and_long_ids_make_fitting_keys(send, service, msg) -> None:
    node = await send()
    ids = ["a b", "é\n", "x" * 400, "x" * 399 + "y"]
    await node.write([msg(1, id=i) for i in ids])
    keys = [seen.headers["idempotency-key"] for seen in service.requests]
    assert keys[:2] == ["line/confirm/a%20b", "line/confirm/%C3%A9%0A"]
    assert [len(k) for k in keys[2:]] == [200, 200]
    assert len(set(keys)) == 4


async def test_a_service_is_asked_whether_it_has_what_got_no_answer(send, service, msg, behave) -> None:
    node = await send(path="orders", ask={"path": "orders/{payload.order}", "after_s": 0})
    assert not node.is_idempotent(node.config)
    assert node.can_query_outcome(node.config)
    messages = [msg({"order": name}, id=name, key=name) for name in ("there", "not there", "busy")]
    statuses = {"/api/orders/there": 200, "/api/orders/not%20there": 404, "/api/orders/busy": 500}

    async def answer(seen, writer):
        return await behave.reply(statuses[seen.target])(seen, writer)

    service.always = answer
    assert await node.query_outcome(messages) == [Ok(), Retry(), Unknown("GET orders/busy gave 500 Said")]
    assert {seen.method for seen in service.requests} == {"GET"}


async def test_a_question_waits_until_the_service_had_time_to_finish(send, service, msg, behave) -> None:
    node = await send(path="orders", ask={"path": "orders/{payload}", "after_s": 0.5})
    service.script = [behave.reset]
    assert isinstance((await node.write([msg(1, id="a")]))[0], Unknown)
    began = time.monotonic()
    assert await node.query_outcome([msg(1, id="a")]) == [Ok()]
    assert time.monotonic() - began > 0.4


async def test_what_cannot_be_asked_about_says_so(send, service, msg, behave) -> None:
    node = await send(path="orders", ask={"path": "orders/{payload.order}", "after_s": 0})
    [outcome] = await node.query_outcome([msg({"other": 1})])
    assert isinstance(outcome, Reject)
    assert "look whether the target has it" in outcome.reason
    assert not (await send()).can_query_outcome((await send()).config)


async def test_a_service_that_is_away_cannot_be_asked(send, service, msg) -> None:
    node = await send(path="orders", ask={"path": "orders/{payload}", "after_s": 0})
    await service.stop()
    with pytest.raises(NotConnectedError):
        await node.query_outcome([msg(1), msg(2)])
