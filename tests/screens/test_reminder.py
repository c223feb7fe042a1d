"""The reminder of a referral, from signing to what the patient told."""

from typing import Any

import pytest

OURS = {"origin": "https://app.test", "idempotency-key": "k"}

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow


def signed(app: Any) -> tuple[str, str]:
    path = app.launch()
    answer = app.client.post(
        f"{path}api/referrals",
        json={
            "choices": [{"program": "aa", "meeting": None}],
            "note": "Agreed to try a group.",
            "patient": app.sandbox.patient_id("alcohol"),
            "acknowledged": [],
            "agreement": "named",
        },
        headers=OURS,
    )
    assert answer.status_code == 201, answer.text
    app.write_everything()
    return path, f"{path}api/referrals/{answer.json()['id']}"


def test_reminder_is_written_and_told_where_the_site_wants_it(
    make_installed: Any,
) -> None:
    app = make_installed(write_tasks=True)
    path, referral = signed(app)
    (reminder,) = app.sandbox.resources("Task", "alcohol")
    (order,) = app.sandbox.resources("ServiceRequest", "alcohol")
    assert reminder["focus"]["reference"] == f"ServiceRequest/{order['id']}"
    shown = app.client.get(f"{path}referrals").text
    assert "told to the reminder in the EHR" in shown
    told = {"attended": "yes", "times": 3}
    answer = app.client.post(f"{referral}/outcomes", json=told, headers=OURS)
    assert answer.status_code == 201, answer.text
    app.write_everything()
    (reminder,) = app.sandbox.resources("Task", "alcohol")
    assert reminder["status"] == "completed"
    assert [one.get("valueInteger") for one in reminder["output"]] == [None, 3]
    assert app.client.get(referral).json()["status"] == "written"


def test_without_the_setting_the_page_says_that_the_ehr_is_not_told(
    installed: Any,
) -> None:
    path, _ = signed(installed)
    assert installed.sandbox.resources("Task", "alcohol") == []
    assert "the EHR is not told" in installed.client.get(f"{path}referrals").text
