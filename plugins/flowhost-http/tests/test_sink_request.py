"""http.request: what is asked, what becomes of the answer, pages, and answers that are none."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from flowhost_http.config_request import RequestConfig
from flowhost_http.sink_request import HttpRequest
from pydantic import ValidationError

from flowhost.sdk import NotConnectedError, Ok, Reject, Retry

JSON = {"Content_Type": "application/json"}


@pytest.fixture
def ask(make: Any) -> Callable[..., Awaitable[HttpRequest]]:
    return lambda **config: make(HttpRequest, wired=True, **config)


def answers(outcomes: Any) -> list[Any]:
    assert all(isinstance(outcome, Ok) for outcome in outcomes), outcomes
    return [outcome.answer.payload for outcome in outcomes]


def page(behave: Any, value: Any, **headers: str) -> Any:
    return behave.reply(200, json.dumps(value).encode(), **JSON, **headers)


async def test_a_message_goes_on_with_the_answer(ask: Any, service: Any, behave: Any, msg: Any) -> None:
    service.always = page(behave, {"name": "bolt"})
    node = await ask(path="items/{payload.item}", query={"lang": "'de'", "x": "null", "of": "[1, true]"})
    (outcome,) = await node.write([msg({"item": "a b"}, id="i", key="k")])
    assert outcome.answer.payload == {"name": "bolt"}
    assert (outcome.answer.meta.id, outcome.answer.meta.key) == ("i", "k")
    (seen,) = service.requests
    assert (seen.method, seen.target) == ("GET", "/api/items/a%20b?lang=de&of=1&of=true")
    assert "idempotency-key" not in seen.headers


async def test_the_answer_may_stand_beside_the_payload(ask: Any, service: Any, behave: Any, msg: Any) -> None:
    service.always = page(behave, {"value": [{"stock": 3}]})
    node = await ask(path="stock?plant=1", query={"item": "payload.item"}, into="stock", items="payload.value[0].stock")
    assert answers(await node.write([msg({"item": "a b"})])) == [{"item": "a b", "stock": 3}]
    assert service.requests[0].target == "/api/stock?plant=1&item=a+b"
    (refused,) = await node.write([msg([1])])
    assert isinstance(refused, Reject)


async def test_a_search_is_written_in_the_body(ask: Any, service: Any, behave: Any, msg: Any) -> None:
    node = await ask(method="POST", path="search", body="{'of': payload}")
    await node.write([msg(7)])
    (seen,) = service.requests
    assert (seen.method, seen.body, seen.headers["content-type"]) == ("POST", b'{"of":7}', "application/json")


async def test_nothing_found_is_null_or_fails(ask: Any, service: Any, behave: Any, msg: Any) -> None:
    service.always = behave.reply(404, b"no such item")
    assert answers(await (await ask(empty_statuses=[404], into="found")).write([msg({"a": 1})])) == [
        {"a": 1, "found": None}
    ]
    (refused,) = await (await ask()).write([msg({"a": 1})])
    assert refused.reason == "the target refused it: 404 Said: no such item"


async def test_pages_by_link_are_put_together(ask: Any, service: Any, behave: Any, msg: Any) -> None:
    first = '<https://x/prev>; rel="prev", </api/items?page=2>; rel="next"'
    service.script = [page(behave, {"v": [1, 2]}, Link=first), page(behave, {"v": [3]}, Link='</api>; rel="first"')]
    node = await ask(path="items", items="payload.v", pages="link", headers={"X-Line": "{topic}"})
    assert answers(await node.write([msg()])) == [[1, 2, 3]]
    assert [seen.target for seen in service.requests] == ["/api/items", "/api/items?page=2"]
    assert {seen.headers["x-line"] for seen in service.requests} == {"t"}


async def test_pages_by_an_expression(ask: Any, service: Any, behave: Any, msg: Any) -> None:
    service.script = [page(behave, {"v": [n], "next": f"?skip={n + 1}"}) for n in range(3)] + [page(behave, {"v": []})]
    node = await ask(path="items", items="payload.v", pages="next", next="get(payload, 'next', null)")
    assert answers(await node.write([msg()])) == [[0, 1, 2]]
    assert [seen.target for seen in service.requests][1:] == [f"/api/items?skip={n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("answer", "config", "reason"),
    [
        ({"v": [1], "next": "https://evil.example/x"}, {}, "the next page is at https://evil.example, another service"),
        ({"v": [1], "next": 7}, {}, "`next` must give an address but gave 7"),
        ({"v": 1, "next": ""}, {}, "`items` must give a list with pages but gave 1"),
        ({"v": [1], "next": "?again"}, {"max_pages": 3}, "more than 3 pages: ask for less, or raise `max_pages`"),
        ({"w": 1}, {}, "payload.v is missing"),
    ],
)
async def test_pages_that_lead_nowhere(
    ask: Any, service: Any, behave: Any, msg: Any, answer: Any, config: Any, reason: str
) -> None:
    service.always = page(behave, answer)
    node = await ask(items="payload.v", pages="next", next="payload.next", **config)
    (refused,) = await node.write([msg()])
    assert reason in refused.reason


async def test_a_question_without_an_answer_is_asked_again(ask: Any, service: Any, behave: Any, msg: Any) -> None:
    service.script = [behave.reset]
    node = await ask()
    (outcome,) = await node.write([msg({"a": 1})])
    assert isinstance(outcome, Retry)
    assert answers(await node.write([msg({"a": 1})])) == [None]
    await service.stop()
    with pytest.raises(NotConnectedError):
        await node.write([msg()])


async def test_an_answer_that_is_too_long_fails(ask: Any, service: Any, behave: Any, msg: Any) -> None:
    service.always = behave.reply(200, b"x" * 1_100_000)
    (refused,) = await (await ask()).write([msg()])
    assert refused.reason == "the answer is longer than 1048576 bytes: ask for less, or for pages"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"body": "1"}, "a GET has no body"),
        ({"pages": "next", "items": "payload"}, "pages `next` and the expression `next` belong together"),
        ({"next": "payload.n"}, "pages `next` and the expression `next` belong together"),
        ({"pages": "link"}, "`items` has to say which list"),
        ({"headers": {"Host": "x"}}, "follows from the request"),
        ({"method": "DELETE"}, "Input should be 'GET' or 'POST'"),
    ],
)
def test_settings_that_cannot_be(config: Any, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RequestConfig(**config)
    assert reason in str(caught.value)
