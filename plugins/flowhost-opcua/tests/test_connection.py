"""Opening and testing a connection: what an operator reads when it does not work."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from flowhost.sdk import AuthenticationError, ConnectionTest, TemporaryError


async def test_nothing_listens(free_port, make_connection):
    port = free_port()
    connection = make_connection(endpoint=f"opc.tcp://127.0.0.1:{port}")
    with pytest.raises(TemporaryError) as caught:
        await connection.open()
    assert str(caught.value) == (
        f"OPC UA server opc.tcp://127.0.0.1:{port} does not answer: nothing listens on port {port}; "
        "check the endpoint of connection 'plc' or start the server"
    )
    await connection.close()


async def test_localhost_with_several_addresses_reads_the_same(free_port, make_connection):
    port = free_port()
    connection = make_connection(endpoint=f"opc.tcp://localhost:{port}")
    with pytest.raises(TemporaryError, match=f"nothing listens on port {port}"):
        await connection.open()


async def test_unknown_host(make_connection):
    connection = make_connection(endpoint="opc.tcp://no-such-host.invalid:4840")
    with pytest.raises(TemporaryError, match=r"the name 'no-such-host.invalid' (is unknown here|cannot be resolved)"):
        await connection.open()


async def test_something_that_is_not_opc_ua_ends_by_the_timeout(make_connection):
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)  # says nothing
    port = server.sockets[0].getsockname()[1]
    connection = make_connection(endpoint=f"opc.tcp://127.0.0.1:{port}", timeout_s=5)
    started = time.monotonic()
    with pytest.raises(TemporaryError, match="does not answer in time"):
        await connection.open()
    assert 4 < time.monotonic() - started < 10
    server.close()
    await server.wait_closed()


async def test_user_and_password(start_plant, make_connection):
    plant = await start_plant(users="right")
    wrong = make_connection(endpoint=plant.endpoint, username="operator", password="wrong")
    with pytest.raises(AuthenticationError, match="check username and password: Bad"):
        await wrong.open()
    right = make_connection(endpoint=plant.endpoint, username="operator", password="right")
    await right.open()
    assert right.health() == f"connected to {plant.endpoint}"
    await right.close()
    anonymous = make_connection(endpoint=plant.endpoint)
    with pytest.raises(AuthenticationError):
        await anonymous.open()
    await anonymous.close()


async def test_clear_text_password_is_said_and_never_logged(start_plant, board, caplog, make_connection):
    caplog.set_level(logging.DEBUG)
    plant = await start_plant(users="very-secret-word")
    connection = make_connection(endpoint=plant.endpoint, username="operator", password="very-secret-word")
    await connection.open()
    await connection.close()
    assert any("the password travels in clear text" in text for text in board.of("warning"))
    assert "very-secret-word" not in caplog.text
    assert "very-secret-word" not in str(board.notices)


async def test_button_says_what_is_there(start_plant, make_connection):
    plant = await start_plant()
    connection = make_connection(endpoint=plant.endpoint)
    assert isinstance(connection, ConnectionTest)
    text = await connection.test()
    assert text.startswith("FreeOpcUa Python Server ")
    assert text.endswith(f"at {plant.endpoint}, state Running, 3 namespaces")


async def test_the_name_the_server_gives_itself_is_not_used(start_plant, open_connection, until):
    plant = await start_plant(advertised_host="plc-17.invalid")
    running = await open_connection(endpoint=plant.endpoint)
    await running.subscribe(items=["ns=2;s=Line1.Counter"], sampling_ms=50, publish_ms=50)
    await until(lambda: running.out)


async def test_open_again_and_close_again(start_plant, board, make_connection):
    plant = await start_plant()
    connection = make_connection(endpoint=plant.endpoint)
    await connection.close()
    await connection.open()
    await connection.open()
    await connection.close()
    await connection.close()
    assert connection.health() == ""
    assert not board.of("lost")
