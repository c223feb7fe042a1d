"""F16, and F03 over TLS: whom a connection is made with, directly or by a proxy."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smart_launch.errors import (
    EhrUnavailable,
)
from smart_launch.outbound import Outbound

HOME = ip_network("127.0.0.0/8")


@dataclass
class Authority:
    folder: Path
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        self.ca_file = self.folder / "ca.pem"
        certificate = (
            self._builder(self.name, self.key.public_key(), 365)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: Any, days: int) -> Any:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=10))
            .not_valid_after(now + timedelta(days=days))
        )

    def context(self, host: str, *, days: int = 30) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = (
            self._builder(subject, key.public_key(), days)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self.key.public_key()
                ),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        path = self.folder / f"{host}{days}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@dataclass
class TlsServer:
    context: ssl.SSLContext
    body: bytes = b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}"
    drip: float = 0.0
    expects: int = 0  # bytes of body
    heard: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context.sni_callback = lambda one, name, context: self.names.append(name)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            try:
                self.answer(one)
            except OSError:
                pass
            finally:
                one.close()

    def answer(self, one: socket.socket) -> None:
        with self.context.wrap_socket(one, server_side=True) as secure:
            request = secure.recv(65536)
            while len(request.partition(b"\r\n\r\n")[2]) < self.expects:
                request += secure.recv(65536)
            self.heard.append(request)
            for letter in self.body if self.drip else ():
                secure.sendall(bytes([letter]))
                time.sleep(self.drip)
            if not self.drip:
                secure.sendall(self.body)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls(
    authority: Authority, registered: Any, ehr: Any
) -> Iterator[Callable[..., tuple[Any, TlsServer]]]:
    made: list[TlsServer] = []

    def make(context: ssl.SSLContext, **changes: Any) -> tuple[Any, TlsServer]:
        server = TlsServer(context)
        made.append(server)
        registration = registered(
            ehr,
            **{
                "issuer": f"https://ehr.example:{server.port}/fhir",
                "allowed_networks": (HOME,),
                "allow_loopback_http": False,
                "ca_file": str(authority.ca_file),
            }
            | changes,
        )
        return registration, server

    yield make
    for server in made:
        server.listener.close()


def home(host: str, port: int) -> list[Any]:
    return [ip_address("127.0.0.1")]


def get(outbound: Outbound, registration: Any, **more: Any) -> Any:
    return outbound.request(registration, "GET", f"{registration.issuer}/x", **more)


def over_tls(registration: Any, **more: Any) -> Any:
    return get(Outbound(home), registration, **more)


def test_F16_private_authority_is_trusted_and_the_name_kept(
    tls: Any, authority: Authority
) -> None:
    registration, server = tls(authority.context("ehr.example"))
    assert over_tls(registration).json() == {}
    assert server.names == ["ehr.example"]
    assert f"Host: ehr.example:{server.port}".encode() in server.heard[0]


@pytest.mark.parametrize(
    ("host", "days", "changes"),
    [
        pytest.param("ehr.example", 30, {"ca_file": None}, id="unknown-authority"),
        pytest.param("ehr.example", -1, {}, id="expired"),
        pytest.param("other.example", 30, {}, id="wrong-host"),
    ],
)
def test_F16_bad_certificate_is_refused(
    tls: Any, authority: Authority, host: str, days: int, changes: dict[str, Any]
) -> None:
    registration, server = tls(authority.context(host, days=days), **changes)
    with pytest.raises(EhrUnavailable) as raised:
        over_tls(registration, headers={"Authorization": "Bearer secret"})
    assert raised.value.sent is False
    assert server.heard == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_F16_old_tls_is_refused(tls: Any, authority: Authority) -> None:
    context = authority.context("ehr.example")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    registration, server = tls(context)
    with pytest.raises(EhrUnavailable):
        over_tls(registration)
    assert server.heard == []


def test_F16_private_authority_replaces_the_public_ones(authority: Authority) -> None:
    from smart_launch.connections import tls_context

    assert len(tls_context(str(authority.ca_file)).get_ca_certs()) == 1
    assert len(tls_context(None).get_ca_certs()) > 50


def test_F03_dripping_over_tls_ends_at_the_deadline(
    tls: Any, authority: Authority
) -> None:
    registration, server = tls(authority.context("ehr.example"))
    server.drip = 0.05
    server.body = b"HTTP/1.1 200 X\r\nX-Long: " + b"a" * 1200  # a minute's worth
    began = time.monotonic()
    with pytest.raises(EhrUnavailable) as raised:
        over_tls(registration, deadline=0.5)
    assert time.monotonic() - began < 20
    assert raised.value.sent is True


def test_F03_stalled_handshake_ends_at_the_deadline(registered: Any, ehr: Any) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    registration = registered(
        ehr, issuer=f"https://ehr.example:{port}/fhir", allowed_networks=(HOME,)
    )
    with pytest.raises(EhrUnavailable) as raised:
        over_tls(registration, deadline=0.4)  # without one it would wait for ever
    assert raised.value.sent is False
    silent.close()


def test_long_body_over_tls_is_sent_whole(tls: Any, authority: Authority) -> None:
    registration, server = tls(authority.context("ehr.example"))
    server.expects = 500_000
    outbound = Outbound(home)
    url, body = f"{registration.issuer}/x", b"y" * server.expects
    assert outbound.request(registration, "POST", url, body=body).status == 200
    assert server.heard[0].endswith(body)


def test_configured_proxy_carries_the_tunnel(tls: Any, authority: Authority) -> None:
    registration, server = tls(authority.context("ehr.example"))
    asked: list[bytes] = []
    proxy = socket.create_server(("127.0.0.1", 0))

    def relay() -> None:
        one, _ = proxy.accept()
        asked.append(one.recv(4096))
        there = socket.create_connection(("127.0.0.1", server.port))
        one.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

        def pump(source: socket.socket, target: socket.socket) -> None:
            try:
                while data := source.recv(65536):
                    target.sendall(data)
            except OSError:
                pass

        threading.Thread(target=pump, args=(one, there), daemon=True).start()
        pump(there, one)
        one.close()

    threading.Thread(target=relay, daemon=True).start()
    through = replace(registration, proxy=f"http://127.0.0.1:{proxy.getsockname()[1]}")

    def never(host: str, port: int) -> list[Any]:
        pytest.fail("behind a proxy the proxy resolves the name")

    assert get(Outbound(never), through).json() == {}
    assert asked[0].startswith(b"CONNECT ehr.example:")
    assert server.names == ["ehr.example"]
    proxy.close()
