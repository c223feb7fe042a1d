"""The records, one of them, one referral's story: what is shown, and to whom."""

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import insert, text

from plugin.audit.retention import Retention
from plugin.audit.verify import verify
from plugin.settings import AuditRepository
from plugin.store.audit_tables import audit_sendings, audit_unsent
from plugin.store.engine import writing

Reviewed = Any  # what the fixture gives: see conftest
RECORDS = "/audit/at/general/records"
CANARY = "patient-canary-7"
REFERRAL = "0b9d2c1e-6f0e-4c39-9a51-2f7f3f0d8a11"


@pytest.fixture
def signed_in(reviewed: Reviewed) -> Reviewed:
    reviewed.sign_in("moreau")
    return reviewed


def a_visit(it: Reviewed, context: str = "ctx-1", referral: str = REFERRAL) -> int:
    """What one visit leaves in the trail. Gives the number of its signature."""
    who = {"actor": "Practitioner/lindqvist", "patient": CANARY, "context": context}
    it.record("launch.completed", **who)
    it.record("chart.read", **who, detail={"could_not_check": ["Consent"]})
    it.record("recommendation.shown", **who, detail={"offered": ["aa", "smart"]})
    choices = [{"program": "smart", "meeting": None}]
    detail = {"referral": referral, "choices": choices, "agreement": "named"}
    number = it.record("referral.signed", **who, detail=detail)
    job = {"referral": referral, "kind": "ServiceRequest"}
    it.record("write.unknown", **who, outcome="no_answer", detail=job)
    it.record("launch.completed", **who | {"context": "later"})
    it.record("outcome.recorded", **who | {"context": "later"}, detail=job)
    return int(number)


def pseudonym(it: Reviewed, patient: str = CANARY) -> str:
    return str(it.house.trail.keys.pseudonym("general", patient))


def rows(page: Any) -> list[str]:
    """The numbers of the records that a page lists."""
    return re.findall(
        r'<th scope="row" role="rowheader"><a href="[^"]*/(\d+)"', page.text
    )


def test_list_has_pseudonyms_and_no_patient(signed_in: Reviewed) -> None:
    a_visit(signed_in)
    page = signed_in.get(RECORDS)
    assert page.status_code == 200
    assert CANARY not in page.text
    assert f"P-{pseudonym(signed_in)[:8].upper()}" in page.text
    assert "Referral signed" in page.text
    assert "Practitioner/lindqvist" in page.text


def test_A09_looking_is_itself_recorded(signed_in: Reviewed) -> None:
    number = a_visit(signed_in)
    for path in (
        f"{RECORDS}?kind=chart.read",
        f"{RECORDS}/{number}",
        f"/audit/at/general/referrals/{REFERRAL}",
        "/audit/at/general/figures",
        "/audit/at/general/reviews",
        "/audit/at/general/chain",
    ):
        assert signed_in.get(path).status_code == 200
    viewed = signed_in.events("audit.viewed", "general")
    assert {one["actor"] for one in viewed} == {"reviewer:staff-moreau"}
    assert [one["detail"]["page"] for one in viewed] == [
        *("records", "record", "referral", "figures", "reviews", "chain")
    ]
    assert viewed[0]["detail"]["filters"] == {"kind": "chart.read"}


def test_A08_nothing_is_shown_that_cannot_be_recorded(signed_in: Reviewed) -> None:

    a_visit(signed_in)
    full = (
        "CREATE TRIGGER full BEFORE INSERT ON audit_events "
        "BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with writing(signed_in.house.engine) as connection:
        connection.execute(text(full))
    try:
        page = signed_in.get(RECORDS)
    finally:
        with writing(signed_in.house.engine) as connection:
            connection.execute(text("DROP TRIGGER full"))
    assert page.status_code in (500, 503)
    assert "lindqvist" not in page.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("kind=chart.read", 1, id="event"),
        pytest.param("program=smart", 2, id="programme-shown-and-signed"),
        pytest.param("program=aa", 1, id="programme-shown"),
        pytest.param("program=none", 0, id="no-programme"),
        pytest.param("outcome=no_answer", 1, id="outcome"),
        pytest.param("clinician=Practitioner/lindqvist", 7, id="clinician"),
        pytest.param("clinician=Practitioner/other", 0, id="another-clinician"),
        pytest.param("clinician=Practitioner/lindqvist&kind=chart.read", 1, id="both"),
        pytest.param("since=2000-01-01&until=2000-12-31", 0, id="long-ago"),
        pytest.param("since=2000-01-01&until=2199-12-31&kind=chart.read", 1, id="time"),
        pytest.param("since=0001-01-01&until=9999-12-31&kind=chart.read", 1, id="ends"),
        pytest.param("since=yesterday&kind=chart.read", 1, id="no-date"),
        pytest.param("patient=not-a-pseudonym&kind=chart.read", 1, id="no-pseudonym"),
    ],
)
def test_list_is_narrowed(signed_in: Reviewed, query: str, found: int) -> None:
    a_visit(signed_in)
    assert len(rows(signed_in.get(f"{RECORDS}?{query}"))) == found


