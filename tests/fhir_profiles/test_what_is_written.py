"""What the app writes keeps what the profiles promise, in another house's judgement."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_profiles.load import PROFILES, examples
from plugin.referral.changing import exactly
from plugin.referral.filed import Filed, Outcome, Resource
from plugin.referral.ledger import NewJob
from plugin.referral.plan import WritePlan
from plugin.referral.reminder import outcome_changes
from plugin.referral.resources import (
    document_reference,
    provenance,
    service_requests,
    task,
    with_references,
)
from plugin.referral.retraction import Cancelling, retraction
from plugin.referral.signed import Choice, ChosenMeeting, SignedReferral, Site
from smart_launch.context import LaunchContext
from smart_launch.scopes import Scopes

pytestmark = pytest.mark.slow

Json = dict[str, Any]
Problems = Callable[[Json], list[tuple[str, str]]]

CANCELS = LaunchContext(
    id="ctx",
    tenant="general",
    issuer="https://fhir.general.example/r4",
    patient="t-00417",
    encounter="e-99",
    fhir_user="Practitioner/other",
    subject="sub",
    user_name="Dr. B. Okafor",
    scopes=Scopes.parse("patient/ServiceRequest.crus"),
    need_patient_banner=True,
    intent=None,
    smart_style_url=None,
    fhir_context=(),
    app_context=None,
    launched_at=datetime(2026, 3, 9, 8, 0, tzinfo=UTC),
    expires_at=datetime(2026, 3, 9, 20, 0, tzinfo=UTC),
    secret_hash="",
)
SITE = Site("https://selfhelp.example.org", name="General Hospital")


def signed(**values: Any) -> SignedReferral:
    """The referral that the published examples show."""
    meeting = ChosenMeeting(
        id="m-1",
        name="Tuesday Tools",
        starts=datetime(2026, 3, 3, 18, 30, tzinfo=timezone(timedelta(hours=-5))),
        attendance="in-person",
        where="Lantern House, Room 2",
    )
    smart = Choice(
        program="smart",
        name="SMART Recovery",
        meeting=meeting,
        reasons=(),
        conditions=("Condition/c1", "Condition/c2"),
        needs=("alcohol",),
    )
    given_values: Json = {
        "id": "0b9d2c1e-6f0e-4c39-9a51-2f7f3f0d8a11",
        "tenant": "general",
        "patient": "t-00417",
        "encounter": "e-88",
        "author": "Practitioner/lindqvist",
        "author_name": "Dr. R. Lindqvist",
        "choices": (smart, Choice("dbsa", "DBSA support group", None, (), (), ())),
        "note": "Support groups were discussed.\nMedicines unchanged.",
        "agreement": "named",
        "acknowledged": (),
        "signed_at": datetime(2026, 3, 2, 15, 27, 4, tzinfo=UTC),
        "encounter_start": "2026-03-02T10:00:00-05:00",
    }
    return SignedReferral(**(given_values | values))


def written(referral: SignedReferral, site: Site = SITE) -> dict[str, Json]:
    orders = service_requests(referral, site)
    order, note = (
        "ServiceRequest/example-service-request",
        "DocumentReference/example-note",
    )
    return {
        "selfhelp-service-request": orders[0],
        "second": orders[-1],
        "selfhelp-note": document_reference(referral, site, [order]),
        "selfhelp-provenance": provenance(referral, site, [order, note]),
        "selfhelp-task": task(referral, site, 1, order, date(2026, 3, 30)),
    }


def taken_back(reason: str) -> list[Json]:
    """What a cancelling sends: the order as it then stands, a note, a Provenance."""
    order = service_requests(signed(), SITE)[0]
    when = datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
    parts = [
        Resource("j", kind, name, "written", f"{kind}/1", "", 1, None, when)
        for kind, name in (
            ("ServiceRequest", order["identifier"][0]["value"]),
            ("DocumentReference", signed().id),
        )
    ]
    filed = Filed(
        signed().id, "general", "t-00417", "c", "written", signed(), tuple(parts), ()
    )
    plan = WritePlan(
        service_request=True,
        note=True,
        provenance=True,
        task=False,
        carries_referral_in_note=False,
        reasons=(),
        mode="full",
        updatable=frozenset({"ServiceRequest"}),
    )
    jobs = retraction(filed, Cancelling(CANCELS, plan, SITE, reason, when))
    sent = [
        orjson.loads(job.payload)
        if job.action == "create"
        else orjson.loads(exactly(orjson.dumps(order), set_by(job)) or b"")
        for job in jobs
    ]
    if sent[-1]["resourceType"] == "Provenance":
        sent[-1]["target"] = [{"reference": "ServiceRequest/1"}]
    return sent


def set_by(job: NewJob) -> Json:
    changes: Json = orjson.loads(job.payload)["set"]
    return changes


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="named"),
        pytest.param({"agreement": "unnamed"}, id="unnamed"),
        pytest.param({"agreement": "unnamed", "restricted": True}, id="restricted"),
        pytest.param({"part2": True}, id="part-2"),
        pytest.param({"encounter": None, "encounter_start": ""}, id="no-visit"),
        pytest.param({"language": "es"}, id="es"),
        pytest.param({"author": "PractitionerRole/9"}, id="role"),
    ],
)
@pytest.mark.parametrize("status", ["preliminary", "final"])
def test_what_is_written_keeps_the_profiles(
    values: Json, status: Any, problems: Problems
) -> None:
    site = Site("https://selfhelp.example.org", note_status=status)
    for name, resource in written(signed(**values), site).items():
        assert problems(resource) == [], name


@pytest.mark.parametrize("reason", ["other", "signed_in_error"])
def test_what_takes_a_referral_back_keeps_the_profiles(
    reason: str, problems: Problems
) -> None:
    for resource in taken_back(reason):
        assert problems(resource) == [], resource["resourceType"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(outcome_changes(Outcome("yes", 3)), id="went"),
        pytest.param(outcome_changes(Outcome("no")), id="not-yet"),
        pytest.param(
            {"status": "cancelled", "statusReason": {"text": "Not stated"}},
            id="cancelled",
        ),
        pytest.param({"status": "entered-in-error"}, id="in-error"),
    ],
)
def test_changed_reminder_keeps_its_profile(changes: Json, problems: Problems) -> None:
    unsent = orjson.dumps(task(signed(), SITE, 1, "", date(2026, 3, 30)))
    sent = with_references("Task", unsent, ["ServiceRequest/1"])
    assert problems(orjson.loads(sent)) == []
    assert problems(orjson.loads(exactly(sent, changes) or b"")) == []


def test_later_note_says_which_note_it_is_about(problems: Problems) -> None:
    note = next(
        one
        for one in taken_back("signed_in_error")
        if one["resourceType"] == "DocumentReference"
    )
    del note["relatesTo"]
    assert problems(note) == [("selfhelp-note-5", "DocumentReference")]


def test_the_judge_sees_a_broken_promise(problems: Problems) -> None:
    resource = written(signed())["selfhelp-service-request"]
    resource["performer"] = [{"display": "John of the Tuesday group"}]
    assert ("max", "ServiceRequest.performer") in problems(resource)


@pytest.mark.parametrize("profile_id", [p for p in PROFILES if p in written(signed())])
def test_published_example_is_what_is_written(profile_id: str) -> None:
    example = examples(profile_id)["valid.json"]
    assert example.pop("id").startswith("example-")
    assert written(signed())[profile_id] == example


# The judge is slow (some 20 ms a resource) and its fixture is made once.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.text(max_size=40), note=st.text(min_size=1, max_size=200))
def test_any_text_keeps_the_profiles(problems: Problems, name: str, note: str) -> None:
    choice = Choice("smart", name, None, (), (), ())
    referral = signed(
        author_name=name, choices=(choice,), note=f"Seen today. {note}", tenant="t"
    )
    for label, resource in written(referral, Site("https://x.example")).items():
        assert problems(resource) == [], label
