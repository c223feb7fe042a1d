"""Write-back: one resource for each job, whatever the EHR answers, or does not."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from plugin.audit.verify import verify
from plugin.referral.filed import Resource
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading, writing
from plugin.store.launch_tables import grants
from plugin.store.referral_tables import write_jobs
from smart_launch.errors import NotFound, NotPermitted, UnreadableAnswer
from smart_launch.fhir_client import Created

pytestmark = pytest.mark.slow

ONE_OF_EACH = Counter(ServiceRequest=1, DocumentReference=1, Provenance=1)


def first(room: Any, referral_id: str) -> Resource:
    return room.filed(referral_id).resources[0]


def kinds_told(room: Any) -> Counter[str]:
    with reading(room.engine) as connection:
        rows = connection.scalars(select(audit_events.c.kind))
        return Counter(kind for kind in rows if kind.startswith("write."))


def test_referral_is_written_in_order_and_linked(room: Any) -> None:
    done = room.sign(room.launch(), choices=2)
    assert done.status == "waiting"
    room.work()
    filed = room.filed(done.id)
    assert filed.status == "written"
    assert [one.reference for one in filed.resources] == [
        "ServiceRequest/se-1",
        "ServiceRequest/se-2",
        "DocumentReference/do-1",
        "Provenance/pr-1",
    ]
    note = room.ehr.only("DocumentReference")
    assert [one["reference"] for one in note["context"]["related"]] == [
        "ServiceRequest/se-1",
        "ServiceRequest/se-2",
    ]
    targets = [one["reference"] for one in room.ehr.only("Provenance")["target"]]
    assert targets == [one.reference for one in filed.resources[:3]]
    assert kinds_told(room) == {"write.attempted": 4, "write.written": 4}
    assert verify(room.engine, room.trail.keys).whole


def test_note_alone_is_written_where_no_order_can_be(room: Any) -> None:
    done = room.sign(room.launch(), kinds=("DocumentReference",))
    room.work()
    assert room.filed(done.id).status == "written"
    assert room.ehr.posts == {"DocumentReference": 1}
    assert "related" not in room.ehr.only("DocumentReference")["context"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param("created", (), id="W01-201-with-location"),
        pytest.param("echoed", (), id="W01-201-with-body"),
        pytest.param("without_location", (201,), id="W01-201-without-location"),
        pytest.param("without_location", (200,), id="W01-200"),
        pytest.param("without_location", (204,), id="W01-204"),
        pytest.param("accepted_late", (30,), id="W01-202"),
        pytest.param("lost_after_commit", (), id="W02-lost-after-commit"),
        pytest.param("lost_before_commit", (), id="W02-lost-before-commit"),
        pytest.param("committed_late", (1.5,), id="W02-committed-late"),
        pytest.param("committed_late", (3.5,), id="W02-committed-after-the-look"),
    ],
)
def test_W01_W02_one_resource_whatever_the_answer(
    room: Any, answers: Any, name: str, arguments: tuple[Any, ...]
) -> None:
    answer = getattr(answers, name)
    room.ehr.script = [answer(*arguments) if arguments else answer]
    done = room.sign(room.launch())
    room.work(120)
    assert room.states(done.id) == ["written"] * 3
    assert first(room, done.id).reference == "ServiceRequest/se-1"
    assert len(room.ehr.records["ServiceRequest"]) == 1
    assert not room.ehr.late


def test_W02_lost_answer_is_looked_for_after_two_seconds_and_again_before_a_post(
    room: Any, answers: Any
) -> None:
    room.ehr.script = [answers.lost_before_commit]
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    began = room.clock.now
    room.work()
    assert room.states(done.id) == ["unknown"]
    room.work(1.9)
    assert room.ehr.searches == []
    room.work(10)
    looks = [(at - began).total_seconds() for at, _, _ in room.ehr.searches]
    assert len(looks) == 2
    assert 2.0 <= looks[0] <= 2.2
    assert 3.5 <= looks[1] <= 5.0
    assert room.ehr.posts["ServiceRequest"] == 2
    assert room.states(done.id) == ["written"]


def test_W02_found_resource_is_adopted_and_nothing_is_sent_again(
    room: Any, answers: Any
) -> None:
    room.ehr.script = [answers.lost_after_commit]
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    room.work(60)
    assert room.ehr.posts["ServiceRequest"] == 1
    assert first(room, done.id).reference == "ServiceRequest/se-1"


def test_W02_search_that_may_have_missed_it_is_not_trusted(
    room: Any, answers: Any
) -> None:
    room.ehr.script = [answers.lost_before_commit]
    room.ehr.incomplete = True
    done = room.sign(room.launch())
    room.work(300)
    assert room.states(done.id) == ["unknown", "waiting", "waiting"]
    assert room.ehr.posts["ServiceRequest"] == 1
    room.ehr.incomplete = False
    room.work(700)
    assert room.states(done.id) == ["written"] * 3


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"searchable": False}, id="no-identifier-search"),
        pytest.param({"search_error": NotPermitted("no")}, id="search-forbidden"),
        pytest.param({"search_error": NotFound("none")}, id="search-unknown"),
    ],
)
def test_W03_server_that_cannot_be_searched_leaves_it_to_a_person(
    room: Any, answers: Any, change: dict[str, Any]
) -> None:
    for name, value in change.items():
        setattr(room.ehr, name, value)
    room.ehr.script = [answers.lost_after_commit]
    done = room.sign(room.launch())
    room.work(3600)
    filed = room.filed(done.id)
    assert filed.status == "unknown"
    assert filed.resources[0].due is None
    assert "look in the chart" in filed.resources[0].reason
    assert room.ehr.posts == {"ServiceRequest": 1}
    room.outbox.resolve(filed.resources[0].job, found="se-1", actor="operator:test")
    room.work()
    assert room.states(done.id) == ["written"] * 3
    related = room.ehr.only("DocumentReference")["context"]["related"]
    assert related == [{"reference": "ServiceRequest/se-1"}]


def test_W03_resource_said_to_be_absent_is_sent_again(room: Any, answers: Any) -> None:
    room.ehr.searchable = False
    room.ehr.script = [answers.lost_before_commit]
    done = room.sign(room.launch())
    room.work(60)
    room.outbox.resolve(first(room, done.id).job, found=None, actor="operator:test")
    room.work()
    assert room.states(done.id) == ["written"] * 3
    assert len(room.ehr.records["ServiceRequest"]) == 1


def test_W01_filed_without_a_place_on_a_server_that_cannot_be_searched(
    room: Any, answers: Any
) -> None:
    room.ehr.searchable = False
    room.ehr.script = [answers.without_location(201)]
    done = room.sign(room.launch())
    room.work(60)
    assert room.states(done.id) == ["written"] * 3
    assert first(room, done.id).reference == ""
    assert "related" not in room.ehr.only("DocumentReference")["context"]


def test_W01_other_patient_s_body_is_held_with_an_alarm(
    room: Any, answers: Any
) -> None:
    room.ehr.script = [answers.for_another_patient]
    done = room.sign(room.launch())
    room.work(600)
    assert room.states(done.id) == ["held", "waiting", "waiting"]
    assert room.ehr.posts == {"ServiceRequest": 1}
    assert kinds_told(room)["write.held"] == 1


def test_W02_resource_found_under_another_patient_is_held(
    room: Any, answers: Any
) -> None:
    def lost_elsewhere(ehr: Any, kind: str, resource: dict[str, Any]) -> Any:
        moved = resource | {"subject": {"reference": "Patient/other"}}
        return answers.lost_after_commit(ehr, kind, moved)

    room.ehr.script = [lost_elsewhere]
    done = room.sign(room.launch())
    room.work(60)
    assert room.states(done.id)[0] == "held"


def test_W02_resource_found_twice_is_held(room: Any, answers: Any) -> None:
    def lost_twice(ehr: Any, kind: str, resource: dict[str, Any]) -> Any:
        ehr.commit(kind, resource)
        return answers.lost_after_commit(ehr, kind, resource)

    room.ehr.script = [lost_twice]
    done = room.sign(room.launch())
    room.work(60)
    assert room.states(done.id)[0] == "held"


def test_W05_note_refused_keeps_the_order_and_says_so(room: Any, answers: Any) -> None:
    room.ehr.script = [answers.created, answers.answered(422)]
    done = room.sign(room.launch())
    room.work(600)
    filed = room.filed(done.id)
    assert filed.status == "refused"
    assert room.states(done.id) == ["written", "refused", "written"]
    assert filed.resources[1].reason == (
        "The record system refused it (422): <b>not</b> allowed here"
    )
    assert room.ehr.posts == ONE_OF_EACH
    target = [{"reference": "ServiceRequest/se-1"}]
    assert room.ehr.only("Provenance")["target"] == target


@pytest.mark.parametrize(
    "status", [400, 403, 404, 405, 422], ids=lambda status: f"W06-{status}"
)
def test_W06_refused_order_is_not_tried_again_and_the_note_goes_on(
    room: Any, answers: Any, status: int
) -> None:
    room.ehr.script = [answers.answered(status)]
    done = room.sign(room.launch())
    room.work(600)
    assert room.states(done.id) == ["refused", "written", "written"]
    assert room.filed(done.id).status == "refused"
    assert room.ehr.posts == ONE_OF_EACH
    assert "not</b> allowed" in first(room, done.id).reason


def test_W06_nothing_written_leaves_nothing_to_point_at(
    room: Any, answers: Any
) -> None:
    room.ehr.script = [answers.answered(422), answers.answered(422)]
    done = room.sign(room.launch())
    room.work()
    assert room.states(done.id) == ["refused", "refused", "cancelled"]
    assert room.ehr.posts["Provenance"] == 0


def test_refused_provenance_does_not_make_the_referral_refused(
    room: Any, answers: Any
) -> None:
    room.ehr.script = [answers.created, answers.created, answers.answered(403)]
    done = room.sign(room.launch())
    room.work()
    assert room.states(done.id) == ["written", "written", "refused"]
    assert room.filed(done.id).status == "written"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        pytest.param(409, "written", id="W07-409-passes"),
        pytest.param(423, "written", id="W07-423-passes"),
        pytest.param(412, "held", id="W07-412-is-for-a-person"),
        pytest.param(307, "held", id="W07-redirect-is-for-a-person"),
    ],
)
def test_W07_conflicts(room: Any, answers: Any, status: int, state: str) -> None:
    room.ehr.script = [answers.answered(status)]
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    room.work(20)
    assert room.states(done.id) == [state]


@pytest.mark.parametrize("status", [429, 503, 500])
def test_W08_storm_of_an_hour_is_waited_out_in_order(
    room: Any, answers: Any, status: int
) -> None:
    room.ehr.always = answers.answered(status)
    done = room.sign(room.launch())
    room.work(3600)
    assert room.states(done.id) == ["waiting"] * 3
    # 2.5 s, doubling to 5 min: about 7 in the first 5 minutes and 12 to 16 after.
    assert 15 <= room.ehr.posts["ServiceRequest"] <= 30
    assert room.ehr.posts["DocumentReference"] == 0
    room.ehr.always = None
    room.work(300)
    assert room.states(done.id) == ["written"] * 3


def test_W08_first_retry_comes_within_five_seconds(room: Any, answers: Any) -> None:
    room.ehr.script = [answers.answered(503)]
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    room.work(5)
    assert room.states(done.id) == ["written"]


def test_W08_retry_after_is_honoured_and_a_launch_does_not_end_it(
    room: Any, answers: Any
) -> None:
    room.ehr.script = [answers.answered(429, retry_after=600)]
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    room.work(60)
    room.launch("ctx-2")
    room.work(530)
    assert room.states(done.id) == ["waiting"]
    room.work(15)
    assert room.states(done.id) == ["written"]


def test_W08_waiting_jobs_go_on_when_the_patient_is_opened_again(
    room: Any, answers: Any
) -> None:
    room.ehr.script = [answers.answered(503)] * 9
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    room.work(400)
    assert room.states(done.id) == ["waiting"]
    room.ehr.script = []
    due = first(room, done.id).due
    assert due - room.clock.now > timedelta(seconds=20)
    room.launch("ctx-2")
    room.work()
    assert room.states(done.id) == ["written"]


def test_W09_note_waits_for_the_same_user_s_launch(room: Any) -> None:
    context = room.launch()
    room.ehr.on_post = lambda: room.ehr.relaunch.add("ctx-1")
    done = room.sign(context)
    room.work(600)
    assert room.states(done.id) == ["written", "waiting", "waiting"]
    assert "opens this patient again" in room.filed(done.id).resources[1].reason
    attempts = room.filed(done.id).resources[1].attempts
    room.work(600)  # it does not keep asking
    assert room.filed(done.id).resources[1].attempts == attempts
    room.ehr.on_post = None
    room.launch("ctx-other", subject="sub-8", fhir_user="Practitioner/8")
    room.launch("ctx-another-patient", patient="pat-2")
    room.work(60)
    assert room.ehr.posts == {"ServiceRequest": 1}
    room.launch("ctx-2")
    room.work(20)
    assert room.states(done.id) == ["written"] * 3
    assert room.ehr.posts == ONE_OF_EACH


def test_W09_ended_launch_s_grant_is_not_used(room: Any) -> None:
    context = room.launch()
    done = room.sign(context)
    room.contexts.end(context.id, "logged out")
    room.work(60)
    assert room.states(done.id) == ["waiting"] * 3
    assert room.ehr.posts == {}


def test_W09_dead_grant_of_the_newest_launch_leaves_an_older_one(room: Any) -> None:
    done = room.sign(room.launch())
    room.clock.forward(60)
    room.launch("ctx-2")
    room.ehr.relaunch.add("ctx-2")
    room.work()
    assert room.states(done.id) == ["written"] * 3


def test_W17_poison_job_is_held_and_the_rest_goes_on(room: Any) -> None:
    context = room.launch()
    bad = room.sign(context, key="bad")
    good = room.sign(context, key="good")
    poison = b"not a resource at all"
    with writing(room.engine) as connection:
        connection.execute(
            update(write_jobs)
            .where(write_jobs.c.referral_id == bad.id)
            .values(payload=poison, payload_digest=room.trail.keys.digest(poison))
        )
    room.work(10)
    assert room.states(bad.id) == ["held", "waiting", "waiting"]
    assert room.states(good.id) == ["written"] * 3


def test_W17_note_that_cannot_be_completed_is_held_and_the_rest_goes_on(
    room: Any,
) -> None:
    """The order's place is one that no reference may hold: the note cannot say it."""
    context = room.launch()
    bad = room.sign(context, key="bad")
    good = room.sign(context, key="good")
    room.ehr.script = [lambda ehr, kind, body: Created(201, "not an id", "1", None)]
    room.work(10)
    states = {tuple(room.states(one.id)) for one in (bad, good)}
    assert states == {("written", "held", "waiting"), ("written",) * 3}