def test_pages_follow_one_another_and_come_back(signed_in: Reviewed) -> None:
    for number in range(120):
        signed_in.record("chart.read", detail={"number": number})
    seen: list[str] = []
    path, pages = f"{RECORDS}?kind=chart.read", []
    while path:
        page = signed_in.get(path)
        pages.append(rows(page))
        seen += pages[-1]
        older = re.search(r'href="([^"]+older=[^"]+)"', page.text)
        last, path = page, older[1].replace("&amp;", "&") if older else ""
    assert [len(one) for one in pages] == [50, 50, 20]
    assert seen == sorted(seen, key=int, reverse=True)
    assert len(set(seen)) == 120
    newer = re.search(r'href="([^"]+newer=[^"]+)"', last.text)
    assert newer
    assert rows(signed_in.get(newer[1].replace("&amp;", "&"))) == pages[1]


@pytest.mark.parametrize(
    "place", ["x", "1", "1-", "-1-2", "9" * 30 + "-1", "1-" + "9" * 25, "١-٢"]
)
def test_X17_place_that_is_none_shows_the_newest(
    signed_in: Reviewed, place: str
) -> None:
    signed_in.record("chart.read")
    page = signed_in.get(f"{RECORDS}?kind=chart.read&older={quote(place)}")
    assert len(rows(page)) == 1


def test_patient_is_found_by_id_and_the_id_stays_out_of_the_address(
    signed_in: Reviewed,
) -> None:
    a_visit(signed_in)
    signed_in.record("chart.read", patient="another")
    answer = signed_in.post("/audit/at/general/patient", patient=f"Patient/{CANARY}")
    assert answer.status_code == 303
    assert CANARY not in answer.headers["location"]
    page = signed_in.get(answer.headers["location"])
    assert len(rows(page)) == 8  # the visit, and that it was asked for
    (asked,) = signed_in.events("audit.patient_asked")
    assert asked["patient"] == pseudonym(signed_in)


def test_A09_identity_is_told_with_a_reason_and_recorded(signed_in: Reviewed) -> None:
    number = a_visit(signed_in)
    path = f"{RECORDS}/{number}/identity"
    without = signed_in.post(path, reason=" ")
    assert without.status_code == 422
    assert CANARY not in without.text
    told = signed_in.post(path, reason="a complaint")
    assert f"Patient/{CANARY}" in told.text
    (shown,) = signed_in.events("audit.identity_shown")
    assert shown["patient"] == pseudonym(signed_in)
    assert shown["detail"] == {"record": number, "reason": "a complaint"}
    assert CANARY not in signed_in.get(f"{RECORDS}/{number}").text


def test_administrator_reads_records_and_not_who_they_are_about(
    reviewed: Reviewed,
) -> None:
    number = a_visit(reviewed)
    reviewed.sign_in("abara")
    assert reviewed.get(f"{RECORDS}/{number}").status_code == 200
    answer = reviewed.post(f"{RECORDS}/{number}/identity", reason="why not")
    assert answer.status_code == 404
    assert CANARY not in answer.text
    export = reviewed.post("/audit/at/general/export", format="fhir")
    assert export.status_code == 404
    assert reviewed.events("audit.identity_shown") == []
    assert reviewed.get("/audit/at/-/records").status_code == 200


