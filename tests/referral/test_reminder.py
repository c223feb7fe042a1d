"""The reminder in the record: written with the order, told what the patient said."""

from dataclasses import replace
from datetime import date
from typing import Any

import orjson
import pytest

from plugin.fhir import checked
from plugin.referral.cancelling import cancel, confirm_discontinued
from plugin.referral.filed import Outcome
from plugin.referral.ledger import NewJob
from plugin.referral.plan import Quirks, WritePlan, plan_write
from plugin.referral.reminder import told_to_reminder
from plugin.referral.resources import task
from plugin.referral.retraction import Cancelling
from plugin.referral.signed import Site
from plugin.referral.taken_back import REMINDER_STANDS
from smart_launch.capability import CapabilityStatement, ResourceCapability
from smart_launch.scopes import Scopes

SITE = Site(public_url="https://selfhelp.example.org")
RIGHTS = Scopes.parse(
    "patient/Patient.r patient/ServiceRequest.crus patient/DocumentReference.crs "
    "patient/Provenance.crs patient/Task.crus"
)
PLAN = WritePlan(
    service_request=True,
    note=True,
    provenance=True,
    task=True,
    carries_referral_in_note=False,
    reasons=(),
    mode="full",
    updatable=frozenset({"ServiceRequest", "Task"}),
)


def written(room: Any, *, order: Any = None) -> tuple[Any, str]:
    """A referral of an order and its reminder. `order` is how the order is answered."""
    context = room.launch(scopes=RIGHTS)
    signed = room.signed(context)
    reminder = checked(task(signed, SITE, 1, "", date(2026, 3, 30)))
    name = f"{signed.id}.1.task"
    jobs = [
        *room.jobs(signed, ("ServiceRequest", "DocumentReference")),
        NewJob("Task", reminder, SITE.identifier_system, name),
    ]
    done = room.ledger.sign(context, signed, jobs, key="k", digest="d")
    room.ehr.script = [order] if order else []
    room.work()
    return context, done.id


def tell(room: Any, context: Any, referral: str, outcome: Outcome, **plan: Any) -> Any:
    found = room.filed(referral)
    jobs = told_to_reminder(found, outcome, replace(PLAN, **plan), SITE)
    filed = room.ledger.record_outcome(context, referral, outcome, jobs)
    room.work()
    return filed


def take_back(room: Any, context: Any, referral: str, reason: str, **plan: Any) -> Any:
    act = Cancelling(context, replace(PLAN, **plan), SITE, reason, room.clock())
    filed = cancel(room.ledger, act, referral)
    room.work()
    return filed


def said(room: Any) -> tuple[str, str, list[Any]]:
    found = room.ehr.only("Task")
    business = found.get("businessStatus", {}).get("coding", [{"code": ""}])[0]["code"]
    values = [
        one.get("valueInteger", one.get("valueCodeableConcept"))
        for one in found.get("output", ())
    ]
    codes = [v["coding"][0]["code"] if isinstance(v, dict) else v for v in values]
    return found["status"], business, codes


def test_reminder_is_written_last_and_is_about_its_order(room: Any) -> None:
    _, referral = written(room)
    assert room.ehr.only("Task")["focus"] == {"reference": "ServiceRequest/se-1"}
    assert room.filed(referral).status == "written"


def test_W06_without_an_order_there_is_no_reminder(room: Any, answers: Any) -> None:
    _, referral = written(room, order=answers.answered(422))
    assert room.ehr.posts["Task"] == 0
    assert room.states(referral) == ["refused", "written", "cancelled"]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(
            Outcome("yes", 3), ("completed", "completed", ["yes", 3]), id="went"
        ),
        pytest.param(
            Outcome("no", reason="nerves"),
            ("requested", "unattended", ["no"]),
            id="not-yet",
        ),
        pytest.param(Outcome("unknown"), ("requested", "", []), id="not-asked"),
    ],
)
def test_reminder_is_told_whether_the_patient_went(
    room: Any, outcome: Outcome, expected: Any
) -> None:
    context, referral = written(room)
    tell(room, context, referral, outcome)
    assert said(room) == expected
    assert b"nerves" not in orjson.dumps(room.ehr.only("Task"))
    assert room.filed(referral).status == "written"