@pytest.mark.parametrize("status", [404, 410], ids=["W18-404", "W18-410"])
def test_W18_patient_gone_is_held(room: Any, answers: Any, status: int) -> None:
    room.ehr.script = [answers.answered(status)]
    room.ehr.patient = NotFound("gone", http_status=status)
    done = room.sign(room.launch())
    room.work(60)
    assert room.states(done.id) == ["held", "waiting", "waiting"]
    assert "merged or removed" in first(room, done.id).reason


@pytest.mark.parametrize(
    "patient",
    [
        pytest.param({"active": False}, id="inactive"),
        pytest.param(
            {"link": [{"other": {"reference": "Patient/2"}, "type": "replaced-by"}]},
            id="replaced",
        ),
        pytest.param(NotFound("gone", http_status=410), id="gone"),
    ],
)
def test_W18_patient_merged_while_it_waited_is_seen_before_the_write(
    room: Any, answers: Any, patient: Any
) -> None:
    room.ehr.always = answers.answered(503)
    done = room.sign(room.launch())
    room.work(960)
    room.ehr.always = None
    room.ehr.patient = patient
    posts = room.ehr.posts["ServiceRequest"]
    room.work(600)
    assert room.states(done.id)[0] == "held"
    assert room.ehr.posts["ServiceRequest"] == posts


