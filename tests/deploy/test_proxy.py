"""The shipped nginx configuration, in a real nginx, before the real app.

Only names, ports and folders are replaced. Source for what is expected: faults.md of
the design, T08 and D10: slow clients, large bodies, long addresses, many ranges.
"""

import getpass
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "deploy" / "nginx" / "selfhelp.conf"
SELFHELP = str(Path(sys.executable).with_name("selfhelp"))
NAME = "selfhelp.example.org"
SLOW_CLIENTS = 500
_PATIENCE = 60.0  # seconds

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        NGINX is None, reason="nginx is not installed (Debian: nginx-light)"
    ),
]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Installation:
    folder: Path
    https: int
    http: int
    apps: list[subprocess.Popen[bytes]]
    trust: ssl.SSLContext

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.https), timeout=10)
        return self.trust.wrap_socket(plain, server_hostname=NAME)

    def ask(self, request: str, body: bytes = b"") -> Answer:
        """Send it as it is, on a connection of its own."""
        with self.connect() as connection:
            return exchange(connection, request, body)

    def get(self, path: str, *more: str) -> Answer:
        return self.ask("\r\n".join((f"GET {path} HTTP/1.1", f"Host: {NAME}", *more)))

    def logs(self) -> str:
        return "".join(file.read_text() for file in self.folder.glob("*.log"))


