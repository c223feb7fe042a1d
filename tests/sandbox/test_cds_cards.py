"""The EHR's side of CDS Hooks: what it asks, shows, and tells the service back."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from deploy.sandbox.card_text import Piece, blocks
from deploy.sandbox.serving import RunningSandbox, start_sandbox

pytestmark = pytest.mark.slow  # each starts an EHR

CARD = {
    "uuid": "5e0a3a1e-3283-4575-ab82-028d55fe2719",
    "summary": "Groups fit <b>this</b> patient.",
    "detail": "**Bold \\*name\\*** &lt;x&gt;\n\n- one\n- two <script>",
    "indicator": "info",
    "source": {"label": "Rules", "url": "https://rules.example/1"},
    "overrideReasons": [
        {"code": "patient-refuses", "system": "s", "display": "Does not want it"}
    ],
    "links": [
        {
            "label": "Choose",
            "url": "http://127.0.0.1:9/launch",
            "type": "smart",
            "appContext": '{"card":"5e0a"}',
        }
    ],
}
SERVICES = {
    "services": [
        {
            "hook": "patient-view",
            "id": "patient-view",
            "prefetch": {
                "patient": "Patient/{{context.patientId}}",
                "conditions": "Condition?patient={{context.patientId}}",
                "scores": "Observation?patient={{context.patientId}}"
                "&code=http://loinc.org|44261-6",
                "odd": "Condition?patient={{context.patientId}}&colour=red",
            },
        },
        {"hook": "order-sign", "id": "order-sign"},
    ]
}


@dataclass
class Service:
    """A CDS service that counts what it is asked."""

    port: int = 0
    cards: list[dict[str, Any]] = field(default_factory=lambda: [CARD])
    status: int = 200
    asked: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    running = start_sandbox()
    yield running
    running.stop()


@pytest.fixture
def service(sandbox: RunningSandbox) -> Iterator[Service]:
    made = Service()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(SERVICES)

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = orjson.loads(self.rfile.read(length))
            made.asked.append((self.path, body, self.headers["authorization"]))
            feedback = self.path.endswith("/feedback")
            self._answer({} if feedback else {"cards": made.cards})

        def _answer(self, value: Any) -> None:
            text = orjson.dumps(value)
            self.send_response(made.status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    sandbox.sandbox.clients._kept.clear()
    sandbox.register_client(made.url, cds=True)
    yield made
    server.shutdown()
    thread.join(5)
    server.server_close()


def page(sandbox: RunningSandbox, path: str) -> requests.Response:
    return requests.get(f"{sandbox.url}{path}", timeout=10)


def test_opened_chart_calls_the_service_with_a_token_and_prefetch(
    sandbox, service
) -> None:
    assert page(sandbox, "/patients/p0417").status_code == 200
    ((path, body, authorization),) = service.asked
    assert path == "/cds-services/patient-view"
    assert body["hook"] == "patient-view"
    assert body["fhirServer"] == sandbox.issuer()
    assert body["context"]["patientId"] == "p0417"
    assert body["context"]["userId"].startswith("Practitioner/")
    keys = KeySet.import_key_set(sandbox.sandbox.key.public_jwks())
    claims = jwt.decode(authorization.removeprefix("Bearer "), keys).claims
    assert claims["aud"] == service.url + path
    assert claims["iss"] == sandbox.issuer()
    assert claims["exp"] - claims["iat"] == 300


def test_prefetch_is_what_the_interface_would_give(sandbox, service) -> None:
    page(sandbox, "/patients/p0417")
    prefetch = service.asked[0][1]["prefetch"]
    assert prefetch["patient"]["id"] == "p0417"
    conditions = [one["resource"] for one in prefetch["conditions"]["entry"]]
    assert conditions
    assert all(c["subject"]["reference"] == "Patient/p0417" for c in conditions)
    codes = {
        coding["code"]
        for one in prefetch["scores"]["entry"]
        for coding in one["resource"]["code"]["coding"]
    }
    assert codes == {"44261-6"}
    assert "odd" not in prefetch


def test_card_is_shown_as_text(sandbox, service) -> None:
    text = page(sandbox, "/patients/p0417").text
    assert "Groups fit &lt;b&gt;this&lt;/b&gt; patient." in text
    assert "<b>Bold *name*</b>" in text
    assert "<li>two &lt;script&gt;</li>" in text
    assert "<script" not in text
    assert "Does not want it" in text


def test_other_tabs_call_nothing(sandbox, service) -> None:
    for tab in ("notes", "orders", "self-help"):
        page(sandbox, f"/patients/p0417/{tab}")
    assert service.asked == []


def test_link_of_a_card_launches_with_its_context(sandbox, service) -> None:
    page(sandbox, "/patients/p0417")
    text = page(sandbox, f"/patients/p0417/self-help?card={CARD['uuid']}").text
    assert "<iframe" in text
    launches = sandbox.site().grants._launches
    newest = list(launches.values())[-1][0]
    assert newest.app_context == '{"card":"5e0a"}'


def test_card_of_one_patient_opens_no_launch_of_another(sandbox, service) -> None:
    page(sandbox, "/patients/p0417")
    page(sandbox, f"/patients/p0533/self-help?card={CARD['uuid']}")
    newest = list(sandbox.site().grants._launches.values())[-1][0]
    assert newest.app_context == ""


def test_card_turned_down_is_told_with_its_reason(sandbox, service) -> None:
    page(sandbox, "/patients/p0417")
    address = f"{sandbox.url}/patients/p0417/cards/{CARD['uuid']}"
    form = {"reason": "patient-refuses", "comment": "Not now"}
    answer = requests.post(address, data=form, timeout=10, allow_redirects=False)
    assert answer.status_code == 303
    path, body, _ = service.asked[-1]
    assert path == "/cds-services/patient-view/feedback"
    (told,) = body["feedback"]
    assert told["card"] == CARD["uuid"]
    assert told["outcome"] == "overridden"
    assert told["overrideReason"]["reason"]["code"] == "patient-refuses"
    assert told["overrideReason"]["userComment"] == "Not now"


def test_unknown_card_cannot_be_turned_down(sandbox, service) -> None:
    address = f"{sandbox.url}/patients/p0417/cards/nothing"
    assert requests.post(address, timeout=10).status_code == 404
    assert service.asked == []


@pytest.mark.parametrize(
    ("status", "cards"),
    [
        pytest.param(500, [], id="failing"),
        pytest.param(412, [], id="412"),
        pytest.param(200, [], id="no-cards"),
    ],
)
def test_chart_opens_without_cards_where_there_are_none(
    sandbox, service, status, cards
) -> None:
    service.status, service.cards = status, cards
    sandbox.sandbox.cds._services.clear()
    answer = page(sandbox, "/patients/p0417")
    assert answer.status_code == 200
    assert 'class="card cds' not in answer.text
    assert "form-action 'none'" in answer.headers["content-security-policy"]


def test_app_without_cds_is_not_called(sandbox, service) -> None:
    sandbox.sandbox.clients._kept.clear()
    sandbox.register_client(service.url)
    page(sandbox, "/patients/p0417")
    assert service.asked == []


@pytest.mark.parametrize(
    ("detail", "pieces"),
    [
        pytest.param("plain", [Piece("plain")], id="plain"),
        pytest.param("**a** b", [Piece("a", bold=True), Piece(" b")], id="bold"),
        pytest.param(r"\*a\* \[x\](y)", [Piece("*a* [x](y)")], id="escaped"),
        pytest.param("a ** b", [Piece("a "), Piece("*"), Piece("* b")], id="open"),
        pytest.param("&lt;b&gt; &amp;amp;", [Piece("<b> &amp;")], id="entities"),
    ],
)
def test_markdown_of_a_card_is_read(detail, pieces) -> None:
    (block,) = blocks(detail)
    assert list(block.lines[0]) == pieces
