"""What is signed is finished in the app's own name: only where set, and said so."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from plugin.referral.own_access import WRITTEN_BY_BACKEND
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading
from smart_launch.errors import EhrUnavailable, RelaunchNeeded
from smart_launch.scopes import Scopes

SYSTEM = "system/ServiceRequest.crs system/DocumentReference.crs system/Provenance.c"


@dataclass
class Own:
    """The app's own access, which counts how often it is asked for."""

    client: Any
    scopes: str = SYSTEM
    error: Exception | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def granted(self, tenant: str) -> Scopes:
        if self.error:
            raise self.error
        return Scopes.parse(self.scopes)

    def fhir(self, tenant: str, patient: str) -> Any:
        self.asked.append((tenant, patient))
        return replace(self.client, patient=patient)


@pytest.fixture
def own(room: Any) -> Own:
    room.launch("ctx-of-nobody", subject="nobody")
    access = Own(room.worker.fhir_for("ctx-of-nobody"))
    room.worker.writer = replace(room.worker.writer, own=access)
    return access


def signed_and_gone(room: Any, **changes: Any) -> str:
    """A referral whose signer's sign-in is over before anything was sent."""
    done = room.sign(room.launch(), **changes)
    room.ehr.relaunch.add("ctx-1")
    return str(done.id)


def grants_told(room: Any, kind: str) -> list[str]:
    with reading(room.engine) as connection:
        told = select(audit_events.c.canonical).where(audit_events.c.kind == kind)
        events = [orjson.loads(row) for row in connection.scalars(told)]
    return [event["detail"]["grant"] for event in events]


def test_signed_referral_is_finished_and_the_record_says_how(
    room: Any, own: Own
) -> None:
    referral = signed_and_gone(room)
    room.work()
    filed = room.filed(referral)
    assert filed.status == "written"
    assert {one.reason for one in filed.resources} == {WRITTEN_BY_BACKEND}
    assert grants_told(room, "write.written") == ["backend"] * 3
    assert set(own.asked) == {("general", "pat-1")}
    assert room.ehr.posts.total() == 3


def test_signers_own_grant_comes_first(room: Any, own: Own) -> None:
    done = room.sign(room.launch())
    room.work()
    assert room.filed(done.id).status == "written"
    assert {one.reason for one in room.filed(done.id).resources} == {""}
    assert grants_told(room, "write.written") == ["user"] * 3
    assert own.asked == []


def test_without_the_setting_it_waits_for_the_signer(room: Any) -> None:
    referral = signed_and_gone(room)
    room.work(60)
    assert room.filed(referral).status == "waiting"
    assert room.ehr.posts.total() == 0


def test_ehr_that_grants_nothing_leaves_it_waiting(room: Any, own: Own) -> None:
    own.error = RelaunchNeeded("nothing granted")
    referral = signed_and_gone(room)
    room.work(60)
    assert room.filed(referral).status == "waiting"
    assert room.ehr.posts.total() == 0


def test_ehr_that_does_not_answer_is_asked_again(room: Any, own: Own) -> None:
    own.error = EhrUnavailable("no answer", sent=True)
    referral = signed_and_gone(room)
    room.work()
    assert room.filed(referral).status == "waiting"
    own.error = None
    room.work(10)
    assert room.filed(referral).status == "written"


@pytest.mark.parametrize("what", ["patient", "scope"])
def test_L41_launch_that_the_ehr_changed_is_not_finished(
    room: Any, own: Own, what: str
) -> None:
    referral = signed_and_gone(room)
    room.contexts.end("ctx-1", f"the EHR changed the {what}")
    room.work(60)
    assert room.filed(referral).status == "waiting"
    assert room.ehr.posts.total() == 0


def test_launch_that_was_logged_out_of_is_finished(room: Any, own: Own) -> None:
    referral = signed_and_gone(room)
    room.contexts.end("ctx-1", "logged out")
    room.work()
    assert room.filed(referral).status == "written"


def test_W02_lost_answer_is_looked_up_with_the_same_access(
    room: Any, own: Own, answers: Any
) -> None:
    referral = signed_and_gone(room, kinds=("DocumentReference",))
    room.ehr.script = [answers.lost_after_commit]
    room.work(60)
    assert room.filed(referral).status == "written"
    assert room.ehr.posts == {"DocumentReference": 1}
    assert len(room.ehr.searches) == 1


def test_lost_answer_that_may_not_be_looked_up_is_a_persons(
    room: Any, own: Own, answers: Any
) -> None:
    own.scopes = "system/DocumentReference.c"
    referral = signed_and_gone(room, kinds=("DocumentReference",))
    room.ehr.script = [answers.lost_after_commit]
    room.work(60)
    assert room.filed(referral).status == "unknown"
    assert room.ehr.posts == {"DocumentReference": 1}


def test_record_that_was_merged_gets_nothing(room: Any, own: Own) -> None:
    room.ehr.patient = {"active": False}
    referral = signed_and_gone(room)
    room.work(60)
    assert room.filed(referral).status == "held"
    assert room.ehr.posts.total() == 0


def test_R12_what_is_a_day_old_is_held_for_a_person(room: Any, own: Own) -> None:
    referral = signed_and_gone(room)
    room.clock.now += timedelta(hours=25)
    room.work()
    assert room.filed(referral).status == "held"
    assert room.ehr.posts.total() == 0


def test_access_to_another_patient_is_an_alarm(room: Any, own: Own) -> None:
    class Elsewhere(Own):
        def fhir(self, tenant: str, patient: str) -> Any:
            return super().fhir(tenant, "pat-2")

    room.worker.writer = replace(room.worker.writer, own=Elsewhere(own.client))
    referral = signed_and_gone(room)
    room.work()
    assert room.filed(referral).status == "held"
    assert room.ehr.posts.total() == 0
