"""What is asked: a call in the form of its hook is answered, every other one is 400."""

import re
import uuid

import pytest

from tests.cds_hooks.conftest import DROPPED, USER, bundle

DISCHARGE, SIGN = "encounter-discharge", "order-sign"


def test_discovery_lists_the_services_and_what_they_ask_for(ehr) -> None:
    answer = ehr.client.get("/cds-services")
    assert answer.status_code == 200
    services = {one["id"]: one for one in answer.json()["services"]}
    assert set(services) == {"patient-view", "order-sign", "encounter-discharge"}
    for one in services.values():
        assert one["hook"] == one["id"]
        assert one["title"]
        assert one["description"]
        assert {"patient", "conditions"} <= set(one["prefetch"])


def test_prefetch_templates_need_plain_tokens_alone(ehr) -> None:
    known = {
        "context.patientId",
        "context.encounterId",
        "userPractitionerId",
    }
    services = ehr.client.get("/cds-services").json()["services"]
    for template in (t for one in services for t in one["prefetch"].values()):
        assert set(re.findall(r"{{(.*?)}}", template)) <= known
        assert re.fullmatch(r"[A-Z][A-Za-z]+[/?][^ ]+", template)


@pytest.mark.parametrize(
    ("hook", "changed"),
    [
        pytest.param("patient-view", {"hook": "order-sign"}, id="C10-hook-mismatch"),
        pytest.param("patient-view", {"hook": DROPPED}, id="no-hook"),
        pytest.param("patient-view", {"hookInstance": 7}, id="C10-instance-number"),
        pytest.param("patient-view", {"hookInstance": "7"}, id="C10-instance-no-uuid"),
        pytest.param(
            "patient-view",
            {"hookInstance": str(uuid.uuid4()) + "\n"},
            id="C10-instance-with-a-line-end",
        ),
        pytest.param("patient-view", {"hookInstance": DROPPED}, id="no-instance"),
        pytest.param("patient-view", {"context": {"userId": ""}}, id="no-user"),
        pytest.param("patient-view", {"context": {"userId": "1"}}, id="user-bare-id"),
        pytest.param(
            "patient-view",
            {"context": {"userId": "Practitioner/1' OR '1'='1"}},
            id="C10-user-sql",
        ),
        pytest.param(
            "patient-view",
            {"context": {"userId": "Practitioner/../Patient"}},
            id="C10-user-path",
        ),
        pytest.param(
            "patient-view",
            {"context": {"userId": "Practitioner/<script>"}},
            id="C10-user-markup",
        ),
        pytest.param(
            "patient-view",
            {"context": {"userId": "Device/1"}},
            id="C10-user-is-a-device",
        ),
        pytest.param(
            SIGN, {"context": {"userId": "Patient/1"}}, id="patient-signs-orders"
        ),
        pytest.param("patient-view", {"context": {"patientId": ""}}, id="no-patient"),
        pytest.param(
            "patient-view", {"context": {"patientId": "a/b"}}, id="patient-with-a-path"
        ),
        pytest.param(
            "patient-view", {"context": {"patientId": ".."}}, id="patient-dots"
        ),
        pytest.param(
            "patient-view", {"context": {"patientId": ["a"]}}, id="patient-list"
        ),
        pytest.param(
            DISCHARGE, {"context": {"encounterId": None}}, id="discharge-of-no-visit"
        ),
        pytest.param(
            DISCHARGE, {"context": {"encounterId": "a b"}}, id="encounter-with-a-blank"
        ),
        pytest.param(SIGN, {"context": {"draftOrders": None}}, id="no-orders"),
        pytest.param(SIGN, {"context": {"draftOrders": []}}, id="orders-list"),
        pytest.param(
            SIGN,
            {"context": {"draftOrders": {"resourceType": "Patient"}}},
            id="orders-no-bundle",
        ),
        pytest.param(
            SIGN,
            {"context": {"draftOrders": {"resourceType": "Bundle", "entry": 1}}},
            id="orders-no-entries",
        ),
        pytest.param("patient-view", {"fhirServer": 7}, id="server-number"),
        pytest.param("patient-view", {"prefetch": []}, id="prefetch-list"),
        pytest.param(
            "patient-view", {"fhirAuthorization": "x"}, id="authorization-text"
        ),
        pytest.param(
            "patient-view",
            {"fhirAuthorization": {"access_token": "x"}},
            id="authorization-without-its-type",
        ),
        pytest.param(
            "patient-view",
            {
                "fhirAuthorization": {
                    "access_token": "a\r\nHost: evil",
                    "token_type": "Bearer",
                    "scope": "",
                }
            },
            id="authorization-with-a-header",
        ),
        pytest.param(
            "patient-view",
            {
                "fhirAuthorization": {
                    "access_token": "a",
                    "token_type": "Bearer",
                    "scope": "",
                    "patient": "another",
                }
            },
            id="authorization-for-another-patient",
        ),
        pytest.param(
            "patient-view",
            {
                "fhirServer": DROPPED,
                "fhirAuthorization": {
                    "access_token": "a",
                    "token_type": "Bearer",
                    "scope": "",
                },
            },
            id="authorization-without-a-server",
        ),
    ],
)
def test_call_out_of_form_is_400(ehr, hook, changed) -> None:
    answer = ehr.call("alcohol", hook, **changed)
    assert answer.status_code == 400, answer.text
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert len(outcome["issue"]) == 1
    assert ehr.events("cds.called") == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"a":NaN}', b"[" * 5000],
)
def test_body_that_is_no_json_object_is_400(ehr, body) -> None:
    assert ehr.post("/cds-services/patient-view", body).status_code == 400


