"""The fault switches do what they say, as often as they say, and no more."""

import time
from typing import Any

import pytest
import requests


def lost(app: Any, order: dict[str, Any]) -> None:
    with pytest.raises(requests.ConnectionError):
        app.create(order)


def written(app: Any, order: dict[str, Any]) -> int:
    value = order["identifier"][0]["value"]
    return len(app.sandbox.counts.writes("ServiceRequest", value))


def test_W02_answer_is_lost_after_the_commit(
    launched: Any, order: dict[str, Any]
) -> None:
    launched.sandbox.faults.add("drop_after", on="create", times=1)
    lost(launched, order)
    assert written(launched, order) == 1
    value = order["identifier"][0]["value"]
    assert launched.get("ServiceRequest", identifier=value).json()["total"] == 1
    assert launched.create(order).status_code == 201


def test_connection_is_dropped_before_the_commit(
    launched: Any, order: dict[str, Any]
) -> None:
    launched.sandbox.faults.add("drop_before", on="create", times=1)
    lost(launched, order)
    assert written(launched, order) == 0


def test_commit_comes_late(launched: Any, order: dict[str, Any]) -> None:
    launched.sandbox.faults.add("commit_late", on="create", times=1, seconds=0.3)
    lost(launched, order)
    assert written(launched, order) == 0
    until = time.monotonic() + 5
    while not written(launched, order) and time.monotonic() < until:
        time.sleep(0.02)
    assert written(launched, order) == 1


@pytest.mark.parametrize(
    ("commit", "expected"),
    [pytest.param(False, 0, id="not-done"), pytest.param(True, 1, id="done-all-same")],
)
def test_F01_status_with_retry_after(
    launched: Any, order: dict[str, Any], commit: bool, expected: int
) -> None:
    launched.sandbox.faults.add(
        "status", on="create", code=503, retry_after="2", commit=commit
    )
    answer = launched.create(order)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert written(launched, order) == expected


def test_F04_short_content_length(launched: Any) -> None:
    launched.sandbox.faults.add("truncate", on="search")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        launched.get("Condition")


def test_F04_close_delimited_half(launched: Any) -> None:
    launched.sandbox.faults.add("truncate", on="search", close_delimited=True)
    answer = launched.get("Condition")
    assert answer.status_code == 200
    assert "Content-Length" not in answer.headers
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_F03_drip_sends_all_slowly(launched: Any) -> None:
    launched.sandbox.faults.add("drip", on="read", seconds=0.0005)
    started = time.monotonic()
    answer = launched.get("Patient/p0417")
    assert answer.json()["id"] == "p0417"
    assert time.monotonic() - started > 0.0005 * len(answer.content)


def test_F03_hang_holds_the_caller(launched: Any) -> None:
    launched.sandbox.faults.add("hang", on="read", seconds=30)
    started = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        launched.http.get(
            f"{launched.fhir}/Patient/p0417",
            headers={"Authorization": f"Bearer {launched.token}"},
            timeout=0.3,
        )
    assert time.monotonic() - started < 5


def test_F05_flood_is_longer_than_it_was(launched: Any) -> None:
    launched.sandbox.faults.add("flood", on="read", megabytes=2)
    assert len(launched.get("Patient/p0417").content) > 2 * 2**20


def test_delay_waits(launched: Any) -> None:
    launched.sandbox.faults.add("delay", on="read", seconds=0.2)
    started = time.monotonic()
    assert launched.get("Patient/p0417").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_F09_redirect_is_sent(launched: Any) -> None:
    place = "http://evil.example/"
    launched.sandbox.faults.add("redirect", on="read", location=place, code=307)
    answer = launched.get("Patient/p0417")
    assert (answer.status_code, answer.headers["Location"]) == (307, place)


def test_F02_other_body_is_sent(launched: Any) -> None:
    launched.sandbox.faults.add(
        "body", on="read", text="<html>", content_type="text/html", code=502
    )
    answer = launched.get("Patient/p0417")
    assert (answer.status_code, answer.text) == (502, "<html>")


