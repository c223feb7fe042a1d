"""The visit is chosen where the launch names none, and never silently."""

import html
import re
from typing import Any

import pytest

OURS = {"origin": "https://app.test", "idempotency-key": "k"}
NOTHING = "nothing will be written until the visit is chosen"

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow


def launch(app: Any, tenant: str = "epic", **given: str) -> str:
    """Open the app without a visit. Gives the path of the launch."""
    flavour = "" if tenant == "general" else tenant
    asked = {
        "iss": app.sandbox.issuer(flavour),
        "launch": app.sandbox.mint_launch(
            "alcohol", flavour, **({"encounter": ""} | given)
        ),
    }
    away = app.client.get("/launch", params=asked, follow_redirects=False)
    path: str = app.come_back(away.headers["location"])
    return path


def sign_page(app: Any, path: str) -> tuple[str, list[tuple[str, str]]]:
    """Choose a group. Gives the second page, and the fields that its posts have."""
    patient = app.sandbox.patient_id("alcohol")
    fields = [("patient", patient), ("do", "review"), ("program", "aa")]
    assert app.post(f"{path}choices", fields).status_code == 303
    page: str = app.client.get(f"{path}sign").text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    return page, [("patient", patient), ("key", key[1])]


def offered(page: str) -> list[str]:
    picker = re.search(r'<select id="encounter".*?</select>', page, re.S)
    assert picker, "there is no visit to choose"
    return re.findall(r'<option value="([^"]+)"', picker[0])


def test_visit_is_chosen_by_hand_and_the_note_is_filed_with_it(
    installed: Any,
) -> None:
    path = launch(installed)
    page, fields = sign_page(installed, path)
    assert NOTHING in page
    (visit, *_) = offered(page)
    assert not re.search(r"<option value=\"[^\"]+\" selected", page)
    chosen = [*fields, ("do", "keep"), ("encounter", visit)]
    assert installed.post(f"{path}sign", chosen).status_code == 303
    page = installed.client.get(f"{path}sign").text
    assert NOTHING not in page
    note = re.search(r'id="note"[^>]*>\n(.*?)</textarea>', page, re.S)
    assert note
    answer = installed.post(
        f"{path}sign",
        [
            *fields,
            ("do", "sign"),
            ("encounter", visit),
            ("agreement", "named"),
            ("note", html.unescape(note[1])),
        ],
    )
    assert "/referrals/" in answer.headers["location"], answer.text
    installed.write_everything()
    kept = installed.sandbox.resources("DocumentReference", "alcohol", "epic")
    ours = [one for one in kept if "/referrals" in str(one.get("identifier"))]
    assert [one["context"]["encounter"] for one in ours] == [
        [{"reference": f"Encounter/{visit}"}]
    ]


def test_visit_that_is_chosen_with_sign_is_looked_at_first(installed: Any) -> None:
    path = launch(installed)
    page, fields = sign_page(installed, path)
    answer = installed.post(
        f"{path}sign",
        [*fields, ("do", "sign"), ("encounter", offered(page)[0])],
    )
    assert answer.headers["location"] == f"{path}sign"
    assert installed.client.get(f"{path}api/referrals").json() == []


def test_P03_another_patients_visit_is_not_taken(installed: Any) -> None:
    path = launch(installed)
    _, fields = sign_page(installed, path)
    (theirs, *_) = installed.sandbox.resources("Encounter", "opioid", "epic")
    installed.post(
        f"{path}sign", [*fields, ("do", "keep"), ("encounter", theirs["id"])]
    )
    assert NOTHING in installed.client.get(f"{path}sign").text


def test_launch_from_a_visit_offers_no_other(installed: Any) -> None:
    page, _ = sign_page(installed, installed.launch(tenant="epic"))
    assert 'name="encounter"' not in page


@pytest.mark.parametrize(
    ("tenant", "encounter", "status"),
    [
        pytest.param("epic", "chosen", 201, id="chosen"),
        pytest.param("epic", None, 409, id="needed-and-none"),
        pytest.param("general", None, 201, id="not-needed"),
        pytest.param("general", "nobodys", 422, id="unknown"),
    ],
)
def test_visit_is_named_by_the_api(
    installed: Any, tenant: str, encounter: str | None, status: int
) -> None:
    path = launch(installed, tenant)
    if encounter == "chosen":
        encounter = offered(sign_page(installed, path)[0])[0]
    body = {
        "choices": [{"program": "aa", "meeting": None}],
        "note": "Agreed to try a group.",
        "patient": installed.sandbox.patient_id("alcohol"),
        "acknowledged": [],
        "agreement": "named",
        "encounter": encounter,
    }
    answer = installed.client.post(f"{path}api/referrals", json=body, headers=OURS)
    assert answer.status_code == status, answer.text
