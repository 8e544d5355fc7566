"""Our own certificate, kept once made, and the folder of server certificates a person trusts (OPC 10000-4, 6.1.3)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from flowhost.sdk import PermanentError
from flowhost_opcua.driver import cert_gen

LIFETIME_DAYS = 5 * 365
WARN_DAYS = 30


@dataclass(frozen=True)
class OwnCertificate:
    """Who we are to servers.

    Attributes:
        certificate: DER file; what a server's administrator has to trust.
        key: PEM file, readable by us alone.
        uri: application URI, the same as in the certificate, which servers compare.
        ends: end of its validity.
    """

    certificate: Path
    key: Path
    uri: str
    ends: datetime

    @property
    def days_left(self) -> int:
        """Days until servers refuse it."""
        return (self.ends - datetime.now(UTC)).days


def own_certificate(pki_dir: Path, uri: str) -> OwnCertificate:
    """The kept certificate, made at first use. It is never replaced silently: every server would refuse the new one.

    Args:
        pki_dir: gets `own/cert.der` and `own/key.pem`.
        uri: application URI for a new certificate; a kept one keeps its own.
    """
    certificate, key = pki_dir / "own" / "cert.der", pki_dir / "own" / "key.pem"
    if not (certificate.exists() and key.exists()):
        _make(certificate, key, uri)
    known = x509.load_der_x509_certificate(certificate.read_bytes())
    names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return OwnCertificate(certificate, key, uris[0] if uris else uri, known.not_valid_after_utc)


def check_server(pki_dir: Path, der: bytes, endpoint: str) -> None:
    """Let a server certificate pass only if that very certificate lies in the trust folder and is valid today.

    Raises:
        PermanentError: not trusted or out of its validity; names the file and the folder to move it to.
    """
    certificate = x509.load_der_x509_certificate(der)
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex().upper()
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        msg = (
            f"the certificate of OPC UA server {endpoint} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} to "
            f"{certificate.not_valid_after_utc:%Y-%m-%d} only: renew it on the server, or set this machine's clock"
        )
        raise PermanentError(msg)
    if der in _trusted(pki_dir / "trusted"):
        return
    rejected = pki_dir / "rejected" / f"{fingerprint[:16]}.der"
    rejected.parent.mkdir(parents=True, exist_ok=True)
    rejected.write_bytes(der)
    msg = (
        f"OPC UA server {endpoint} is not trusted yet: compare its SHA-256 fingerprint {fingerprint} with the "
        f"server's own, then trust it with: mv {rejected} {pki_dir / 'trusted'}{os.sep}"
    )
    raise PermanentError(msg)


def _trusted(folder: Path) -> set[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    return {_der(path) for path in folder.iterdir() if path.suffix.lower() in {".der", ".pem", ".crt", ".cer"}}


def _der(path: Path) -> bytes:
    content = path.read_bytes()
    if b"-----BEGIN" not in content:
        return content
    return x509.load_pem_x509_certificate(content).public_bytes(Encoding.DER)


def _make(certificate: Path, key: Path, uri: str) -> None:
    """The key file is created readable by us alone; the driver's own helper would leave it open to all."""
    certificate.parent.mkdir(parents=True, exist_ok=True)
    private = cert_gen.generate_private_key()
    public = cert_gen.generate_self_signed_app_certificate(
        private,
        "FlowHost",
        {"organizationName": "FlowHost"},
        [x509.UniformResourceIdentifier(uri), x509.DNSName("flowhost")],
        [ExtendedKeyUsageOID.CLIENT_AUTH],
        days=LIFETIME_DAYS,
    )
    key.unlink(missing_ok=True)
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(cert_gen.dump_private_key_as_pem(private))
    certificate.write_bytes(public.public_bytes(Encoding.DER))
