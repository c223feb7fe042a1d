"""The JSON interface, in the shapes that are fixed for others."""

from typing import Any

import pytest

OURS = {"origin": "https://app.test"}
FIELDS = {"id", "status", "signed_at", "choices", "resources", "outcomes"}

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow


def decision(installed: Any, **changed: Any) -> dict[str, Any]:
    patient = installed.sandbox.patient_id("alcohol")
    return {
        "choices": [{"program": "aa", "meeting": None}],
        "note": "Agreed to try a group.",
        "patient": patient,
        "acknowledged": [],
        "agreement": "named",
    } | changed


def post(installed: Any, path: str, body: Any, key: str | None = "key-1") -> Any:
    headers = OURS | ({"idempotency-key": key} if key else {})
    return installed.client.post(f"{path}api/referrals", json=body, headers=headers)


def test_recommendation_has_the_fixed_shape(installed: Any) -> None:
    path = installed.launch()
    body = installed.client.get(f"{path}api/recommendation").json()
    assert set(body) == {
        "knowledge_version",
        "patient",
        "needs",
        "warnings",
        "programs",
        "offered",
        "single_sessions",
        "removed",
        "unmapped",
        "notes",
        "plan",
        "unreadable",
        "could_not_check",
    }
    assert body["patient"] == {"age": 46, "gender": "male"}


def test_referral_is_signed_once_for_one_key(installed: Any) -> None:
    path = installed.launch()
    body = decision(installed)
    first = post(installed, path, body)
    assert first.status_code == 201, first.text
    assert first.json()["status"] == "waiting"
    again = post(installed, path, body)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = post(installed, path, body | {"note": "Another."})
    assert other.status_code == 409
    assert post(installed, path, body, key=None).status_code == 400


def test_referrals_are_listed_with_their_resources(installed: Any) -> None:
    path = installed.launch()
    made = post(installed, path, decision(installed)).json()
    installed.write_everything()
    listed = installed.client.get(f"{path}api/referrals").json()
    assert [one["id"] for one in listed] == [made["id"]]
    assert set(listed[0]) == FIELDS
    assert listed[0]["status"] == "written"
    one = installed.client.get(f"{path}api/referrals/{made['id']}").json()
    assert one == listed[0]
    kinds = [resource["type"] for resource in one["resources"]]
    assert kinds == ["ServiceRequest", "DocumentReference", "Provenance"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        pytest.param({"agreement": None}, 422, id="no-agreement"),
        pytest.param({"choices": []}, 422, id="no-choice"),
        pytest.param({"note": ""}, 422, id="no-note"),
        pytest.param({"patient": "someone-else"}, 409, id="P03"),
        pytest.param({"more": 1}, 422, id="unknown-key"),
    ],
)
def test_incomplete_decision_is_refused(
    installed: Any, changed: dict[str, Any], status: int
) -> None:
    path = installed.launch()
    answer = post(installed, path, decision(installed, **changed))
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]
    assert installed.client.get(f"{path}api/referrals").json() == []


def test_red_warning_without_text_is_422_with_the_reason(installed: Any) -> None:
    path = installed.launch("gambling")
    patient = installed.sandbox.patient_id("gambling")
    choices = [{"program": "ga", "meeting": None}]
    body = decision(installed, patient=patient, choices=choices)
    answer = post(installed, path, body)
    assert answer.status_code == 422
    assert "S1" in answer.json()["message"]
    done = {"id": "S1", "text": "Assessed.", "follow_up": None}
    answer = post(installed, path, body | {"acknowledged": [done]})
    assert answer.status_code == 422
    done["follow_up"] = "2999-01-05"
    answer = post(installed, path, body | {"acknowledged": [done]})
    assert answer.status_code == 201, answer.text


def test_outcome_is_recorded_and_listed(installed: Any) -> None:
    path = installed.launch()
    made = post(installed, path, decision(installed)).json()
    told = {
        "attended": "yes",
        "times": 3,
        "would_return": True,
        "involvement": ["sponsor"],
        "reason": None,
    }
    answer = installed.client.post(
        f"{path}api/referrals/{made['id']}/outcomes", json=told, headers=OURS
    )
    assert answer.status_code == 201, answer.text
    one = installed.client.get(f"{path}api/referrals/{made['id']}").json()
    assert one["outcomes"][0]["times"] == 3


def test_another_patients_referral_is_404(installed: Any) -> None:
    first = installed.launch("alcohol")
    made = post(installed, first, decision(installed)).json()
    second = installed.launch("opioid")
    answer = installed.client.get(f"{second}api/referrals/{made['id']}")
    assert answer.status_code == 404


def test_decision_is_recorded_and_writes_nothing(installed: Any) -> None:
    path = installed.launch()
    answer = installed.client.post(
        f"{path}api/decisions",
        json={"decision": "handout_only", "reason": None},
        headers=OURS,
    )
    assert answer.status_code == 201, answer.text
    installed.write_everything()
    assert installed.sandbox.resources("ServiceRequest", "alcohol") == []
    assert len(installed.events("referral.handout")) == 1


def test_openapi_names_every_route_of_the_interface(installed: Any) -> None:
    paths = installed.app.openapi()["paths"]
    root = "/launches/{launch_id}/api"
    assert {p for p in paths if p.startswith(root)} == {
        f"{root}/recommendation",
        f"{root}/referrals",
        f"{root}/referrals/{{referral_id}}",
        f"{root}/referrals/{{referral_id}}/cancel",
        f"{root}/referrals/{{referral_id}}/discontinued",
        f"{root}/referrals/{{referral_id}}/outcomes",
        f"{root}/decisions",
    }
    body = paths[f"{root}/referrals"]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["required"]


@pytest.mark.parametrize(
    ("note", "status"),
    [
        pytest.param("A support group was discussed.", 201, id="neutral"),
        pytest.param("Goes to Alcoholics Anonymous.", 422, id="R4-programme"),
        pytest.param("For F10.20, a support group.", 422, id="R4-reason"),
    ],
)
def test_R4_unnamed_note_names_nothing(installed: Any, note: str, status: int) -> None:
    path = installed.launch()
    body = decision(installed, agreement="unnamed", note=note)
    answer = post(installed, path, body)
    assert answer.status_code == status, answer.text
    assert "F10" not in answer.text
