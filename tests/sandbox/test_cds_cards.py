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
        {"hook": "encounter-discharge", "id": "leaving"},
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


ORDER = "/patients/p0417/order"
SUGGESTED = {
    "resourceType": "ServiceRequest",
    "identifier": [{"system": "https://app.example/referrals", "value": "r-1.1"}],
    "status": "active",
    "subject": {"reference": "Patient/p0417"},
    "code": {"text": "Signed in the app"},
}
COMPLETING = CARD | {
    "suggestions": [
        {
            "uuid": "s-1",
            "label": "Use the signed one",
            "actions": [{"type": "create", "description": "d", "resource": SUGGESTED}],
        }
    ]
}


def post(sandbox: RunningSandbox, path: str, **form: str) -> requests.Response:
    return requests.post(f"{sandbox.url}{path}", data=form, timeout=10)


def test_order_is_shown_to_the_service_before_it_is_signed(sandbox, service) -> None:
    before = len(sandbox.resources("MedicationRequest", "alcohol"))
    shown = post(sandbox, ORDER, order="acamprosate")
    assert "Groups fit &lt;b&gt;this&lt;/b&gt; patient." in shown.text
    assert "Not signed yet: acamprosate" in shown.text
    assert "form-action 'self'" in shown.headers["content-security-policy"]
    ((path, body, _),) = service.asked
    assert (path, body["hook"]) == ("/cds-services/order-sign", "order-sign")
    (entry,) = body["context"]["draftOrders"]["entry"]
    assert entry["resource"]["status"] == "draft"
    assert entry["resource"]["subject"] == {"reference": "Patient/p0417"}
    assert len(sandbox.resources("MedicationRequest", "alcohol")) == before
    post(sandbox, ORDER, order="acamprosate", anyway="yes")
    kept = sandbox.resources("MedicationRequest", "alcohol")
    assert len(kept) == before + 1
    assert kept[-1]["status"] == "active"
    assert len(service.asked) == 1


def test_order_of_which_nothing_is_to_say_is_signed_at_once(sandbox, service) -> None:
    service.cards = []
    before = len(sandbox.resources("MedicationRequest", "alcohol"))
    assert post(sandbox, ORDER, order="amoxicillin").status_code == 200
    assert len(sandbox.resources("MedicationRequest", "alcohol")) == before + 1
    assert post(sandbox, ORDER, order="nothing").status_code == 404


def test_suggestion_is_filed_once_and_the_service_told(sandbox, service) -> None:
    service.cards = [COMPLETING]
    before = len(sandbox.resources("ServiceRequest", "alcohol"))
    assert "Use the signed one" in post(sandbox, ORDER, order="support-group").text
    use = f"/patients/p0417/cards/{CARD['uuid']}/use"
    assert post(sandbox, use, suggestion="s-2").status_code == 404
    for _ in range(2):
        post(sandbox, ORDER, order="support-group")
        assert "Signed in the app" in post(sandbox, use, suggestion="s-1").text
    assert len(sandbox.resources("ServiceRequest", "alcohol")) == before + 1
    path, body, _ = service.asked[-1]
    assert path == "/cds-services/order-sign/feedback"
    (told,) = body["feedback"]
    assert told["outcome"] == "accepted"
    assert told["acceptedSuggestions"] == [{"id": "s-1"}]


def test_discharge_asks_what_is_left_to_say(sandbox, service) -> None:
    shown = post(sandbox, "/patients/p0417/discharge")
    assert "Groups fit &lt;b&gt;this&lt;/b&gt; patient." in shown.text
    ((path, body, _),) = service.asked
    assert (path, body["hook"]) == ("/cds-services/leaving", "encounter-discharge")
    assert body["context"]["encounterId"]
    service.cards = []
    assert "Nothing is left" in post(sandbox, "/patients/p0417/discharge").text


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
