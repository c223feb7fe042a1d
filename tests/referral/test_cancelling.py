"""A referral is taken back, and its history stays whole (clinical review R11)."""

from typing import Any

import orjson
import pytest
from sqlalchemy import select

from plugin.audit.verify import verify
from plugin.referral.cancelling import (
    cancel,
    confirm_discontinued,
)
from plugin.referral.errors import (
    JobNotOpen,
    NotAnswered,
    NothingToCancel,
    ReferralUnknown,
)
from plugin.referral.retraction import Cancelling
from plugin.referral.signed import Site
from plugin.referral.taken_back import NOTE_STANDS, STILL_ACTIVE
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading

SITE = Site(public_url="https://selfhelp.example.org")
NOTE_ONLY = ("DocumentReference", "Provenance")


def take_back(room: Any, context: Any, referral: str, reason: str) -> Any:
    """Where the EHR takes nothing of it."""
    act = Cancelling(context, None, SITE, reason, room.clock())
    return cancel(room.ledger, act, referral)


def told(room: Any, kind: str) -> list[dict[str, Any]]:
    rows = select(audit_events.c.canonical).where(audit_events.c.kind == kind)
    with reading(room.engine) as connection:
        return [orjson.loads(one)["detail"] for one in connection.scalars(rows)]


def test_R11_what_is_not_sent_yet_is_not_sent_any_more(room: Any) -> None:
    context = room.launch()
    done = room.sign(context, choices=2)
    assert take_back(room, context, done.id, "patient_declined").status == ("cancelled")
    room.work(600)
    assert room.ehr.posts == {}
    assert set(room.states(done.id)) == {"cancelled"}
    (event,) = told(room, "referral.cancelled")
    assert (event["reason"], len(event["parts"])) == ("patient_declined", 4)
    assert verify(room.engine, room.trail.keys).whole


def test_R11_written_order_is_said_to_be_active_until_someone_confirms(
    room: Any,
) -> None:
    context = room.launch()
    done = room.sign(context)
    room.work()
    filed = take_back(room, context, done.id, "signed_in_error")
    assert filed.status == "held"
    order, note, _ = filed.resources
    assert (order.status, order.reason) == ("held", STILL_ACTIVE)
    assert order.reference == "ServiceRequest/se-1"
    assert note.status == "written"
    after = confirm_discontinued(room.ledger, context, done.id)
    assert after.status == "cancelled"
    assert after.resources[0].reference == "ServiceRequest/se-1"
    assert told(room, "referral.discontinued") == [
        {"referral": done.id, "references": ["ServiceRequest/se-1"]}
    ]
    room.work(600)
    assert room.ehr.posts["ServiceRequest"] == 1


def test_R11_note_that_carries_the_referral_is_said_to_stand(room: Any) -> None:
    context = room.launch()
    done = room.sign(context, kinds=NOTE_ONLY)
    room.work()
    filed = take_back(room, context, done.id, "not_suitable")
    assert filed.resources[0].reason == NOTE_STANDS
    assert confirm_discontinued(room.ledger, context, done.id).status == "cancelled"


def test_R11_half_written_referral_keeps_what_stands_and_sends_no_more(
    room: Any, answers: Any
) -> None:
    context = room.launch()
    done = room.sign(context)
    room.ehr.script = [answers.created, answers.answered(503, retry_after=60)]
    room.work()
    assert room.states(done.id) == ["written", "waiting", "waiting"]
    take_back(room, context, done.id, "other")
    room.work(600)
    assert room.states(done.id) == ["held", "cancelled", "cancelled"]
    assert room.ehr.records["DocumentReference"] == []


def test_R11_lost_answer_is_cleared_up_before_anything_is_cancelled(
    room: Any, answers: Any
) -> None:
    context = room.launch()
    done = room.sign(context)
    room.ehr.script = [answers.lost_after_commit]
    room.work()
    with pytest.raises(JobNotOpen):
        take_back(room, context, done.id, "other")
    room.work(10)
    assert take_back(room, context, done.id, "other").status == "held"


def test_W10_worker_that_has_taken_a_job_does_not_send_it_once_it_is_cancelled(
    room: Any,
) -> None:
    context = room.launch()
    done = room.sign(context)
    job = room.worker.jobs.claim()
    take_back(room, context, done.id, "other")
    assert not room.worker.jobs.sending(job)
    assert room.ehr.posts == {}


def test_W11_job_on_its_way_is_not_cancelled(room: Any) -> None:
    context = room.launch()
    done = room.sign(context)
    assert room.worker.jobs.sending(room.worker.jobs.claim())
    with pytest.raises(JobNotOpen):
        take_back(room, context, done.id, "other")


def test_cancelled_order_in_the_record_is_never_sent_again(room: Any) -> None:
    context = room.launch()
    done = room.sign(context)
    room.work()
    order = take_back(room, context, done.id, "other").resources[0]
    with pytest.raises(JobNotOpen):
        room.outbox.retry(order.job, actor="operator:test")
    with pytest.raises(JobNotOpen):
        room.outbox.resolve(order.job, found=None, actor="operator:test")
    assert room.ehr.posts["ServiceRequest"] == 1


def test_cancelling_twice_is_refused_and_changes_nothing(room: Any) -> None:
    context = room.launch()
    done = room.sign(context)
    take_back(room, context, done.id, "other")
    with pytest.raises(NothingToCancel):
        take_back(room, context, done.id, "other")
    with pytest.raises(NothingToCancel):
        confirm_discontinued(room.ledger, context, done.id)
    assert len(told(room, "referral.cancelled")) == 1


def test_cancelling_says_why(room: Any) -> None:
    context = room.launch()
    done = room.sign(context)
    with pytest.raises(NotAnswered):
        take_back(room, context, done.id, "")
    assert room.states(done.id)[0] == "waiting"


def test_P03_another_patients_referral_cannot_be_cancelled(room: Any) -> None:
    done = room.sign(room.launch())
    other = room.launch("ctx-2", patient="pat-2")
    with pytest.raises(ReferralUnknown):
        take_back(room, other, done.id, "other")
    with pytest.raises(ReferralUnknown):
        confirm_discontinued(room.ledger, other, done.id)