def test_context_that_is_no_object_is_400(ehr) -> None:
    body = ehr.body() | {"context": "alcohol"}
    assert ehr.post("/cds-services/patient-view", body).status_code == 400


def test_body_that_is_not_declared_as_json_is_415(ehr) -> None:
    path = "/cds-services/patient-view"
    headers = {"authorization": f"Bearer {ehr.token(path)}"}
    answer = ehr.client.post(path, content=b"{}", headers=headers)
    assert answer.status_code == 415


def test_T08_endless_body_is_413(ehr) -> None:
    path = "/cds-services/patient-view"
    answer = ehr.post(path, b" " * (16 * 2**20 + 1))
    assert answer.status_code == 413
    assert answer.json()["issue"][0]["code"] == "too-long"


@pytest.mark.parametrize("path", ["nothing-here", "Patient-View", "rules"])
def test_unknown_service_is_404(ehr, path) -> None:
    answer = ehr.post(f"/cds-services/{path}", ehr.body())
    assert answer.status_code == 404


def test_service_answers_to_post_alone(ehr) -> None:
    assert ehr.client.get("/cds-services/patient-view").status_code == 405


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"hookVersion": "2.0"}, id="hookVersion"),
        pytest.param({"hookVersion": DROPPED}, id="no-hookVersion"),
        pytest.param({"extension": {"com.example.a": 1}}, id="extension"),
        pytest.param({"somethingNew": [1]}, id="unknown-member"),
        pytest.param({"fhirServer": DROPPED}, id="no-fhirServer"),
        pytest.param({"context": {"encounterId": None}}, id="encounter-null"),
        pytest.param({"context": {"userId": "PractitionerRole/1"}}, id="role"),
    ],
)
def test_call_in_form_is_answered_with_a_card(ehr, changed) -> None:
    assert len(ehr.cards(**changed)) == 1


def test_patients_get_no_card(ehr) -> None:
    assert ehr.cards(context={"userId": "Patient/1"}) == []


def test_discharge_has_words_of_its_own(ehr) -> None:
    (card,) = ehr.cards("alcohol", "encounter-discharge")
    assert card["summary"].startswith("Before discharge")


def test_every_call_leaves_one_line_in_the_trail(ehr) -> None:
    (card,) = ehr.cards()
    assert ehr.cards("no-conditions") == []
    first, second = ehr.events("cds.called")
    assert first["actor"] == USER
    assert first["outcome"] == "cards"
    assert [one["card"] for one in first["detail"]["cards"]] == [card["uuid"]]
    assert first["detail"]["source"] == "prefetch"
    assert first["detail"]["versions"]
    assert second["outcome"] == "none"


def test_orders_without_a_bearing_on_groups_are_passed_by(ehr) -> None:
    drafts = bundle([{"resourceType": "DeviceRequest", "id": "d"}])
    context = {"draftOrders": drafts}
    assert ehr.cards("alcohol", SIGN, context=context, prefetch=DROPPED) == []
