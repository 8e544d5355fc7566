"""Sending by hand as pages and REST see it: with a host, a worker, and its death."""

import asyncio
import os
import signal
import sys

import pytest

from flowhost.errors import ConflictError, ForbiddenError, HostError, NotFoundError
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.by_hand import HandSent, SavedMessages
from flowhost.services.host import Host

FLOW = """\
flowhost: 1
id: line
nodes:
  btn:
    type: inject
    config: {{at_start: {at_start}, messages: [{{payload: {{n: 1}}, topic: plant/a}}, {{payload: 2}}]}}
  end: {{type: discard}}
wires:
  - btn -> end
"""
SENT = HandSent(messages=2, waiting=False, differs=False)


async def begin(host: Host, until, at_start: str = "false") -> None:
    await host.flows.import_file(LOCAL_USER, FLOW.format(at_start=at_start))
    await host.flows.start(LOCAL_USER, "line")
    await until(lambda: runs(host))


async def runs(host: Host) -> bool:
    page = await host.flows.detail(LOCAL_USER, "line")
    return page.overview.run_id is not None and all(node.state == "running" for node in page.nodes)


async def arrived(host: Host, number: int) -> bool:
    page = await host.flows.detail(LOCAL_USER, "line")
    return next(node.out for node in page.nodes if node.id == "end") == number


async def test_a_flow_with_nothing_but_a_button_runs_and_can_be_pressed(host: Host, until) -> None:
    await begin(host, until, at_start="true")
    await until(lambda: arrived(host, 2))
    operator = Principal("otto", frozenset({"operator"}))
    assert await host.hand.send(operator, "line", "btn") == SENT
    assert (await host.hand.send(LOCAL_USER, "line", "btn", only=1)).messages == 1
    await until(lambda: arrived(host, 5))
    page = await host.flows.detail(LOCAL_USER, "line")
    assert page.overview.state == "running", "it does not end, somebody may press again"
    saved = await host.hand.saved(LOCAL_USER, "line", "btn")
    assert saved == SavedMessages(messages=('plant/a: {"n": 1}', "2"), differs=False)
    row = await host.flows.stop(LOCAL_USER, "line")
    assert (row.state, row.in_total, row.out_total) == ("stopped", 5, 5)
    (run,) = await host.runs.list(LOCAL_USER, "line")
    events = [(e.node, e.text) for e in (await host.runs.detail(LOCAL_USER, run.id)).events if "by hand" in e.text]
    assert events == [
        ("btn", "sent by hand by otto: 2 messages"),
        ("btn", "sent by hand by the user of this machine: 1 message"),
    ]


async def test_what_is_deployed_is_sent_and_the_draft_is_said_to_differ(host: Host, until) -> None:
    await begin(host, until)
    ops = [{"op": "set", "path": ["nodes", "btn", "config", "messages"], "value": [{"payload": 3}]}]
    await host.drafts.edit(LOCAL_USER, "line", "b1", ops)
    assert (await host.hand.saved(LOCAL_USER, "line", "btn")).differs
    assert await host.hand.send(LOCAL_USER, "line", "btn") == HandSent(messages=2, waiting=False, differs=True)
    ops = [{"op": "add_node", "id": "more", "node": {"type": "inject", "config": {"messages": [{"payload": 1}]}}}]
    await host.drafts.edit(LOCAL_USER, "line", "b2", ops)
    with pytest.raises(NotFoundError, match="node more is in the draft only; deploy it first"):
        await host.hand.send(LOCAL_USER, "line", "more")


async def test_refusals_are_said_in_words(host: Host, until) -> None:
    await host.flows.import_file(LOCAL_USER, FLOW.format(at_start="false"))
    with pytest.raises(ConflictError, match="nothing was sent: flow line does not run; start it first"):
        await host.hand.send(LOCAL_USER, "line", "btn")
    with pytest.raises(ForbiddenError):
        await host.hand.send(Principal("vera", frozenset({"viewer"})), "line", "btn")
    with pytest.raises(NotFoundError, match="there is none of this id"):
        await host.hand.send(LOCAL_USER, "lime", "btn")
    await host.flows.start(LOCAL_USER, "line")
    await until(lambda: runs(host))
    with pytest.raises(ConflictError, match="nothing was sent: end is no source"):
        await host.hand.send(LOCAL_USER, "line", "end")
    answer = await host.asks.answer(LOCAL_USER, "hand.send", {"flow": "line", "node": "btn", "only": 9})
    assert answer == {"ok": False, "error": "there is no message 10 here: 2 saved", "place": ""}
    answer = await host.asks.answer(LOCAL_USER, "hand.send", {"flow": "line", "node": "btn"})
    assert answer == {"ok": True, "value": {"messages": 2, "waiting": False, "differs": False}}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="uses Unix signals to hurt a worker")
@pytest.mark.expects_error_log
async def test_a_worker_killed_in_between_is_said_and_the_next_press_works(host: Host, until) -> None:
    await begin(host, until)
    (worker,) = (await host.system.status(LOCAL_USER)).workers
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    press = asyncio.create_task(host.hand.send(LOCAL_USER, "line", "btn"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(HostError, match=r"is gone and has not answered: .*whether the messages were sent is not known"):
        await press

    async def back() -> bool:
        now = (await host.system.status(LOCAL_USER)).workers[0].pid
        return now not in (None, worker.pid) and await runs(host)

    await until(back)
    assert await host.hand.send(LOCAL_USER, "line", "btn") == SENT
