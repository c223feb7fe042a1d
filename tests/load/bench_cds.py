"""How long a clinician waits for a card: fifty calls a second, everything sent along.

Calls begin when they are due, whether or not earlier ones have ended, and count from
that moment. Each is about another patient, so that nothing is served from what was
said before. Beside them stands the same rate of calls that do nothing, on the same
machine at the same time of day: what is over that is the service's.
"""

import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import requests
from joserfc import jwt
from joserfc.jwk import RSAKey
from stage import App, line, stage

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deploy.sandbox.charts import Chart, load_charts

RATE = 50  # calls a second
SECONDS = 15
P95 = 0.060
OWN = 0.008
COLD = 2.0
LATE = 2.5
PATH = "/cds-services/patient-view"
CHARTS = ("alcohol", "opioid", "depression", "anxiety", "remission")
_SOURCES = {
    "conditions": "Condition",
    "observations": "Observation",
    "medications": "MedicationRequest",
}


class Client:
    """An EHR that calls: its key, and its calls, signed before they are timed."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig"})
        charts = load_charts(datetime.now(UTC))
        self.charts = [chart for chart in charts if chart.key in CHARTS]

    def requests(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        return [self._request(number) for number in range(count)]

    def _request(self, number: int) -> tuple[dict[str, str], bytes]:
        chart = self.charts[number % len(self.charts)]
        now = int(time.time())
        claims = {
            "iss": f"{self.app.ehr}/r4",
            "aud": self.app.url + PATH,
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid.uuid4()),
        }
        header = {"alg": "RS256", "kid": "bench", "typ": "JWT"}
        token = jwt.encode(header, claims, self.key)
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
        }
        body = orjson.dumps(self._body(chart, number))
        named = f"{chart.patient}-{number}-{uuid.uuid4().hex[:8]}"
        return headers, body.replace(chart.patient.encode(), named.encode())

    def _body(self, chart: Chart, number: int) -> dict[str, object]:
        def found(kind: str) -> list[dict[str, object]]:
            return [r for r in chart.resources if r["resourceType"] == kind]

        prefetch: dict[str, object] = {"patient": found("Patient")[0]}
        for key, kind in _SOURCES.items():
            entries = [{"resource": one} for one in found(kind)]
            prefetch[key] = {"resourceType": "Bundle", "entry": entries}
        return {
            "hook": "patient-view",
            "hookInstance": str(uuid.uuid4()),
            "fhirServer": f"{self.app.ehr}/r4",
            "context": {
                "userId": f"Practitioner/d{number % 40}",
                "patientId": chart.patient,
            },
            "prefetch": prefetch,
        }


@contextmanager
def key_set(key: RSAKey) -> Iterator[str]:
    """The address of the client's public keys."""
    document = orjson.dumps({"keys": [key.as_dict(private=False)]})

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/jwks"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as app:
        client = Client(app)
        with key_set(client.key) as address:
            _register(app, address)
            with app.running():  # the first start makes the database
                pass
            with app.running():
                _measure(app, client)


def _register(app: App, address: str) -> None:
    with (app.folder / "selfhelp.toml").open("a") as file:
        file.write(
            f'cds_hooks_issuers = [{{ issuer = "{app.ehr}/r4", '
            f'jwks_url = "{address}" }}]\n'
            "[ehr.cds]\nclinician_per_hour = 100000\ntenant_per_hour = 10000000\n"
        )


def _measure(app: App, client: Client) -> None:
    ((headers, body),) = client.requests(1)
    started = time.perf_counter()
    _cards(app, headers, body)
    first = app.ready_after + time.perf_counter() - started
    line("CDS, start to the first card", first, "s", COLD, "2 s")
    for headers, body in client.requests(20):
        _cards(app, headers, body)
    idle = _at_a_rate(RATE * 5, lambda _: app.http.get(f"{app.url}/healthz"))
    calls = client.requests(RATE * SECONDS)
    before = app.cpu_seconds()
    taken = _at_a_rate(len(calls), lambda n: _cards(app, *calls[n]))
    own = (app.cpu_seconds() - before) / len(calls)
    late = sum(seconds > LATE for seconds in taken)
    line("CDS, 50 calls/s, p95", _p95(taken), "s", P95, "60 ms")
    line("CDS, 50 calls/s, median", statistics.median(taken), "s", P95, "60 ms")
    line("nothing, 50 calls/s, p95", _p95(idle), "s", P95, "60 ms")
    line("CDS, own work of a call", own, "s", OWN, "8 ms")
    line("CDS, calls without an answer in 2.5 s", late, "calls", len(taken), "all")


def _at_a_rate(count: int, act: Callable[[int], object]) -> Sequence[float]:
    """Seconds from the moment that each call was due to its answer."""
    began = time.perf_counter() + 0.1

    def one(number: int) -> float:
        due = began + number / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        act(number)
        return time.perf_counter() - due

    with ThreadPoolExecutor(32) as at_once:
        return list(at_once.map(one, range(count)))


def _cards(app: App, headers: dict[str, str], body: bytes) -> None:
    answer = app.http.post(app.url + PATH, data=body, headers=headers, timeout=10)
    busy = answer.status_code == requests.codes.unavailable
    if not busy and not answer.json()["cards"]:
        raise RuntimeError(f"a call ended with {answer.status_code}")
    if busy:  # the machine does something else beside: it counts as never answered
        time.sleep(LATE)


def _p95(taken: Sequence[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.95)]


if __name__ == "__main__":
    main()