@pytest.mark.parametrize(
    "patient",
    [
        pytest.param(NotPermitted("not ours to read"), id="not-permitted"),
        pytest.param({"active": True, "link": "odd"}, id="still-there"),
    ],
)
def test_W18_late_write_goes_on_where_the_patient_is_there(
    room: Any, answers: Any, patient: Any
) -> None:
    room.ehr.always = answers.answered(503)
    done = room.sign(room.launch())
    room.work(960)
    room.ehr.always = None
    room.ehr.patient = patient
    room.work(600)
    assert room.states(done.id) == ["written"] * 3
    assert room.ehr.reads["Patient"] >= 1


def test_W20_payload_changed_in_the_database_is_not_sent(room: Any) -> None:
    done = room.sign(room.launch())
    with writing(room.engine) as connection:
        payload = connection.scalars(select(write_jobs.c.payload)).first()
        changed = payload.replace(b"711281004", b"000000000")
        connection.execute(
            update(write_jobs)
            .where(write_jobs.c.position == 1)
            .values(payload=changed, payload_digest="sha256:" + "0" * 64)
        )
    room.work(60)
    assert room.states(done.id) == ["held", "waiting", "waiting"]
    assert room.ehr.posts == {}
    assert kinds_told(room) == {"write.held": 1}


