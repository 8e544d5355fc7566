"""Signed and encrypted sessions: our kept certificate, the server's trusted by a person first."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest
from cryptography import x509
from flowhost_opcua.certificates import LIFETIME_DAYS, own_certificate

from flowhost.sdk import PermanentError

COUNTER = "ns=2;s=Line1.Counter"


def _trust_by_the_book(error: object) -> None:
    """Do what the message says: `mv FILE FOLDER`."""
    file, folder = str(error).rpartition(": mv ")[2].split(" ")
    shutil.move(file, folder)


@pytest.mark.parametrize(
    ("security", "policy"),
    [
        ("sign_and_encrypt", None),
        ("sign", "Basic256Sha256"),
        ("sign_and_encrypt", "Aes256_Sha256_RsaPss"),
    ],
)
async def test_values_over_a_secured_session(start_plant, open_connection, tmp_path, until, security, policy):
    plant = await start_plant(pki=str(tmp_path / "server"))
    config = {"endpoint": plant.endpoint, "security": security, "policy": policy}
    with pytest.raises(PermanentError, match="is not trusted yet: compare its SHA-256 fingerprint") as caught:
        await open_connection(**config)
    _trust_by_the_book(caught.value)
    running = await open_connection(**config)
    await running.subscribe(items=[COUNTER], sampling_ms=50, publish_ms=50)
    await until(lambda: running.out)
    await plant.kill()
    await plant.start(first=1_000_000)
    await until(lambda: max(running.values("Line1.Counter")) >= 1_000_000, 30)


async def test_user_name_within_a_secured_session_is_not_in_clear_text(start_plant, open_connection, tmp_path, board):
    plant = await start_plant(pki=str(tmp_path / "server"), users="right")
    config = {"endpoint": plant.endpoint, "security": "sign_and_encrypt", "username": "operator", "password": "right"}
    with pytest.raises(PermanentError) as caught:
        await open_connection(**config)
    _trust_by_the_book(caught.value)
    await open_connection(**config)
    assert not board.of("warning")


async def test_another_certificate_than_the_trusted_one_is_refused(start_plant, open_connection, tmp_path):
    plant = await start_plant(pki=str(tmp_path / "server"))
    config = {"endpoint": plant.endpoint, "security": "sign"}
    with pytest.raises(PermanentError) as caught:
        await open_connection(**config)
    _trust_by_the_book(caught.value)
    await plant.kill()
    await plant.start(pki=str(tmp_path / "somebody-else"))
    with pytest.raises(PermanentError, match="is not trusted yet"):
        await open_connection(**config)


async def test_a_new_certificate_after_an_outage_is_said_once_and_works_as_soon_as_it_is_trusted(
    start_plant, open_connection, tmp_path, board, until
):
    plant = await start_plant(pki=str(tmp_path / "server"))
    config = {"endpoint": plant.endpoint, "security": "sign", "reconnect_max_s": 1}
    with pytest.raises(PermanentError) as caught:
        await open_connection(**config)
    _trust_by_the_book(caught.value)
    running = await open_connection(**config)
    await plant.kill()
    await plant.start(pki=str(tmp_path / "renewed"))
    said = await until(lambda: board.of("warning"))
    assert "is not trusted yet" in running.connection.health()
    await asyncio.sleep(2)  # two more attempts
    assert len(board.of("warning")) == 1
    _trust_by_the_book(said[0])
    await until(lambda: board.of("restored"))


async def test_a_server_that_does_not_trust_us_says_which_file_it_needs(start_plant, open_connection, tmp_path):
    (tmp_path / "trusted-by-server").mkdir()
    other = await asyncio.to_thread(own_certificate, tmp_path / "other-client", "urn:other")
    shutil.copy(other.certificate, tmp_path / "trusted-by-server")
    plant = await start_plant(pki=str(tmp_path / "server"), trusted_clients=str(tmp_path / "trusted-by-server"))
    config = {"endpoint": plant.endpoint, "security": "sign_and_encrypt"}
    with pytest.raises(PermanentError) as caught:
        await open_connection(**config)
    _trust_by_the_book(caught.value)
    with pytest.raises(PermanentError, match=r"does not accept our certificate; trust .*cert\.der on the server"):
        await open_connection(**config)


async def test_security_the_server_does_not_offer(start_plant, open_connection, tmp_path):
    plant = await start_plant()
    with pytest.raises(PermanentError, match=r"does not offer sign with Basic256Sha256; .* it offers: None_? None"):
        await open_connection(endpoint=plant.endpoint, security="sign")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_private_key_is_ours_alone(tmp_path: Path):
    """Trap: the driver's own helper writes it readable by all."""
    old = os.umask(0)
    try:
        own = own_certificate(tmp_path, "urn:flowhost:a")
    finally:
        os.umask(old)
    assert own.key.stat().st_mode & 0o777 == 0o600


def test_our_certificate_is_made_once_and_kept(tmp_path: Path):
    first = own_certificate(tmp_path, "urn:flowhost:a")
    content = first.certificate.read_bytes()
    again = own_certificate(tmp_path, "urn:flowhost:another-host-id")
    assert again.certificate.read_bytes() == content
    assert again.uri == "urn:flowhost:a"  # what servers compare with the certificate
    assert LIFETIME_DAYS - 2 <= again.days_left <= LIFETIME_DAYS
    usage = x509.load_der_x509_certificate(content).extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.data_encipherment
