"""What comes along with a call: used alone, checked, and never another patient's."""

import copy

import orjson
import pytest

from plugin.cds_hooks.call import call_of
from plugin.cds_hooks.services import SERVICES
from tests.cds_hooks.conftest import DROPPED, bundle


def fhir_calls(sandboxes) -> list:
    return [
        call
        for sandbox in sandboxes
        for kind in ("read", "search", "metadata", "discovery")
        for call in sandbox.counts.calls(kind)
    ]


def test_C11_prefetch_is_enough_and_the_ehr_is_not_asked(ehr, sandboxes) -> None:
    access = {
        "access_token": "secret",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.rs",
    }
    (card,) = ehr.cards(fhirAuthorization=access)
    assert card["indicator"] == "info"
    assert fhir_calls(sandboxes) == []


def test_C07_prefetch_of_another_patient_gets_no_card(ehr) -> None:
    body = ehr.body("alcohol", prefetch=ehr.prefetch("opioid"))
    answer = ehr.post("/cds-services/patient-view", body)
    assert answer.json() == {"cards": []}
    (told,) = ehr.events("security.rejected")
    assert told["detail"]["reason"] == "prefetch of another patient"
    assert told["detail"]["entries"] > 1


@pytest.mark.parametrize("key", ["conditions", "observations", "medications"])
def test_C07_one_part_of_another_patient_gets_no_card(ehr, key) -> None:
    sent = ehr.prefetch("alcohol") | {key: ehr.prefetch("depression")[key]}
    assert ehr.cards(prefetch=sent) == []
    assert len(ehr.events("security.rejected")) == 1


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param({"reference": "Patient/somebody-else"}, id="relative"),
        pytest.param({"reference": "https://a.example/r4/Patient/x"}, id="absolute"),
    ],
)
def test_C07_one_entry_of_another_patient_gets_no_card(ehr, subject) -> None:
    sent = ehr.prefetch("alcohol")
    stray = copy.deepcopy(sent["conditions"]["entry"][0])
    stray["resource"] |= {"id": "stray", "subject": subject}
    sent["conditions"]["entry"].append(stray)
    assert ehr.cards(prefetch=sent) == []


def test_C07_draft_order_for_another_patient_gets_no_card(ehr) -> None:
    order = {
        "resourceType": "ServiceRequest",
        "id": "o",
        "status": "draft",
        "intent": "order",
        "code": {"coding": [{"code": "711281004"}]},
        "subject": {"reference": "Patient/somebody-else"},
    }
    context = {"draftOrders": bundle([order])}
    assert ehr.cards("alcohol", "order-sign", context=context) == []
    assert len(ehr.events("security.rejected")) == 1


def test_entry_that_names_nobody_is_not_used(ehr) -> None:
    sent = ehr.prefetch("alcohol")
    for entry in sent["conditions"]["entry"]:
        entry["resource"] = {**entry["resource"]}
        del entry["resource"]["subject"]
    assert ehr.cards(prefetch=sent) == []
    assert ehr.events("security.rejected") == []


OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception"}],
}


@pytest.mark.parametrize(
    "prefetch",
    [
        pytest.param(DROPPED, id="missing"),
        pytest.param(None, id="null"),
        pytest.param({}, id="empty"),
        pytest.param({"somethingElse": {}}, id="another-key"),
    ],
)
def test_C08_without_prefetch_and_access_it_is_412(ehr, prefetch) -> None:
    answer = ehr.call(prefetch=prefetch)
    assert answer.status_code == 412
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("key", ["patient", "conditions"])
def test_C08_needed_key_that_is_missing_is_412(ehr, key) -> None:
    sent = ehr.prefetch("alcohol")
    del sent[key]
    assert ehr.call(prefetch=sent).status_code == 412


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"patient": None}, id="patient-null"),
        pytest.param({"patient": OUTCOME}, id="patient-outcome"),
        pytest.param({"patient": "text"}, id="patient-text"),
        pytest.param({"conditions": OUTCOME}, id="conditions-outcome"),
        pytest.param({"conditions": 7}, id="conditions-number"),
        pytest.param({"conditions": {"resourceType": "Bundle", "entry": {}}}, id="odd"),
        pytest.param({"conditions": None}, id="conditions-null"),
        pytest.param({"conditions": bundle([])}, id="no-conditions"),
    ],
)
def test_C08_needed_part_that_the_ehr_could_not_give_is_no_card(ehr, changed) -> None:
    answer = ehr.call("anxiety", prefetch=ehr.prefetch("anxiety") | changed)
    assert answer.status_code == 200
    assert answer.json() == {"cards": []}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("observations", OUTCOME, id="outcome"),
        pytest.param("observations", {"resourceType": "Patient"}, id="another-type"),
        pytest.param("medications", "text", id="text"),
    ],
)
def test_C08_part_that_could_not_be_read_is_said_on_the_card(ehr, key, value) -> None:
    (card,) = ehr.cards(prefetch=ehr.prefetch("alcohol") | {key: value})
    kind = "Observation" if key == "observations" else "MedicationRequest"
    assert f"Could not check: {kind}." in card["detail"]


def test_part_with_further_pages_is_said_on_the_card(ehr) -> None:
    sent = ehr.prefetch("alcohol")
    sent["observations"]["link"] = [{"relation": "next", "url": "https://x.example"}]
    (card,) = ehr.cards(prefetch=sent)
    assert "Could not check: Observation." in card["detail"]


def test_C08_ten_megabytes_of_prefetch_are_not_looked_at(ehr) -> None:
    """As if none had come: 412, or read where the call may."""
    body = ehr.body()
    service, kind = SERVICES["patient-view"], "application/json"
    assert call_of(service, kind, orjson.dumps(body)).prefetch is not None
    once = len(orjson.dumps(body["prefetch"]["conditions"]))
    body["prefetch"]["conditions"]["entry"] *= 10 * 2**20 // once
    assert call_of(service, kind, orjson.dumps(body)).prefetch is None


def test_bad_entries_do_not_hide_the_good_ones(ehr) -> None:
    sent = ehr.prefetch("alcohol")
    sent["conditions"]["entry"] += [None, 7, {}, {"resource": 1}, {"resource": {}}]
    assert len(ehr.cards(prefetch=sent)) == 1


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"deceasedBoolean": True}, id="died"),
        pytest.param({"active": False}, id="inactive"),
        pytest.param(
            {"link": [{"type": "replaced-by", "other": {"reference": "Patient/2"}}]},
            id="merged",
        ),
    ],
)
def test_record_that_is_closed_gets_no_card(ehr, changed) -> None:
    sent = ehr.prefetch("alcohol")
    sent["patient"] = sent["patient"] | changed
    assert ehr.cards(prefetch=sent) == []