def test_P03_payload_about_another_patient_is_not_sent(room: Any) -> None:
    done = room.sign(room.launch())
    with writing(room.engine) as connection:
        connection.execute(update(write_jobs).values(patient="pat-2"))
    room.work(60)
    assert room.states(done.id)[0] == "held"
    assert room.ehr.posts == {}


def test_P03_grant_of_another_patient_is_not_used(room: Any) -> None:
    context = room.launch()
    done = room.sign(context)
    with room.contexts.locked(context.id) as row:
        from dataclasses import replace

        row.replace(replace(row.grant, patient="pat-2"))
    room.work(60)
    assert room.states(done.id)[0] == "held"
    assert room.ehr.posts == {}


def test_A13_sign_in_that_does_not_open_is_held(room: Any) -> None:
    done = room.sign(room.launch())
    with writing(room.engine) as connection:
        connection.execute(update(grants).values(sealed=b"\x01\x02k1" + bytes(40)))
    room.work()
    assert room.states(done.id)[0] == "held"


def test_R12_referral_of_yesterday_asks_again_and_then_is_written(
    room: Any, answers: Any
) -> None:
    context = room.launch()
    done = room.sign(context)
    room.clock.forward(25 * 3600)
    room.work()
    assert room.states(done.id) == ["held", "waiting", "waiting"]
    assert room.ehr.posts == {}
    room.outbox.retry(done.id, actor="Practitioner/7")
    room.work()
    assert room.states(done.id) == ["written"] * 3