def test_A12_other_tenants_trail_is_404_and_recorded(reviewed: Reviewed) -> None:
    number = a_visit(reviewed)
    reviewed.sign_in("halloran")
    for path in (
        RECORDS,
        f"{RECORDS}/{number}",
        f"/audit/at/general/referrals/{REFERRAL}",
        "/audit/at/general/figures",
        "/audit/at/general/reviews",
        "/audit/at/general/chain",
        "/audit/at/-/records",
        "/audit/at/nowhere/records",
    ):
        answer = reviewed.get(path)
        assert answer.status_code == 404, path
        assert "lindqvist" not in answer.text
    for path, fields in (
        (f"{RECORDS}/{number}/identity", {"reason": "x"}),
        ("/audit/at/general/export", {"format": "csv"}),
        ("/audit/at/general/patient", {"patient": CANARY}),
        ("/audit/at/general/chain", {}),
    ):
        assert reviewed.post(path, **fields).status_code == 404
    assert reviewed.refusals() == ["tenant"] * 12
    assert reviewed.get("/audit/at/epic/records").status_code == 200


@pytest.mark.parametrize("referral", ["none", "a" * 65, "..%2f..%2fx", "%00"])
def test_X17_unknown_referral_is_404(signed_in: Reviewed, referral: str) -> None:
    a_visit(signed_in)
    answer = signed_in.get(f"/audit/at/general/referrals/{referral}")
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize("number", ["0", "-1", "999", "9" * 30, "x"])
def test_unknown_record_is_refused(signed_in: Reviewed, number: str) -> None:
    assert signed_in.get(f"{RECORDS}/{number}").status_code in (404, 422)


def test_story_has_the_visit_and_what_came_of_it_in_order(signed_in: Reviewed) -> None:
    signed_in.record("chart.read", context="ctx-0", actor="Practitioner/other")
    a_visit(signed_in)
    a_visit(signed_in, "ctx-2", "another-referral")
    page = signed_in.get(f"/audit/at/general/referrals/{REFERRAL}")
    steps = re.findall(r"<p><strong>([^<]+)</strong>", page.text)
    assert steps == [
        "App opened from the chart",
        "Chart read",
        "Recommendation shown",
        "Referral signed",
        "Write without an answer",
        "Outcome recorded",
    ]
    assert "another-referral" not in page.text
    assert "Opening this page was record" in page.text


def test_A15_erased_record_says_so(signed_in: Reviewed) -> None:
    number = a_visit(signed_in)
    house = signed_in.house
    Retention(house.engine, house.trail).erase(
        "general", CANARY, reason="asked", actor="operator:root"
    )
    page = signed_in.get(f"{RECORDS}/{number}")
    assert "has been erased" in page.text
    assert "Show the patient" not in page.text
    assert signed_in.get(f"/audit/at/general/referrals/{REFERRAL}").status_code == 404
    assert verify(house.engine, house.trail.keys).whole


EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'\"\u202e"


def test_X01_texts_of_the_trail_are_text(signed_in: Reviewed) -> None:
    number = signed_in.record(
        EVIL[:60], actor=EVIL, context=EVIL[:60], outcome=EVIL[:60], detail={EVIL: EVIL}
    )
    for path in (RECORDS, f"{RECORDS}/{number}"):
        page = signed_in.get(path)
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "&lt;script&gt;" in page.text
        assert "{{7*7}}" in page.text or path == RECORDS


def test_X12_every_page_has_its_headers(reviewed: Reviewed) -> None:
    paths = ["/audit", "/audit/callback", "/audit/sign-in", "/audit/at/general/records"]
    reviewed.sign_in("both")
    paths += ["/audit/at/general/chain", "/audit/at/nowhere/chain", f"{RECORDS}/x"]
    for path in paths:
        headers = reviewed.get(path).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy, path
        assert "form-action 'self';" in policy, path
        assert "'unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "max-age" in headers["strict-transport-security"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "https://evil.example"}, id="X07-origin"),
        pytest.param({}, id="X07-no-origin"),
        pytest.param(
            {"origin": "https://app.test", "sec-fetch-site": "cross-site"},
            id="X07-cross-site",
        ),
        pytest.param({"origin": "null"}, id="X07-null"),
    ],
)
def test_X07_change_from_another_site_is_403(
    signed_in: Reviewed, headers: dict[str, str]
) -> None:
    number = a_visit(signed_in)
    for path in (
        f"{RECORDS}/{number}/identity",
        "/audit/at/general/export",
        "/audit/at/general/patient",
        "/audit/at/general/chain",
    ):
        answer = signed_in.post(path, headers, reason="x", format="csv", patient="p")
        assert answer.status_code == 403
    assert signed_in.events("audit.exported") == []
    assert signed_in.events("audit.identity_shown") == []


