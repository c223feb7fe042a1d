"""What a person may do, and what is told of it."""

from typing import Any

import pytest
from sqlalchemy import select

from plugin.audit.verify import verify
from plugin.referral.errors import JobNotOpen, ReferralUnknown
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading


def test_open_jobs_are_listed(room: Any, answers: Any) -> None:
    room.ehr.script = [answers.answered(422)]
    room.sign(room.launch())
    room.work()
    assert [one.status for one in room.outbox.entries()] == ["refused"]
    assert len(room.outbox.entries(all_states=True)) == 3
    entry = room.outbox.entries()[0]
    assert (entry.kind, entry.tenant, entry.due) == ("ServiceRequest", "general", None)


def test_refused_job_can_be_tried_again(room: Any, answers: Any) -> None:
    room.ehr.script = [answers.answered(422)]
    done = room.sign(room.launch())
    room.work()
    room.outbox.retry(done.id, actor="operator:test")
    assert room.filed(done.id).status == "waiting"
    room.work()
    assert room.filed(done.id).status == "written"


def test_job_under_way_is_not_touched(room: Any) -> None:
    room.sign(room.launch())
    job = room.worker.jobs.claim()
    with pytest.raises(JobNotOpen, match="nothing to try again"):
        room.outbox.retry(job.id, actor="operator:test")
    with pytest.raises(JobNotOpen, match="leased"):
        room.outbox.resolve(job.id, found="1", actor="operator:test")


def test_retry_does_not_let_a_note_pass_its_order(room: Any, answers: Any) -> None:
    room.ehr.always = answers.answered(503)
    done = room.sign(room.launch())
    room.work(60)
    note = room.filed(done.id).resources[1].job
    room.outbox.retry(note, actor="operator:test")
    room.work(60)
    assert room.ehr.posts["DocumentReference"] == 0
    room.ehr.always = None
    room.work(300)
    assert room.states(done.id) == ["written"] * 3


def test_unsearchable_unknown_is_resolved_and_not_retried(
    room: Any, answers: Any
) -> None:
    room.ehr.searchable = False
    room.ehr.script = [answers.lost_after_commit]
    done = room.sign(room.launch())
    room.work(30)
    with pytest.raises(JobNotOpen):
        room.outbox.retry(room.filed(done.id).resources[0].job, actor="operator:test")
    assert room.ehr.posts == {"ServiceRequest": 1}


def test_unknown_that_can_be_searched_is_looked_for_at_once(
    room: Any, answers: Any
) -> None:
    room.ehr.script = [answers.lost_after_commit]
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    room.work()
    assert room.filed(done.id).status == "unknown"
    room.outbox.retry(done.id, actor="operator:test")
    assert room.filed(done.id).status == "unknown"
    room.work()
    assert room.filed(done.id).status == "written"


@pytest.mark.parametrize(
    ("found", "reference"),
    [("ServiceRequest/12", "ServiceRequest/12"), (" 12 ", "ServiceRequest/12")],
    ids=["with-type", "id-alone"],
)
def test_found_resource_is_taken_over(
    room: Any, answers: Any, found: str, reference: str
) -> None:
    room.ehr.searchable = False
    room.ehr.script = [answers.lost_after_commit]
    done = room.sign(room.launch())
    room.work(30)
    job = room.filed(done.id).resources[0].job
    room.outbox.resolve(job, found=found, actor="operator:test")
    assert room.filed(done.id).resources[0].reference == reference
    with reading(room.engine) as connection:
        newest = select(audit_events).order_by(audit_events.c.sequence.desc())
        row = connection.execute(newest).first()
    assert (row.kind, row.outcome, row.actor) == (
        "write.resolved",
        "found",
        "operator:test",
    )
    assert verify(room.engine, room.trail.keys).whole


@pytest.mark.parametrize(
    "found",
    ["DocumentReference/1", "ServiceRequest/", "../1", "https://ehr/ServiceRequest/1"],
)
def test_what_is_no_reference_of_that_kind_is_refused(
    room: Any, answers: Any, found: str
) -> None:
    room.ehr.script = [answers.answered(422)]
    done = room.sign(room.launch())
    room.work()
    with pytest.raises(ValueError, match="is no ServiceRequest"):
        room.outbox.resolve(
            room.filed(done.id).resources[0].job, found=found, actor="operator:test"
        )


def test_unknown_name_is_unknown(room: Any) -> None:
    with pytest.raises(ReferralUnknown):
        room.outbox.retry("none", actor="operator:test")
    done = room.sign(room.launch())
    with pytest.raises(JobNotOpen):  # a referral is retried, a job resolved
        room.outbox.resolve(done.id, found="1", actor="operator:test")
