"""Without prefetch the chart is read with the call's own token, within its time."""

import io
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from deploy.sandbox.grants import Grant
from plugin import logs
from tests.cds_hooks.conftest import DROPPED, bundle

SCOPE = "patient/*.rs"


def access(ehr, patient: str = "alcohol", scope: str = SCOPE) -> dict:
    """What an EHR sends along: a token for this call, this user and this patient."""
    site = ehr.sandbox.site(ehr.flavour)
    grant = Grant("selfhelp", scope, site.launch_for(patient))
    issued = site.grants._issue(grant, refreshable=False)
    return {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": scope,
        "subject": "selfhelp",
        "patient": ehr.sandbox.patient_id(patient),
    }


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.send_to(stream, level=logging.DEBUG)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def test_C08_chart_is_read_where_nothing_came_along(ehr) -> None:
    (card,) = ehr.cards(prefetch=DROPPED, fhirAuthorization=access(ehr))
    assert "F10.20" in card["detail"]
    assert ehr.events("cds.called")[0]["detail"]["source"] == "fhir"


def test_C08_chart_is_read_where_a_part_is_missing(ehr, sandboxes) -> None:
    sent = ehr.prefetch("alcohol")
    del sent["observations"]
    (card,) = ehr.cards(prefetch=sent, fhirAuthorization=access(ehr))
    assert "Could not check" not in card["detail"]
    assert sandboxes[0].counts.calls("search")


def test_missing_visit_alone_is_not_read(ehr, sandboxes) -> None:
    sent = ehr.prefetch("alcohol")
    ehr.cards(
        "alcohol", "encounter-discharge", prefetch=sent, fhirAuthorization=access(ehr)
    )
    assert not sandboxes[0].counts.calls("search")


def test_C08_what_the_ehr_said_it_cannot_give_is_not_asked_for(ehr, sandboxes) -> None:
    sent = ehr.prefetch("alcohol") | {
        "conditions": {"resourceType": "OperationOutcome", "issue": []}
    }
    assert ehr.cards(prefetch=sent, fhirAuthorization=access(ehr)) == []
    assert not sandboxes[0].counts.calls("search")


def test_what_came_along_serves_where_reading_fails(ehr, sandboxes) -> None:
    given = access(ehr)
    sandboxes[0].faults.add("status", on="fhir", code=500)
    sent = ehr.prefetch("alcohol")
    del sent["observations"]
    (card,) = ehr.cards(prefetch=sent, fhirAuthorization=given)
    assert "Could not check: Observation." in card["detail"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"effect": "status", "code": 500}, id="500"),
        pytest.param({"effect": "status", "code": 401}, id="401"),
        pytest.param({"effect": "status", "code": 403}, id="403"),
        pytest.param({"effect": "body", "text": "<html>"}, id="html"),
        pytest.param({"effect": "drop_before"}, id="dropped"),
    ],
)
def test_server_that_cannot_be_read_is_412(ehr, sandboxes, fault) -> None:
    given = access(ehr)
    sandboxes[0].faults.add(fault.pop("effect"), on="read", **fault)
    answer = ehr.call(prefetch=DROPPED, fhirAuthorization=given)
    assert answer.status_code == 412


def test_server_is_not_followed_to_another_place(ehr, sandboxes) -> None:
    ours, evil = sandboxes
    given = access(ehr)
    ours.faults.add("redirect", on="read", location=f"{evil.url}/r4/Patient/x")
    assert ehr.call(prefetch=DROPPED, fhirAuthorization=given).status_code == 412
    assert not evil.counts.calls()


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"effect": "delay", "seconds": 8}, id="slow"),
        pytest.param({"effect": "hang", "seconds": 8}, id="hanging"),
        pytest.param({"effect": "drip", "seconds": 0.2}, id="dripping"),
    ],
)
def test_C11_slow_server_does_not_keep_the_clinician_waiting(
    install, sandboxes, fault
) -> None:
    """The answer is there before the EHR has given any."""
    ehr = install()
    given = access(ehr)
    sandboxes[0].faults.add(fault.pop("effect"), on="fhir", **fault)
    answer = ehr.call(prefetch=DROPPED, fhirAuthorization=given)
    assert answer.status_code in (412, 503)  # 503: this machine was slow as well
    if fault["seconds"] > 1:
        assert not any(call.status for call in sandboxes[0].counts.calls("read"))