def next_of(page: dict[str, Any]) -> str:
    return next(l["url"] for l in page["link"] if l["relation"] == "next")  # noqa: E741


@pytest.mark.parametrize(
    ("to", "distinct"),
    [
        pytest.param("cycle", 1, id="F07-same"),
        pytest.param("alternate", 2, id="F07-a-b-a"),
        pytest.param("endless", 6, id="F07-endless"),
    ],
)
def test_next_links_lead_nowhere(launched: Any, to: str, distinct: int) -> None:
    launched.sandbox.faults.add("next_link", on="search", to=to)
    address = f"{launched.fhir}/Condition?patient=p0417"
    seen: list[str] = []
    for _ in range(6):
        path = address.removeprefix(f"{launched.fhir}/")
        seen.append(address)
        address = next_of(launched.call("GET", path).json())
    assert len(set(seen)) == distinct


def test_F07_foreign_next_link(launched: Any) -> None:
    launched.sandbox.faults.add("next_link", on="search", to="http://evil.example/x")
    assert next_of(launched.get("Condition").json()) == "http://evil.example/x"


def test_F12_malformed_entries_stand_among_the_good(launched: Any) -> None:
    launched.sandbox.faults.add("malformed_entries", on="search", type="Condition")
    entries = launched.get("Condition").json()["entry"]
    assert None in entries
    assert len(entries) > 6
    assert len(launched.get("Observation").json()["entry"]) == 3


def test_P04_entries_of_another_patient(launched: Any) -> None:
    launched.sandbox.faults.add("foreign_entries", on="search", patient="opioid")
    entries = launched.get("Condition").json()["entry"]
    subjects = {entry["resource"]["subject"]["reference"] for entry in entries}
    assert subjects == {"Patient/p0417", "Patient/p0533"}


def test_F13_parameters_are_ignored(launched: Any) -> None:
    launched.sandbox.faults.add("ignore_parameters", on="search", names=["code"])
    page = launched.get("Condition", code="F33.1").json()
    assert page["total"] == 6
    assert "code" not in page["link"][0]["url"]


def test_W03_identifier_search_is_ignored(launched: Any, order: dict[str, Any]) -> None:
    launched.create(order)
    launched.sandbox.faults.add("ignore_parameters", names=["identifier"])
    page = launched.get("ServiceRequest", identifier="nothing").json()
    assert page["total"] >= 1


def test_W01_location_is_missing(launched: Any, order: dict[str, Any]) -> None:
    launched.sandbox.faults.add("headers", on="create", remove=["location"])
    assert "Location" not in launched.create(order).headers


def test_W01_created_comes_back_as_another_patients(
    launched: Any, order: dict[str, Any]
) -> None:
    launched.sandbox.faults.add("other_subject", on="create", patient="opioid")
    answer = launched.create(order).json()
    assert answer["subject"] == {"reference": "Patient/p0533"}
    kept = launched.sandbox.resources("ServiceRequest", "alcohol")
    assert answer["id"] in {one["id"] for one in kept}


def test_L40_refresh_answer_is_lost_after_rotation(app: Any) -> None:
    tokens = app.launched()
    app.sandbox.faults.add("drop_after", on="refresh", times=1)
    with pytest.raises(requests.ConnectionError):
        app.refresh(tokens["refresh_token"])
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_L41_refresh_gives_another_patients_token(app: Any) -> None:
    tokens = app.launched()
    app.sandbox.faults.add("other_patient", on="refresh", patient="opioid")
    refreshed = app.refresh(tokens["refresh_token"]).json()
    assert refreshed["patient"] == "p0533"
    app.token = refreshed["access_token"]
    assert app.get("Patient/p0417").status_code == 403


