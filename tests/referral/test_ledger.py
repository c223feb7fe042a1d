"""One decision, one transaction: all of it is kept, or nothing."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError

from plugin.audit.verify import verify
from plugin.referral.decision import DecisionRequest
from plugin.referral.errors import KeyReused, NotAnswered, ReferralUnknown
from plugin.referral.filed import Outcome, referral_json
from plugin.referral.outcomes import linkage, outcome_request
from plugin.referral.signed import Acknowledgement
from plugin.referral.signed_form import signed_bytes, signed_of
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading, writing
from plugin.store.errors import StoreUnavailable
from plugin.store.referral_tables import decisions, referrals, write_jobs


def count(room: Any, table: Any) -> int:
    with reading(room.engine) as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def kinds(room: Any) -> list[str]:
    rows = select(audit_events.c.kind).order_by(audit_events.c.sequence)
    with reading(room.engine) as connection:
        return list(connection.scalars(rows))


def test_signed_referral_comes_back_as_it_was_signed(room: Any) -> None:
    done = room.sign(room.launch(), choices=2)
    signed = room.filed(done.id).signed
    assert signed_of(signed_bytes(signed)) == signed
    assert signed.choices[0].meeting is not None
    assert signed.acknowledged == (
        Acknowledgement("S6b", "low", signed.acknowledged[0].follow_up),
    )


def test_P09_same_key_and_decision_is_one_referral(room: Any) -> None:
    context = room.launch()
    first = room.sign(context, key="k")
    room.work()
    again = room.sign(context, key="k")
    assert (first.created, again.created) == (True, False)
    assert (again.id, again.status) == (first.id, "written")
    room.work()
    assert room.ehr.posts == {
        "ServiceRequest": 1,
        "DocumentReference": 1,
        "Provenance": 1,
    }


def test_P09_same_key_in_a_later_launch_is_one_referral(room: Any) -> None:
    first = room.sign(room.launch(), key="k")
    again = room.sign(room.launch("ctx-2"), key="k")
    assert again.id == first.id


def test_P09_same_key_with_another_decision_is_refused(room: Any) -> None:
    context = room.launch()
    room.sign(context, key="k")
    with pytest.raises(KeyReused):
        room.sign(context, key="k", note="Another note.")
    with pytest.raises(KeyReused):
        room.ledger.signed_before(context, "k", "another")
    assert room.ledger.signed_before(context, "other", "x") is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"patient": "pat-2"}, id="another-patient"),
        pytest.param({"subject": "sub-8"}, id="another-user"),
        pytest.param({"tenant": "other"}, id="another-tenant"),
    ],
)
def test_P10_same_key_of_another_is_another_referral(
    room: Any, change: dict[str, Any]
) -> None:
    first = room.sign(room.launch(), key="k")
    other = room.sign(room.launch("ctx-2", **change), key="k")
    assert other.created
    assert other.id != first.id


def test_P09_twenty_at_once_with_one_key_are_one_referral(room: Any) -> None:
    context = room.launch()
    gate = threading.Barrier(20)
    outcomes: list[Any] = []

    def sign() -> None:
        gate.wait()
        outcomes.append(room.sign(context, key="k"))

    threads = [threading.Thread(target=sign) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.id for one in outcomes}) == 1
    assert sum(one.created for one in outcomes) == 1
    assert (count(room, referrals), count(room, write_jobs)) == (1, 3)
    assert kinds(room) == ["referral.signed"]


def test_A08_referral_is_not_kept_where_it_cannot_be_recorded(room: Any) -> None:
    context = room.launch()
    with writing(room.engine) as connection:
        connection.execute(text("ALTER TABLE audit_events RENAME TO moved_away"))
    with pytest.raises((StoreUnavailable, ProgrammingError)):
        room.sign(context)
    with writing(room.engine) as connection:
        connection.execute(text("ALTER TABLE moved_away RENAME TO audit_events"))
    assert (count(room, referrals), count(room, write_jobs)) == (0, 0)


def test_referrals_are_the_patient_s_own_the_newest_first(room: Any) -> None:
    context = room.launch()
    first = room.sign(context, key="1")
    room.clock.forward(60)
    second = room.sign(context, key="2", choices=2)
    room.sign(room.launch("ctx-2", patient="pat-2"), key="3")
    found = room.ledger.referrals("general", "pat-1")
    assert [one.id for one in found] == [second.id, first.id]
    assert [len(one.resources) for one in found] == [4, 3]
    assert room.ledger.referrals("other", "pat-1") == []


def test_referral_of_another_patient_is_unknown(room: Any) -> None:
    done = room.sign(room.launch())
    assert room.ledger.referral_of(room.launch("ctx-2"), done.id).id == done.id
    for change in ({"patient": "pat-2"}, {"tenant": "other"}):
        other = room.launch(f"ctx-{change}"[:60], **change)
        with pytest.raises(ReferralUnknown):
            room.ledger.referral_of(other, done.id)
    with pytest.raises(ReferralUnknown):
        room.ledger.referral("none")


def test_referral_json_is_the_contract_s(room: Any) -> None:
    context = room.launch()
    done = room.sign(context, choices=2)
    room.work()
    room.ledger.record_outcome(context, done.id, Outcome("yes", 2, True, ("sponsor",)))
    told = referral_json(room.filed(done.id))
    assert told["id"] == done.id
    assert told["status"] == "written"
    assert told["signed_at"] == "2026-03-02T12:00:00+00:00"
    assert told["choices"][0]["program"] == "aa"
    assert told["choices"][0]["meeting"] == "m-1"
    assert told["choices"][1]["meeting"] is None
    assert told["resources"][0] == {
        "type": "ServiceRequest",
        "status": "written",
        "reference": "ServiceRequest/se-1",
        "reason": None,
    }
    assert told["outcomes"][0]["attended"] == "yes"
    assert told["outcomes"][0]["involvement"] == ["sponsor"]


@pytest.mark.parametrize(
    ("decision", "kind"),
    [("handout_only", "referral.handout"), ("declined", "referral.declined")],
)
def test_decision_without_a_write_is_kept_and_told(
    room: Any, decision: Any, kind: str
) -> None:
    context = room.launch()
    request = DecisionRequest(decision, "not_now")
    room.ledger.record_decision(context, request, red_unresolved=("S1",))
    with reading(room.engine) as connection:
        row = connection.execute(select(decisions)).one()
    assert (row.decision, row.reason, row.red_unresolved) == (decision, "not_now", True)
    assert kinds(room) == [kind]
    room.work()
    assert room.ehr.posts == {}


def test_outcome_is_kept_and_told(room: Any) -> None:
    context = room.launch()
    done = room.sign(context)
    outcome = Outcome("no", None, None, (), "too_far")
    filed = room.ledger.record_outcome(context, done.id, outcome)
    (kept,) = filed.outcomes
    assert (kept.attended, kept.reason, kept.author) == (
        "no",
        "too_far",
        "Practitioner/7",
    )
    assert kept.recorded_at == room.clock.now
    assert kinds(room)[-1] == "outcome.recorded"
    assert verify(room.engine, room.trail.keys).whole


def test_outcome_of_another_patient_s_referral_is_not_kept(room: Any) -> None:
    done = room.sign(room.launch())
    other = room.launch("ctx-2", patient="pat-2")
    with pytest.raises(ReferralUnknown):
        room.ledger.record_outcome(other, done.id, Outcome("yes"))


def test_linkage_counts_who_went_within_thirty_days(room: Any) -> None:
    context = room.launch()
    made = [room.sign(context, key=str(number)).id for number in range(5)]
    told = room.ledger.record_outcome
    room.clock.forward(10 * 86400)
    told(context, made[0], Outcome("yes", 1))
    told(context, made[0], Outcome("yes", 2))
    told(context, made[1], Outcome("no"))
    told(context, made[2], Outcome("unknown"))
    room.clock.forward(25 * 86400)
    told(context, made[3], Outcome("yes"))
    now = room.clock.now
    found = linkage(room.engine, "general", now - timedelta(days=60), now)
    assert (found.referred, found.heard_of, found.linked) == (5, 3, 1)
    assert found.rate == 0.2
    assert linkage(room.engine, "other", now - timedelta(days=60), now).rate is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"attended": "yes", "times": 3}, id="yes"),
        pytest.param(
            {
                "attended": "yes",
                "times": None,
                "would_return": True,
                "involvement": ["service", "sponsor"],
                "reason": None,
            },
            id="all-keys",
        ),
        pytest.param({"attended": "no", "times": 0, "reason": "too_far"}, id="no"),
        pytest.param({"attended": "unknown"}, id="unknown"),
    ],
)
def test_outcome_is_read(body: dict[str, Any]) -> None:
    outcome = outcome_request(body)
    assert outcome.attended == body["attended"]
    assert set(outcome.involvement) == set(body.get("involvement", []))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="empty"),
        pytest.param({"attended": True}, id="attended"),
        pytest.param({"attended": "yes", "times": -1}, id="negative"),
        pytest.param({"attended": "yes", "times": 1001}, id="too-often"),
        pytest.param({"attended": "yes", "times": 1.5}, id="fraction"),
        pytest.param({"attended": "yes", "times": True}, id="times-truth"),
        pytest.param({"attended": "no", "times": 2}, id="went-and-did-not"),
        pytest.param({"attended": "yes", "would_return": "yes"}, id="would-return"),
        pytest.param({"attended": "yes", "involvement": "sponsor"}, id="text"),
        pytest.param({"attended": "yes", "involvement": ["chair"]}, id="another-role"),
        pytest.param({"attended": "yes", "involvement": [{}]}, id="object"),
        pytest.param({"attended": "no", "reason": "It was awful"}, id="free-text"),
        pytest.param({"attended": "no", "reason": 1}, id="reason-number"),
        pytest.param({"attended": "no", "x": 1}, id="further-key"),
    ],
)
def test_unclear_outcome_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(NotAnswered):
        outcome_request(body)
