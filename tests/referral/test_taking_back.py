"""What was written is taken back in the EHR, where the EHR takes that (R11)."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import select, update

from plugin.audit.verify import verify
from plugin.referral.cancelling import (
    cancel,
    confirm_discontinued,
    may_be_cancelled,
    may_be_confirmed,
)
from plugin.referral.changing import exactly
from plugin.referral.errors import JobNotOpen, NothingToCancel
from plugin.referral.plan import WritePlan
from plugin.referral.retraction import Cancelling
from plugin.referral.signed import Site
from plugin.referral.taken_back import NOTE_STANDS, STILL_ACTIVE
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading, writing
from plugin.store.referral_tables import write_jobs
from smart_launch.scopes import Scopes

SITE = Site(public_url="https://selfhelp.example.org")
MAY_CANCEL = Scopes.parse(
    "patient/Patient.r patient/ServiceRequest.crus patient/DocumentReference.crs "
    "patient/Provenance.crs"
)
PLAN = WritePlan(
    service_request=True,
    note=True,
    provenance=True,
    task=False,
    carries_referral_in_note=False,
    reasons=(),
    mode="full",
    updatable=frozenset({"ServiceRequest"}),
)
NOTE_ONLY = ("DocumentReference", "Provenance")


def written(room: Any, **how: Any) -> tuple[Any, str]:
    context = room.launch(scopes=MAY_CANCEL)
    done = room.sign(context, **how)
    room.work()
    return context, done.id


def take_back(
    room: Any, context: Any, referral: str, reason: str = "other", **plan: Any
) -> Any:
    act = Cancelling(context, replace(PLAN, **plan), SITE, reason, room.clock())
    return cancel(room.ledger, act, referral)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        pytest.param("patient_declined", "revoked", id="cancelled"),
        pytest.param("signed_in_error", "entered-in-error", id="in-error"),
    ],
)
def test_R11_order_gets_its_status_in_the_version_that_was_read(
    room: Any, reason: str, status: str
) -> None:
    context, referral = written(room)
    before = dict(room.ehr.only("ServiceRequest"))
    assert take_back(room, context, referral, reason).status == "waiting"
    room.work()
    assert room.ehr.only("ServiceRequest") == before | {"status": status}
    assert room.ehr.puts == [("ctx-1", "ServiceRequest/se-1")]
    assert room.filed(referral).status == "cancelled"
    assert verify(room.engine, room.trail.keys).whole


def test_R11_referral_counts_as_taken_back_before_the_ehr_says_so(
    room: Any, answers: Any
) -> None:
    """Nothing that was cancelled is suggested again, or asked about, meanwhile."""
    context, referral = written(room)
    assert not room.filed(referral).taken_back
    assert take_back(room, context, referral).taken_back
    room.ehr.script = [answers.answered(422)]
    room.work()
    assert room.filed(referral).taken_back  # and held until a person has confirmed
    confirm_discontinued(room.ledger, context, referral)
    assert room.filed(referral).taken_back


def test_R11_both_orders_are_revoked_in_their_order(room: Any) -> None:
    context, referral = written(room, choices=2)
    take_back(room, context, referral)
    room.work()
    assert [one for _, one in room.ehr.puts] == [
        "ServiceRequest/se-1",
        "ServiceRequest/se-2",
    ]
    signature = room.ehr.records["Provenance"][-1]
    assert [one["reference"] for one in signature["target"]] == [
        "ServiceRequest/se-1",
        "ServiceRequest/se-2",
    ]
    assert signature["activity"]["coding"][0]["code"] == "UPDATE"


def test_R11_signed_in_error_replaces_the_note_and_names_nothing(room: Any) -> None:
    context, referral = written(room)
    take_back(room, context, referral, "signed_in_error")
    room.work()
    first, later = room.ehr.records["DocumentReference"]
    assert later["relatesTo"] == [
        {
            "code": "replaces",
            "target": {"reference": f"DocumentReference/{first['id']}"},
        }
    ]
    assert later["identifier"][0]["value"] == f"{referral}.later"
    assert first["status"] == "current"  # what was signed stays as it is
    assert b"Alcoholics" not in orjson.dumps(later)
    signature = room.ehr.records["Provenance"][-1]
    assert signature["activity"]["coding"][0]["code"] == "NULLIFY"
    assert signature["reason"] == [{"text": "Signed in error"}]
    assert room.states(referral)[:3] == ["cancelled", "cancelled", "written"]


def test_R11_note_that_carries_the_referral_gets_a_later_note(room: Any) -> None:
    context, referral = written(room, kinds=NOTE_ONLY)
    take_back(room, context, referral, updatable=frozenset())
    room.work()
    later = room.ehr.records["DocumentReference"][1]
    assert later["relatesTo"][0]["code"] == "appends"
    assert room.ehr.puts == []
    assert room.filed(referral).status == "cancelled"


def test_R11_note_beside_a_revoked_order_is_left_alone(room: Any) -> None:
    context, referral = written(room)
    take_back(room, context, referral)
    room.work()
    assert room.ehr.posts["DocumentReference"] == 1


def test_W02_lost_answer_to_a_change_is_read_and_not_sent_again(
    room: Any, answers: Any
) -> None:
    context, referral = written(room)
    take_back(room, context, referral)
    room.ehr.script = [answers.changed_lost]
    room.work()
    assert room.filed(referral).status == "unknown"
    room.work(10)
    assert room.filed(referral).status == "cancelled"
    assert len(room.ehr.puts) == 1


def test_W02_change_that_was_lost_before_it_was_done_is_sent_again(
    room: Any, answers: Any
) -> None:
    context, referral = written(room)
    take_back(room, context, referral)
    room.ehr.script = [answers.lost_before_commit]
    room.work(10)
    assert room.ehr.only("ServiceRequest")["status"] == "revoked"
    assert room.filed(referral).status == "cancelled"


def test_W07_what_others_added_meanwhile_stays(room: Any, answers: Any) -> None:
    context, referral = written(room)
    take_back(room, context, referral)
    room.ehr.script = [answers.changed_by_others]
    room.work(10)
    order = room.ehr.only("ServiceRequest")
    assert (order["status"], order["note"]) == (
        "revoked",
        [{"text": "Called the patient."}],
    )
    assert len(room.ehr.puts) == 2


@pytest.mark.parametrize("status", [403, 404, 422])
def test_W06_refused_change_is_for_a_person_with_the_ehrs_words(
    room: Any, answers: Any, status: int
) -> None:
    context, referral = written(room)
    take_back(room, context, referral)
    room.ehr.script = [answers.answered(status)]
    room.work(600)
    filed = room.filed(referral)
    assert (filed.status, filed.resources[0].reason) == ("held", STILL_ACTIVE)
    assert "allowed here" in filed.resources[3].reason
    assert len(room.ehr.puts) == 1
    assert confirm_discontinued(room.ledger, context, referral).status == "cancelled"


def test_W06_refused_change_of_one_order_does_not_stop_the_other(
    room: Any, answers: Any
) -> None:
    context, referral = written(room, choices=2)
    take_back(room, context, referral)
    room.ehr.script = [answers.answered(422)]
    room.work(600)
    first, second = room.ehr.records["ServiceRequest"]
    assert (first["status"], second["status"]) == ("active", "revoked")


def test_R11_refused_later_note_is_for_a_person(room: Any, answers: Any) -> None:
    context, referral = written(room, kinds=NOTE_ONLY)
    take_back(room, context, referral)
    room.ehr.script = [answers.answered(422)]
    room.work(600)
    assert room.filed(referral).resources[0].reason == NOTE_STANDS


@pytest.mark.parametrize(
    ("stands", "after", "sent"),
    [
        pytest.param("completed", "completed", 0, id="completed-there"),
        pytest.param("revoked", "revoked", 0, id="revoked-there"),
        pytest.param("on-hold", "revoked", 1, id="on-hold"),
    ],
)
def test_R11_order_that_is_over_already_is_left_as_it_is(
    room: Any, stands: str, after: str, sent: int
) -> None:
    context, referral = written(room)
    room.ehr.only("ServiceRequest")["status"] = stands
    take_back(room, context, referral)
    room.work()
    assert room.ehr.only("ServiceRequest")["status"] == after
    assert len(room.ehr.puts) == sent
    assert room.filed(referral).status == "cancelled"


@pytest.mark.parametrize(
    "moved",
    [
        pytest.param({"subject": {"reference": "Patient/other"}}, id="another-patient"),
        pytest.param(
            {"identifier": [{"system": SITE.identifier_system, "value": "else"}]},
            id="another-referral",
        ),
    ],
)
def test_W18_order_that_is_not_the_one_that_was_written_is_not_touched(
    room: Any, moved: dict[str, Any]
) -> None:
    context, referral = written(room)
    room.ehr.only("ServiceRequest").update(moved)
    take_back(room, context, referral)
    room.work(600)
    assert room.ehr.puts == []
    assert room.filed(referral).status == "held"


def test_R11_server_without_versions_is_left_to_a_person(room: Any) -> None:
    context, referral = written(room)
    room.ehr.versioned = False
    take_back(room, context, referral)
    room.work(600)
    assert room.ehr.puts == []
    assert room.filed(referral).resources[0].reason == STILL_ACTIVE


def test_R11_number_that_would_be_rounded_is_left_to_a_person() -> None:
    assert exactly(b'{"status":"active","x":1.50}', {"status": "revoked"}) is None
    assert exactly(b'{"status":"active","x":1.5}', {"status": "revoked"}) == (
        b'{"status": "revoked", "x": 1.5}'
    )


def test_W01_change_that_is_not_shown_is_looked_at_again(
    room: Any, answers: Any
) -> None:
    context, referral = written(room)
    take_back(room, context, referral)
    room.ehr.script = [answers.changed_unshown]
    room.work(10)
    assert room.filed(referral).status == "cancelled"
    assert len(room.ehr.puts) == 1


def test_R11_server_that_says_yes_and_does_nothing_ends_with_a_person(
    room: Any, answers: Any
) -> None:
    context, referral = written(room)
    take_back(room, context, referral)
    room.ehr.always = answers.not_changed
    room.work(7200)
    assert room.filed(referral).resources[0].reason == STILL_ACTIVE
    assert len(room.ehr.puts) < 10


def test_W09_colleague_cancels_with_the_own_grant_and_never_the_signers(
    room: Any,
) -> None:
    _, referral = written(room)
    colleague = room.launch(
        "ctx-2", scopes=MAY_CANCEL, fhir_user="Practitioner/8", subject="sub-8"
    )
    take_back(room, colleague, referral, "signed_in_error")
    room.work()
    assert room.ehr.puts == [("ctx-2", "ServiceRequest/se-1")]
    later = room.ehr.records["DocumentReference"][1]
    assert later["author"][0]["reference"] == "Practitioner/8"


def test_W09_change_waits_for_the_one_who_cancels(room: Any) -> None:
    _, referral = written(room)
    colleague = room.launch("ctx-2", scopes=MAY_CANCEL, subject="sub-8")
    take_back(room, colleague, referral)
    room.ehr.relaunch.add("ctx-2")
    room.work(60)
    assert room.ehr.puts == []
    room.clock.forward(1)
    room.launch("ctx-3", scopes=MAY_CANCEL)  # the signer's: it wakes nothing
    room.work(60)
    assert room.ehr.puts == []
    room.clock.forward(1)
    room.launch("ctx-4", scopes=MAY_CANCEL, subject="sub-8")
    room.work(60)
    assert room.ehr.puts == [("ctx-4", "ServiceRequest/se-1")]


def test_R11_scope_that_is_not_granted_changes_nothing(room: Any) -> None:
    context = room.launch()
    done = room.sign(context)
    room.work()
    take_back(room, context, done.id)
    room.work(60)
    assert room.ehr.puts == []


def test_R11_person_was_faster_and_the_app_does_nothing_more(room: Any) -> None:
    context, referral = written(room)
    assert may_be_cancelled(room.filed(referral))
    waiting = take_back(room, context, referral)
    assert may_be_confirmed(waiting)
    assert not may_be_cancelled(waiting)
    assert confirm_discontinued(room.ledger, context, referral).status == "cancelled"
    room.work(600)
    assert (room.ehr.puts, room.ehr.posts["Provenance"]) == ([], 1)


def test_W11_change_on_its_way_cannot_be_called_done_by_hand(room: Any) -> None:
    context, referral = written(room)
    take_back(room, context, referral)
    assert room.worker.jobs.sending(room.worker.jobs.claim())
    with pytest.raises(JobNotOpen):
        confirm_discontinued(room.ledger, context, referral)
    with pytest.raises(NothingToCancel):
        take_back(room, context, referral)


def test_W20_change_that_was_altered_in_the_database_is_not_sent(room: Any) -> None:
    context, referral = written(room)
    take_back(room, context, referral)
    with writing(room.engine) as connection:
        row = (write_jobs.c.act == 2) & (write_jobs.c.action == "update")
        payload = connection.scalar(select(write_jobs.c.payload).where(row))
        altered = payload.replace(b"revoked", b"entered-in-error")
        connection.execute(update(write_jobs).where(row).values(payload=altered))
    room.work(60)
    assert room.ehr.puts == []
    assert room.filed(referral).resources[0].reason == STILL_ACTIVE


def test_R11_the_trail_tells_what_was_asked_of_the_ehr(room: Any) -> None:
    context, referral = written(room)
    take_back(room, context, referral, "signed_in_error")
    kinds = audit_events.c.kind == "referral.cancelled"
    with reading(room.engine) as connection:
        kept = connection.scalar(select(audit_events.c.canonical).where(kinds))
    detail = orjson.loads(kept)["detail"]
    assert [one["kind"] for one in detail["writes"]] == [
        "ServiceRequest",
        "DocumentReference",
        "Provenance",
    ]
    assert all(one["payload"] for one in detail["writes"])


def test_refused_part_of_a_cancelled_referral_is_not_tried_again(
    room: Any, answers: Any
) -> None:
    context = room.launch(scopes=MAY_CANCEL)
    done = room.sign(context)
    room.ehr.script = [answers.answered(422)]
    room.work()
    take_back(room, context, done.id, "signed_in_error")
    job = room.filed(done.id).resources[0].job
    with pytest.raises(JobNotOpen):
        room.outbox.retry(job, actor="operator:test")