@pytest.mark.parametrize(
    ("detail", "name", "value"),
    [
        pytest.param({"set": {"token_type": "mac"}}, "token_type", "mac", id="set"),
        pytest.param({"remove": ["patient"]}, "patient", None, id="remove"),
    ],
)
def test_L24_token_answer_is_changed(
    app: Any, detail: dict[str, Any], name: str, value: str | None
) -> None:
    app.sandbox.faults.add("change", on="token", **detail)
    assert app.redeem(app.code()).json().get(name) == value


def test_L27_claims_are_changed_before_signing(app: Any) -> None:
    from joserfc import jwt

    app.sandbox.faults.add("claims", on="token", set={"aud": "other"}, remove=["exp"])
    token = app.launched()["id_token"]
    decoded = jwt.decode(token, app.sandbox.sandbox.key.key, algorithms=["RS256"])
    assert decoded.claims["aud"] == "other"
    assert "exp" not in decoded.claims


def test_L28_rotated_key_has_another_kid(app: Any) -> None:
    url = f"{app.sandbox.url}/oauth/jwks"
    before = requests.get(url, timeout=5).json()["keys"][0]["kid"]
    app.sandbox.sandbox.key.rotate()
    assert requests.get(url, timeout=5).json()["keys"][0]["kid"] != before


def test_discovery_is_changed(app: Any) -> None:
    app.sandbox.faults.add("change", on="discovery", set={"issuer": "http://evil"})
    url = f"{app.fhir}/.well-known/smart-configuration"
    assert requests.get(url, timeout=5).json()["issuer"] == "http://evil"


def test_fault_works_after_and_times(launched: Any) -> None:
    launched.sandbox.faults.add("status", on="read", code=500, after=1, times=2)
    statuses = [launched.get("Patient/p0417").status_code for _ in range(5)]
    assert statuses == [200, 500, 500, 200, 200]


def test_fault_works_on_its_site_alone(app: Any) -> None:
    app.sandbox.faults.add("status", on="discovery", site="epic", code=500)
    path = "r4/.well-known/smart-configuration"
    at_epic = requests.get(f"{app.sandbox.url}/epic/{path}", timeout=5)
    at_main = requests.get(f"{app.sandbox.url}/{path}", timeout=5)
    assert (at_epic.status_code, at_main.status_code) == (500, 200)


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param({"effect": "nonsense"}, id="effect"),
        pytest.param({"effect": "delay", "on": "lunch"}, id="kind"),
        pytest.param({"on": "read"}, id="no-effect"),
        pytest.param(["delay"], id="no-object"),
    ],
)
def test_unknown_fault_is_refused(app: Any, wanted: object) -> None:
    url = f"{app.sandbox.url}/sandbox/faults"
    assert requests.post(url, json=wanted, timeout=5).status_code == 400
    assert requests.get(url, timeout=5).json() == []


def test_switches_and_tallies_work_over_http(
    launched: Any, order: dict[str, Any]
) -> None:
    root = f"{launched.sandbox.url}/sandbox"
    fault = {"effect": "status", "on": "read", "code": 429}
    requests.post(f"{root}/faults", json=fault, timeout=5)
    assert launched.get("Patient/p0417").status_code == 429
    assert requests.delete(f"{root}/faults", timeout=5).json() == []
    launched.create(order)
    counts = requests.get(f"{root}/counts", timeout=5).json()
    assert counts["calls"]["read Patient"] == 1
    assert [write["type"] for write in counts["writes"]] == ["ServiceRequest"]
    requests.delete(f"{root}/counts", timeout=5)
    assert requests.get(f"{root}/counts", timeout=5).json()["writes"] == []


def test_launch_is_minted_over_http(app: Any) -> None:
    url = f"{app.sandbox.url}/sandbox/launches"
    wanted = {"patient": "alcohol", "flavour": "epic"}
    made = requests.post(url, json=wanted, timeout=5)
    assert made.status_code == 201
    assert made.json()["iss"] == app.sandbox.issuer("epic")
    nobody = requests.post(url, json={"patient": "nobody"}, timeout=5)
    assert nobody.status_code == 400