def test_later_answer_takes_the_place_of_the_first_and_of_nothing_else(
    room: Any,
) -> None:
    context, referral = written(room)
    theirs = {"type": {"text": "Transport"}, "valueString": "Bus 4"}
    room.ehr.only("Task")["output"] = [theirs]
    tell(room, context, referral, Outcome("no"))
    tell(room, context, referral, Outcome("yes", 1))
    tell(room, context, referral, Outcome("yes", 6))
    found = room.ehr.only("Task")
    assert found["output"][0] == theirs
    assert [one.get("valueInteger") for one in found["output"][1:]] == [None, 6]
    assert len(room.filed(referral).outcomes) == 3


def test_reminder_that_somebody_ended_is_left_alone(room: Any) -> None:
    context, referral = written(room)
    room.ehr.only("Task")["status"] = "cancelled"
    tell(room, context, referral, Outcome("yes", 3))
    assert (said(room)[0], room.ehr.puts) == ("cancelled", [])


def test_W02_lost_answer_to_an_outcome_is_read_and_not_sent_again(
    room: Any, answers: Any
) -> None:
    context, referral = written(room)
    room.ehr.script = [answers.changed_lost]
    tell(room, context, referral, Outcome("yes", 3))
    room.work(30)
    assert said(room)[0] == "completed"
    assert len(room.ehr.puts) == 1
    assert room.states(referral)[-1] == "written"


def test_W06_refused_outcome_stays_in_the_ledger(room: Any, answers: Any) -> None:
    context, referral = written(room)
    room.ehr.script = [answers.answered(422)]
    tell(room, context, referral, Outcome("yes", 3))
    filed = room.filed(referral)
    assert (filed.status, filed.outcomes[0].times) == ("written", 3)
    assert filed.resources[-1].status == "refused"


def test_reminder_that_may_not_be_changed_is_not(room: Any) -> None:
    context, referral = written(room)
    tell(room, context, referral, Outcome("yes", 3), updatable=frozenset())
    assert (said(room)[0], room.ehr.puts) == ("requested", [])
    assert len(room.filed(referral).outcomes) == 1


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        pytest.param("not_suitable", "cancelled", id="cancelled"),
        pytest.param("signed_in_error", "entered-in-error", id="in-error"),
    ],
)
def test_R11_reminder_ends_with_its_referral(
    room: Any, reason: str, status: str
) -> None:
    context, referral = written(room)
    tell(room, context, referral, Outcome("no"))
    take_back(room, context, referral, reason)
    found = room.ehr.only("Task")
    assert found["status"] == status
    assert ("statusReason" in found) is (status == "cancelled")
    assert room.filed(referral).status == "cancelled"


def test_R11_reminder_that_may_not_be_changed_waits_for_a_person(room: Any) -> None:
    context, referral = written(room)
    take_back(room, context, referral, "other", updatable=frozenset())
    filed = room.filed(referral)
    assert (filed.status, filed.resources[2].reason) == ("held", REMINDER_STANDS)
    assert confirm_discontinued(room.ledger, context, referral).status == "cancelled"


def server(*interactions: str) -> CapabilityStatement:
    every = ResourceCapability(
        interactions=frozenset({"create", "search-type"} | set(interactions)),
        search_params=frozenset({"identifier", "target"}),
        conditional_create=False,
    )
    kinds = ("ServiceRequest", "DocumentReference", "Provenance", "Task")
    return CapabilityStatement("4.0.1", "fake", dict.fromkeys(kinds, every))


@pytest.mark.parametrize(
    ("quirks", "interactions", "scopes", "updatable"),
    [
        pytest.param(Quirks(), ("read", "update"), RIGHTS, set(), id="site-silent"),
        pytest.param(
            Quirks(tasks=True), ("read", "update"), RIGHTS, {"Task"}, id="tasks"
        ),
        pytest.param(
            Quirks(cancels_orders=True),
            ("read", "update"),
            RIGHTS,
            {"ServiceRequest"},
            id="orders",
        ),
        pytest.param(
            Quirks(tasks=True, cancels_orders=True),
            ("read",),
            RIGHTS,
            set(),
            id="server-takes-none",
        ),
        pytest.param(
            Quirks(tasks=True, cancels_orders=True),
            ("read", "update"),
            Scopes.parse(str(RIGHTS).replace(".crus", ".crs")),
            set(),
            id="scope-not-granted",
        ),
    ],
)
def test_change_is_planned_where_site_server_and_scopes_agree(
    quirks: Quirks, interactions: tuple[str, ...], scopes: Scopes, updatable: set[str]
) -> None:
    plan = plan_write(server(*interactions), scopes, quirks)
    assert plan.updatable == updatable
    stays = any("kept in our record" in reason for reason in plan.reasons)
    assert stays is (quirks.tasks and "Task" not in updatable)