@pytest.mark.slow
def test_slow_servers_do_not_hold_up_calls_that_bring_everything(
    install, sandboxes
) -> None:
    """Twenty calls that wait for the EHR, and one beside them that does not."""
    ehr = install()
    assert ehr.call().status_code == 200
    sandboxes[0].faults.add("delay", on="fhir", seconds=6)
    bodies = [
        ehr.body(prefetch=DROPPED, fhirAuthorization=access(ehr)) for _ in range(20)
    ]
    limit, pause = ehr.house.cds.slow, Event()
    with ThreadPoolExecutor(20) as at_once:
        slow = [
            at_once.submit(ehr.post, "/cds-services/patient-view", body)
            for body in bodies
        ]
        while limit.borrowed_tokens < limit.total_tokens:
            assert not all(one.done() for one in slow), "none waits for the EHR"
            pause.wait(0.01)
        quick = ehr.call("opioid")
        assert quick.status_code == 200
        answered = sandboxes[0].counts.calls("read")
        assert not any(call.status for call in answered), "all of them wait still"
        assert {one.result().status_code for one in slow} <= {412, 503}


def test_C09_token_of_a_call_is_nowhere_kept(ehr, lines) -> None:
    given = access(ehr)
    assert len(ehr.cards(prefetch=DROPPED, fhirAuthorization=given)) == 1
    bad = ehr.call(prefetch=DROPPED, fhirAuthorization=given | {"scope": 7})
    assert bad.status_code == 400
    token = given["access_token"]
    assert token not in lines.getvalue()
    assert token not in bad.text
    database = ehr.house.engine.url.database
    assert database
    stored = b"".join(
        file.read_bytes() for file in Path(database).parent.glob("selfhelp.db*")
    )
    assert b"cds.called" in stored
    assert token.encode() not in stored


def test_C09_caller_and_patient_are_in_no_log(ehr, lines) -> None:
    ehr.cards()
    ehr.call(fhirServer="https://evil.example/r4")
    patient = ehr.sandbox.resources("Patient", "alcohol")[0]
    logged = lines.getvalue()
    assert "cds.refused" in logged
    for canary in (patient["id"], patient["name"][0]["family"], "practitioner-1"):
        assert canary not in logged


def test_C09_token_is_used_for_its_own_call_only(ehr, sandboxes) -> None:
    given = access(ehr)
    assert len(ehr.cards(prefetch=DROPPED, fhirAuthorization=given)) == 1
    sandboxes[0].counts.clear()
    assert ehr.call(prefetch=DROPPED).status_code == 412
    assert not sandboxes[0].counts.calls("search")


def test_replayed_call_asks_the_ehr_nothing(ehr, sandboxes) -> None:
    path = "/cds-services/patient-view"
    body, token = (
        ehr.body(prefetch=DROPPED, fhirAuthorization=access(ehr)),
        ehr.token(path),
    )
    assert ehr.post(path, body, token=token).status_code == 200
    sandboxes[0].counts.clear()
    assert ehr.post(path, body, token=token).status_code == 401
    assert not sandboxes[0].counts.calls("search")


def test_scope_narrows_what_is_read_and_the_card_says_so(ehr) -> None:
    scope = "patient/Patient.rs patient/Condition.rs"
    (card,) = ehr.cards(prefetch=DROPPED, fhirAuthorization=access(ehr, scope=scope))
    assert "Observation" in card["detail"].split("Could not check:")[1]


def test_orders_without_a_bearing_on_groups_read_nothing(ehr, sandboxes) -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": "amoxicillin 500 mg"},
        "subject": {"reference": f"Patient/{ehr.sandbox.patient_id('alcohol')}"},
    }
    assert (
        ehr.cards(
            "alcohol",
            "order-sign",
            context={"draftOrders": bundle([order])},
            prefetch=DROPPED,
            fhirAuthorization=access(ehr),
        )
        == []
    )
    assert not sandboxes[0].counts.calls("search")