def exchange(connection: socket.socket, request: str, body: bytes = b"") -> Answer:
    connection.sendall(f"{request}\r\nConnection: close\r\n\r\n".encode())
    received = b""
    # It may answer before it has read everything, and close.
    with suppress(ConnectionError, ssl.SSLError):
        connection.sendall(body)
    with suppress(ConnectionError, ssl.SSLError):
        while chunk := connection.recv(65536):
            received += chunk
    assert received
    head, _, rest = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return Answer(int(lines[0].split()[1]), headers, rest)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(made.public_bytes(pem))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def replaced(folder: Path, https: int, http: int, apps: tuple[int, ...]) -> str:
    text = SHIPPED.read_text()
    servers = "\n".join(f"    server 127.0.0.1:{port};" for port in apps)
    for old, new in (
        ("    server 127.0.0.1:8000;", servers),
        ("listen 80;", f"listen 127.0.0.1:{http};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{https} ssl http2;"),
        ("/etc/ssl/selfhelp/", f"{folder}/"),
        ("/var/log/nginx/", f"{folder}/"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def running(
    command: list[str], answers: int, environ: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", answers), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, command
                assert time.monotonic() < until, command
                time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def stopped() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def installed(
    tmp_path_factory: pytest.TempPathFactory, stopped: ExitStack
) -> Installation:
    folder = tmp_path_factory.mktemp("proxy")
    https, http = free_port(), free_port()
    ports = (free_port(), free_port())
    (folder / "selfhelp.toml").write_text(
        f'public_url = "https://{NAME}"\n'
        f'database_url = "sqlite:///{folder}/selfhelp.db"\n'
        '[[ehr]]\nid = "general"\nissuer = "https://fhir.general.example/r4"\n'
        'client_id = "selfhelp"\n'
    )
    environ = {
        "SELFHELP_CONFIG": str(folder / "selfhelp.toml"),
        "SELFHELP_MASTER_KEY": b64encode(bytes(range(32))).decode(),
    }
    certificate(folder)
    (folder / "site.conf").write_text(replaced(folder, https, http, ports))
    (folder / "nginx.conf").write_text(
        f"user {getpass.getuser()};\npid {folder}/nginx.pid;\n"
        f"error_log {folder}/main.log crit;\n"
        "worker_processes 2;\nevents { worker_connections 768; }\n"  # as Debian's
        "http {\n"
        + "".join(
            f"  {kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"  include {folder}/site.conf;\n}}\n"
    )
    apps = []
    for port in ports:
        command = [SELFHELP, "serve", "--port", str(port), "--no-worker"]
        apps.append(stopped.enter_context(running(command, port, environ)))
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    stopped.enter_context(running([*command, "-g", "daemon off;"], https))
    trust = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    return Installation(folder, https, http, apps, trust)


def test_nginx_finds_no_fault_in_it(installed: Installation) -> None:
    assert NGINX is not None
    command = [NGINX, "-t", "-p", str(installed.folder)]
    config = str(installed.folder / "nginx.conf")
    run = subprocess.run([*command, "-c", config], capture_output=True, check=False)
    warned = re.findall(r"\[(?:warn|emerg)\].*", run.stderr.decode())
    assert (run.returncode, warned) == (0, [])


def test_the_proxy_lets_go_of_a_connection_before_the_app_does() -> None:
    """Otherwise a form may be sent on a connection that is just being closed."""
    from plugin.commands.serve import _KEEP_ALIVE

    upstream = SHIPPED.read_text().partition("upstream selfhelp {")[2].partition("}")[0]
    found = re.search(r"^\s*keepalive_timeout (\d+)s;", upstream, re.MULTILINE)
    assert found is not None
    assert int(found[1]) < _KEEP_ALIVE


def test_the_app_is_reached_over_tls_alone(installed: Installation) -> None:
    answer = installed.get("/.well-known/jwks.json")
    assert answer.status == 200
    assert {key["alg"] for key in json.loads(answer.body)["keys"]} == {"RS384", "ES384"}
    assert "max-age" in answer.headers["strict-transport-security"]
    with socket.create_connection(("127.0.0.1", installed.http), timeout=10) as plain:
        moved = exchange(plain, f"GET /launch?iss=a HTTP/1.1\r\nHost: {NAME}")
    assert moved.status == 308
    assert moved.headers["location"] == f"https://{NAME}/launch?iss=a"


def test_L38_a_foreign_name_changes_no_address(installed: Installation) -> None:
    with socket.create_connection(("127.0.0.1", installed.http), timeout=10) as plain:
        moved = exchange(plain, "GET /launch HTTP/1.1\r\nHost: evil.example")
    assert moved.headers["location"] == f"https://{NAME}/launch"
    answer = installed.ask("GET /launch HTTP/1.1\r\nHost: evil.example")
    assert answer.status == 400
    assert b"evil" not in answer.body


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_what_is_for_the_platform_stays_inside(
    installed: Installation, path: str
) -> None:
    assert installed.get(path).status == 404


def test_T08_a_large_body_ends_at_the_proxy(installed: Installation) -> None:
    head = (
        "POST /launches/AAAA/api/referrals HTTP/1.1",
        f"Host: {NAME}",
        f"Origin: https://{NAME}",
        "Content-Type: application/json",
        f"Content-Length: {100 * 2**20}",
    )
    answer = installed.ask("\r\n".join(head), b"x" * 2**20)
    assert answer.status == 413


def test_T08_a_long_address_and_many_ranges_are_no_work(
    installed: Installation,
) -> None:
    long = "&".join(f"a{n}={n}" for n in range(1_000))  # 9 kB; 8 are taken
    assert installed.get(f"/launch?{long}").status == 414
    style = installed.get("/static/screens.css", "Range: bytes=0-,0-,0-,0-,0-,0-")
    assert style.status in (200, 404)
    assert "content-range" not in style.headers


def test_D10_slow_clients_hold_nobody_up_and_are_sent_away(
    installed: Installation,
) -> None:
    with ExitStack() as closed:
        slow = []
        for number in range(SLOW_CLIENTS):
            connection = closed.enter_context(installed.connect())
            connection.sendall(f"GET /slow{number} HTTP/1.1\r\nHost:".encode())
            slow.append(connection)
        for _ in range(20):
            assert installed.get("/healthz").status == 200
            assert installed.get("/.well-known/jwks.json").status == 200
        for connection in slow:
            connection.settimeout(30)
            with suppress(ConnectionError):
                assert connection.recv(1) == b""
    assert installed.get("/healthz").status == 200


def test_A10_neither_log_holds_a_path_or_a_query(installed: Installation) -> None:
    installed.get("/callback?code=CANARY-CODE&state=CANARY-STATE")
    installed.get("/launches/CANARY-LAUNCH/")
    installed.ask(f"GET /CANARY {'x' * 9000} HTTP/1.1\r\nHost: {NAME}")
    until = time.monotonic() + 30
    while " 400 GET " not in installed.logs() and time.monotonic() < until:
        time.sleep(0.05)
    assert " 400 GET " in installed.logs()
    assert "CANARY" not in installed.logs()


def test_a_process_that_is_gone_is_not_noticed(
    installed: Installation,
) -> None:
    """The last test: one app is killed, then the other."""
    kill(installed.apps[0])
    answers = [installed.get("/.well-known/jwks.json").status for _ in range(20)]
    assert answers == [200] * 20
    kill(installed.apps[1])
    assert installed.get("/callback?code=CANARY-GONE&state=CANARY").status == 502
    until = time.monotonic() + 30
    while " 502 GET " not in installed.logs() and time.monotonic() < until:
        time.sleep(0.05)
    assert " 502 GET " in installed.logs()
    assert "CANARY" not in installed.logs()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