@pytest.mark.parametrize("conditional", [True, False])
def test_create_is_conditional_only_where_that_is_declared(
    room: Any, conditional: bool
) -> None:
    room.ehr.conditional = conditional
    done = room.sign(room.launch())
    room.work()
    name = f"identifier=https://selfhelp.example.org/referrals|{done.id}"
    expected = [f"{name}.1", name, None] if conditional else [None] * 3
    assert room.ehr.conditions == expected


def test_unreadable_capabilities_do_not_stop_a_first_write(room: Any) -> None:
    room.ehr.unreadable_capabilities = True
    done = room.sign(room.launch())
    room.work()
    assert room.states(done.id) == ["written"] * 3


def test_unreadable_capabilities_put_a_second_one_off(room: Any, answers: Any) -> None:
    room.ehr.script = [answers.lost_before_commit]
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    room.work()
    room.ehr.unreadable_capabilities = True
    room.work(30)
    assert room.states(done.id) == ["unknown"]
    assert room.ehr.posts["ServiceRequest"] == 1
    room.ehr.unreadable_capabilities = False
    room.work(300)
    assert room.states(done.id) == ["written"]


def test_lost_provenance_is_found_by_its_target(room: Any, answers: Any) -> None:
    room.ehr.script = [answers.created, answers.created, answers.lost_after_commit]
    done = room.sign(room.launch())
    room.work(60)
    assert room.states(done.id) == ["written"] * 3
    assert room.ehr.posts["Provenance"] == 1


def test_provenance_of_another_act_is_not_taken_for_ours(
    room: Any, answers: Any
) -> None:
    def another(ehr: Any, kind: str, resource: dict[str, Any]) -> Any:
        ehr.commit(kind, resource | {"recorded": "2020-01-01T00:00:00Z"})
        ehr.commit(kind, resource | {"recorded": "?"})
        ehr.commit(kind, resource | {"target": resource["target"][:1]})
        return answers.lost_before_commit(ehr, kind, resource)

    room.ehr.script = [answers.created, answers.created, another]
    done = room.sign(room.launch())
    room.work(60)
    assert room.states(done.id) == ["written"] * 3
    assert room.ehr.posts["Provenance"] == 2


def test_search_that_fails_is_tried_again(room: Any, answers: Any) -> None:
    room.ehr.script = [answers.lost_after_commit]
    room.ehr.search_error = UnreadableAnswer("broken")
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    room.work(30)
    assert room.states(done.id) == ["unknown"]
    room.ehr.search_error = None
    room.work(300)
    assert room.states(done.id) == ["written"]
    assert room.ehr.posts["ServiceRequest"] == 1


def test_T03_ehr_taken_out_of_the_settings_holds_its_jobs(room: Any) -> None:
    from smart_launch.errors import UnknownIssuer

    done = room.sign(room.launch())

    def gone(_context_id: str) -> Any:
        raise UnknownIssuer("not registered any more")

    object.__setattr__(room.worker.writer, "fhir_for", gone)
    room.work()
    assert room.states(done.id)[0] == "held"
