"""A referral is taken back on its page (clinical review R11)."""

from typing import Any

import pytest

OURS = {"origin": "https://app.test", "idempotency-key": "k"}

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow


def signed(installed: Any) -> tuple[str, str, str]:
    """Gives the launch's path, the referral's page and the patient's id."""
    path = installed.launch()
    patient = installed.sandbox.patient_id("alcohol")
    answer = installed.client.post(
        f"{path}api/referrals",
        json={
            "choices": [{"program": "aa", "meeting": None}],
            "note": "Agreed to try a group.",
            "patient": patient,
            "acknowledged": [],
            "agreement": "named",
        },
        headers=OURS,
    )
    assert answer.status_code == 201, answer.text
    return path, f"{path}referrals/{answer.json()['id']}", patient


def test_R11_written_referral_is_cancelled_and_its_end_confirmed(
    installed: Any,
) -> None:
    path, page, patient = signed(installed)
    installed.write_everything()
    fields = [("patient", patient), ("reason", "signed_in_error")]
    assert installed.post(f"{page}/cancel", fields).status_code == 303
    shown = installed.client.get(page).text
    assert "still active in the EHR" in shown
    assert "Cancel the referral" not in shown
    assert installed.post(
        f"{page}/discontinued", [("patient", patient)]
    ).status_code == (303)
    assert "Signed, and cancelled since." in installed.client.get(page).text
    (listed,) = installed.client.get(f"{path}api/referrals").json()
    assert listed["status"] == "cancelled"
    assert len(installed.sandbox.counts.writes("ServiceRequest")) == 1


def test_R11_referral_that_waits_is_cancelled_and_never_sent(installed: Any) -> None:
    _, page, patient = signed(installed)
    assert "Cancel the referral" in installed.client.get(page).text
    fields = [("patient", patient), ("reason", "patient_declined")]
    assert installed.post(f"{page}/cancel", fields).status_code == 303
    installed.write_everything()
    assert installed.sandbox.counts.writes() == []


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        pytest.param({"reason": ""}, 422, id="no-reason"),
        pytest.param({"patient": "someone-else"}, 409, id="P03"),
    ],
)
def test_cancelling_is_refused(
    installed: Any, changed: dict[str, str], status: int
) -> None:
    _, page, patient = signed(installed)
    fields = {"patient": patient, "reason": "other"} | changed
    assert installed.post(f"{page}/cancel", list(fields.items())).status_code == status
    again = installed.post(f"{page}/discontinued", [("patient", patient)])
    assert again.status_code == 409


@pytest.fixture
def cancelling(make_installed: Any) -> Any:
    """At a site that lets the app revoke its own orders."""
    return make_installed(cancel_orders=True)


@pytest.mark.parametrize(
    ("reason", "status", "notes"),
    [
        pytest.param("patient_declined", "revoked", 1, id="cancelled"),
        pytest.param("signed_in_error", "entered-in-error", 2, id="in-error"),
    ],
)
def test_R11_site_that_lets_the_app_revoke_orders_needs_no_hand(
    cancelling: Any, reason: str, status: str, notes: int
) -> None:
    path, page, patient = signed(cancelling)
    cancelling.write_everything()
    before = cancelling.client.get(page).text
    assert "The order in the EHR is revoked." in before
    assert "this note replaces the first one" in before
    referral = page.rsplit("/", 1)[1]
    answer = cancelling.client.post(
        f"{path}api/referrals/{referral}/cancel",
        json={"reason": reason, "patient": patient},
        headers=OURS,
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "waiting")
    assert "The EHR is being told." in cancelling.client.get(page).text
    cancelling.write_everything()
    (order,) = cancelling.sandbox.resources("ServiceRequest", "alcohol")
    assert (order["status"], order["meta"]["versionId"]) == (status, "2")
    kept = cancelling.sandbox.resources("DocumentReference", "alcohol")
    assert len([one for one in kept if "/referrals" in str(one)]) == notes
    (listed,) = cancelling.client.get(f"{path}api/referrals").json()
    assert listed["status"] == "cancelled"
    assert len(cancelling.sandbox.counts.writes("ServiceRequest")) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"reason": "other"}, 422, id="no-patient"),
        pytest.param({"reason": "why", "patient": ""}, 422, id="no-such-reason"),
        pytest.param({"reason": "other", "patient": "else"}, 409, id="P03"),
    ],
)
def test_cancelling_by_the_api_is_as_strict(
    installed: Any, body: dict[str, str], status: int
) -> None:
    path, page, patient = signed(installed)
    if body.get("patient") == "":
        body = body | {"patient": patient}
    api = f"{path}api/referrals/{page.rsplit('/', 1)[1]}"
    assert (
        installed.client.post(f"{api}/cancel", json=body, headers=OURS).status_code
        == status
    )
    confirmed = installed.client.post(
        f"{api}/discontinued", json={"patient": patient}, headers=OURS
    )
    assert confirmed.status_code == 409
