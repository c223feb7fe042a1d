"""A card goes by what a terminology server says, and does not wait for it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from starlette.testclient import TestClient

from deploy.sandbox.serving import RunningSandbox
from plugin.app import create_app
from plugin.settings.shape import Terminology
from tests.cds_hooks.conftest import APP, Clock, Ehr, bundle, settings_for

pytestmark = pytest.mark.slow

UNLISTED = "10000001"
ALCOHOL = "7200002"  # alcoholism, which a need lists


class FakeTerminology:
    """Says that one code is a kind of alcoholism; not before it may answer."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked: list[str] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                constraint = parse_qs(urlsplit(self.path).query)["url"][0]
                fake.asked.append(constraint)
                fake.may_answer.wait(30)
                code = ALCOHOL if f"/>{UNLISTED}" in constraint else UNLISTED
                contains = [{"system": "http://snomed.info/sct", "code": code}]
                said = {"total": 1, "contains": contains}
                answer = orjson.dumps({"resourceType": "ValueSet", "expansion": said})
                try:
                    self.send_response(200)
                    self.send_header("content-type", "application/fhir+json")
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:  # nobody waits for it any more
                    return

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/r4"


@pytest.fixture
def terminology() -> Iterator[FakeTerminology]:
    fake = FakeTerminology()
    yield fake
    fake.may_answer.set()
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def ehr(
    terminology: FakeTerminology,
    sandboxes: tuple[RunningSandbox, RunningSandbox],
    prepared: Path,
    tmp_path: Path,
) -> Iterator[Ehr]:
    shutil.copy(prepared, tmp_path / "selfhelp.db")
    settings = settings_for(f"sqlite:///{tmp_path / 'selfhelp.db'}", *sandboxes)
    named = {"terminology": Terminology(server=terminology.address)}
    app = create_app(settings.model_copy(update=named), with_worker=False)
    with TestClient(app, base_url=APP) as client:
        yield Ehr(client, sandboxes[0], app.state.house, Clock())


def chart_of_an_unlisted_code(ehr: Ehr) -> dict:
    patient = ehr.sandbox.patient_id("alcohol")
    condition = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": f"Patient/{patient}"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": UNLISTED}]},
    }
    sent = ehr.prefetch("alcohol")
    empty = {"observations": bundle([]), "medications": bundle([])}
    return sent | empty | {"conditions": bundle([condition])}


def test_card_is_given_for_a_kind_of_what_is_listed(
    ehr: Ehr, terminology: FakeTerminology
) -> None:
    terminology.may_answer.set()
    sent = chart_of_an_unlisted_code(ehr)
    # A card does not wait for long; what was answered is known to the next call.
    card = next(card for _ in range(20) for card in ehr.cards(prefetch=sent))
    assert UNLISTED in card["detail"]
    patient = ehr.sandbox.patient_id("alcohol")
    assert not any(patient in one for one in terminology.asked)


def test_C11_card_does_not_wait_for_a_terminology_server(
    ehr: Ehr, terminology: FakeTerminology
) -> None:
    sent = ehr.prefetch("alcohol")
    extra = chart_of_an_unlisted_code(ehr)["conditions"]["entry"]
    sent["conditions"]["entry"] += extra
    (card,) = ehr.cards(prefetch=sent)
    assert "Could not check: SNOMED CT hierarchy" in card["detail"]
    assert terminology.asked, "it was asked, and has not answered yet"