def test_X08_reading_by_post_and_changing_by_get_are_405(signed_in: Reviewed) -> None:
    a_visit(signed_in)
    assert signed_in.post(RECORDS).status_code == 405
    for path in ("export", "patient", "records/1/identity"):
        answer = signed_in.get(f"/audit/at/general/{path}")
        assert answer.status_code in (404, 405)
    assert signed_in.client.delete(f"{RECORDS}/1").status_code == 405
    assert signed_in.client.put(f"{RECORDS}/1").status_code == 405


def test_without_a_session_every_page_is_401(reviewed: Reviewed) -> None:
    for path in (
        RECORDS,
        f"{RECORDS}/1",
        "/audit/at/general/referrals/x",
        "/audit/at/general/figures",
        "/audit/at/general/reviews",
        "/audit/at/general/chain",
    ):
        assert reviewed.get(path).status_code == 401
    for path in ("export", "patient", "chain", "records/1/identity"):
        assert reviewed.post(f"/audit/at/general/{path}").status_code == 401
    assert reviewed.events("audit.viewed") == []


@pytest.mark.parametrize("value", ["\x00", "%00", "\ufeff", "\r\nX: y", "\ud83d"])
def test_X16_odd_letters_in_a_filter_break_nothing(
    signed_in: Reviewed, value: str
) -> None:
    sent = quote(value.encode("utf-8", "surrogatepass"), safe="%")
    for name in ("kind", "clinician", "program", "outcome", "since", "older"):
        assert signed_in.get(f"{RECORDS}?{name}={sent}").status_code == 200


def test_spanish_reviewer_reads_spanish(signed_in: Reviewed) -> None:
    a_visit(signed_in)
    page = signed_in.client.get(RECORDS, headers={"accept-language": "es-MX"})
    assert '<html lang="es"' in page.text
    assert "Derivación firmada" in page.text


def test_chain_page_says_how_far_audit_events_were_sent(signed_in: Reviewed) -> None:
    house, path = signed_in.house, "/audit/at/general/chain"
    assert "repository" not in signed_in.get(path).text
    kept = AuditRepository(server="https://kept.example/fhir")
    settings = house.settings.model_copy(update={"audit_repository": kept})
    app: Any = signed_in.client.app
    app.state.house = replace(house, settings=settings)
    assert "No AuditEvent was sent to the repository yet." in signed_in.get(path).text
    row = {"tenant": "general", "through": 7, "due": 1, "changed_at": 1}
    refused = {"id": "x", "tenant": "general", "sequence": 3, "reason": "422"}
    with writing(house.engine) as connection:
        connection.execute(insert(audit_sendings).values(row))
        connection.execute(insert(audit_unsent).values(refused | {"refused_at": 1}))
    said = signed_in.get(path).text
    assert "up to record 7 of" in said
    assert "it refused 1." in said


def test_chain_is_checked_on_demand_and_a_break_is_named(signed_in: Reviewed) -> None:
    number = a_visit(signed_in)
    path = "/audit/at/general/chain"
    assert "Not checked here yet" in signed_in.get(path).text
    assert signed_in.post(path).status_code == 303
    assert "Chain whole" in signed_in.get(path).text
    changed = f"UPDATE audit_events SET actor = 'x' WHERE sequence = {number}"
    with writing(signed_in.house.engine) as connection:
        connection.execute(text(changed + " AND tenant = 'general'"))
    signed_in.post(path)
    page = signed_in.get(path)
    assert "Chain broken" in page.text
    assert "its column actor was changed" in page.text
    whole, broken = signed_in.events("audit.verified")
    assert whole["detail"]["outcome"] == "whole"
    assert broken["detail"]["record"] == number
