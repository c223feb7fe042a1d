"""The app and the sandbox EHR as processes of their own, and launches through both."""

import base64
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
from wire import Answer, Wire

ROOT = Path(__file__).resolve().parents[2]
SELFHELP = str(Path(sys.executable).with_name("selfhelp"))
PATIENTS = ("alcohol", "opioid", "depression", "anxiety")
_PATIENCE = 60.0  # seconds for a server to start


def line(name: str, value: float, unit: str, bound: float, against: str) -> None:
    print(f"{name:<34}{value:>10.3f}  {unit:<6}{value / bound:>7.2f}  {against}")
    sys.stdout.flush()


@dataclass
class App:
    folder: Path
    ehr: str
    port: int
    database_url: str = ""
    more: str = ""  # further lines of the settings
    ready_after: float = 0.0
    http: Wire = field(default_factory=Wire)

    def __post_init__(self) -> None:
        self.write()
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()

    def write(self, *, meetings: bool = True) -> None:
        sqlite = f"sqlite:///{self.folder}/selfhelp.db"
        (self.folder / "selfhelp.toml").write_text(
            f'public_url = "{self.url}"\n'
            f'database_url = "{self.database_url or sqlite}"\n'
            f"allow_loopback_http = true\ndemo_directory = {str(meetings).lower()}\n"
            f'[[ehr]]\nid = "bench"\nissuer = "{self.ehr}/r4"\nclient_id = "selfhelp"\n'
            f"{self.more}"
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        environ = {
            "SELFHELP_CONFIG": str(self.folder / "selfhelp.toml"),
            "SELFHELP_MASTER_KEY": self.key,
        }
        command = [SELFHELP, "serve", "--port", str(self.port)]
        started = time.perf_counter()
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environ, stderr=log)
        try:
            _until_answers(f"{self.url}/readyz")
            self.ready_after = time.perf_counter() - started
            yield
        finally:
            process.terminate()
            process.wait(30)

    def cpu_seconds(self) -> float:
        text = self.http.get(f"{self.url}/metrics").text
        found = re.search(r"^process_cpu_seconds_total (\S+)$", text, re.MULTILINE)
        assert found is not None
        return float(found[1])

    def launch(self, patient: str) -> float:
        """One launch. Gives the seconds from the callback to the whole page."""
        taken, path, cookies = self.open(patient)
        started = time.perf_counter()
        page = self._get(self.url + path, cookies)
        taken += time.perf_counter() - started
        if page.status_code != 200:
            raise RuntimeError(f"a launch ended with {page.status_code}")
        return taken

    def open(
        self, patient: str, flavour: str = ""
    ) -> tuple[float, str, dict[str, str]]:
        """A launch up to its context. Gives the seconds of the callback, the launch's
        path, and its cookies.
        """
        cookies: dict[str, str] = {}
        asked = {"patient": patient} | ({"flavour": flavour} if flavour else {})
        opened = self.http.post(f"{self.ehr}/sandbox/launches", json=asked).json()
        away = self._get(f"{self.url}/launch", cookies, params=opened)
        back = self.http.get(away.headers["location"])
        started = time.perf_counter()
        done = self._get(back.headers["location"], cookies)
        taken = time.perf_counter() - started
        if done.status_code != 303:
            raise RuntimeError(f"a callback was answered with {done.status_code}")
        return taken, done.headers["location"], cookies

    def _get(self, url: str, cookies: dict[str, str], **more: object) -> Answer:
        sent = {"cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())}
        answer = self.http.get(url, headers=sent, **more)
        cookies |= answer.cookies
        return answer


@contextmanager
def stage(folder: Path) -> Iterator[App]:
    """A sandbox EHR that runs, and an app that is registered there, not started yet."""
    port, ehr_port = free_ports(2)
    with sandbox(ehr_port, port) as ehr:
        yield App(folder, ehr, port)


@contextmanager
def sandbox(port: int, app: int) -> Iterator[str]:
    command = [sys.executable, "-m", "deploy.sandbox", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--app-url", f"http://127.0.0.1:{app}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _until_answers(f"{url}/sandbox/health")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def delay(ehr: str, seconds: float) -> None:
    requests.delete(f"{ehr}/sandbox/faults", timeout=5)
    if seconds:
        fault = {"effect": "delay", "seconds": seconds}
        requests.post(f"{ehr}/sandbox/faults", json=fault, timeout=5)


def _until_answers(url: str) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            if requests.get(url, timeout=2).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.01)
    raise SystemExit(f"{url} did not answer")


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports
