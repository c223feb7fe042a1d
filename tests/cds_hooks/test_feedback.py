"""What became of a card: known cards only, kept once, sealed, and in the trail."""

import uuid

import pytest
from sqlalchemy import select

from plugin.audit.retention import Retention
from plugin.store.cds_tables import cds_cards, cds_feedback
from plugin.store.engine import reading
from tests.cds_hooks.conftest import USER

REASON = {
    "reason": {
        "code": "patient-refuses",
        "system": "http://cds-hooks.hl7.org/CodeSystem/non-adherence-reason",
    },
    "userComment": "Says that Wednesdays are taken.",
}


def kept(ehr) -> list:
    with reading(ehr.house.engine) as connection:
        return list(connection.execute(select(cds_feedback)))


def card_of(ehr, patient: str = "alcohol") -> str:
    return str(ehr.cards(patient)[0]["uuid"])


def test_override_is_kept_with_its_reason_and_stands_in_the_trail(ehr) -> None:
    card = card_of(ehr)
    assert ehr.tell(card, overrideReason=REASON).status_code == 200
    (row,) = kept(ehr)
    assert (row.card_id, row.outcome, row.reason) == (
        card,
        "overridden",
        "patient-refuses",
    )
    (event,) = ehr.events("cds.feedback")
    assert event["outcome"] == "overridden"
    assert event["actor"] == USER
    assert event["detail"]["card"] == card
    assert event["detail"]["reason"] == "patient-refuses"
    assert event["detail"]["comment"] is True


@pytest.mark.slow
def test_card_turned_down_stays_away_on_each_database(install, database_url) -> None:
    ehr = install(database_url)
    ehr.house.smart.keys.ensure()
    card = card_of(ehr)
    assert [ehr.tell(card, overrideReason=REASON).status_code for _ in "12"] == [
        200
    ] * 2
    assert len(kept(ehr)) == 1
    assert ehr.cards() == []


def test_A15_cards_of_an_erased_patient_are_gone(ehr) -> None:
    ehr.tell(card_of(ehr), overrideReason=REASON)
    ehr.cards("opioid")
    house = ehr.house
    Retention(house.engine, house.trail).erase(
        "general", ehr.sandbox.patient_id("alcohol"), actor="a", reason="asked"
    )
    assert kept(ehr) == []
    with reading(house.engine) as connection:
        patients = list(connection.scalars(select(cds_cards.c.patient)))
    assert patients == [ehr.sandbox.patient_id("opioid")]


def test_clinicians_own_words_are_sealed(ehr) -> None:
    ehr.tell(card_of(ehr), overrideReason=REASON)
    (row,) = kept(ehr)
    assert b"Wednesdays" not in row.comment
    assert "Wednesdays" not in str(ehr.events("cds.feedback"))
    seal = ehr.house.cds.reporting.seal
    opened = seal.open(
        row.comment,
        tenant="general",
        table="cds_feedback",
        row=row.card_id,
        column="comment",
    )
    assert opened.decode() == REASON["userComment"]


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({}, id="no-reason"),
        pytest.param({"overrideReason": {"userComment": "Busy."}}, id="comment-alone"),
        pytest.param({"outcome": "accepted", "acceptedSuggestions": []}, id="accepted"),
        pytest.param({"outcome": "accepted"}, id="accepted-without-a-list"),
        pytest.param({"outcomeTimestamp": "2026-03-02T12:05:31+02:00"}, id="offset"),
    ],
)
def test_every_form_of_feedback_is_taken(ehr, told) -> None:
    assert ehr.tell(card_of(ehr), **told).status_code == 200
    assert len(kept(ehr)) == 1


def test_same_report_twice_is_kept_once(ehr) -> None:
    card = card_of(ehr)
    assert [ehr.tell(card).status_code for _ in range(2)] == [200, 200]
    assert len(kept(ehr)) == 1
    assert len(ehr.events("cds.feedback")) == 1


def test_later_report_on_the_same_card_is_kept_too(ehr) -> None:
    card = card_of(ehr)
    ehr.tell(card)
    ehr.tell(card, outcomeTimestamp="2026-03-03T10:05:31Z")
    assert len(kept(ehr)) == 2


@pytest.mark.parametrize(
    "card",
    [
        pytest.param(str(uuid.UUID(int=7)), id="C13-forged"),
        pytest.param("not-a-uuid", id="C13-no-uuid"),
        pytest.param("' OR '1'='1", id="C13-sql"),
    ],
)
def test_C13_unknown_card_is_404_and_nothing_is_kept(ehr, card) -> None:
    answer = ehr.tell(card)
    assert answer.status_code == 404
    assert answer.json()["issue"][0]["code"] == "not-found"
    assert kept(ehr) == []


def test_C13_card_of_another_tenant_is_404(ehr, other) -> None:
    card = card_of(ehr)
    assert other.tell(card).status_code == 404
    assert kept(ehr) == []


def test_C13_card_of_another_service_is_404(ehr) -> None:
    assert ehr.tell(card_of(ehr), "encounter-discharge").status_code == 404


def test_C13_suggestion_that_was_not_made_is_404(ehr) -> None:
    made_up = [{"id": str(uuid.uuid4())}]
    told = {"outcome": "accepted", "acceptedSuggestions": made_up}
    assert ehr.tell(card_of(ehr), **told).status_code == 404


def test_C13_one_unknown_card_keeps_the_others_out(ehr) -> None:
    path = "/cds-services/patient-view/feedback"
    one = {"outcome": "overridden", "outcomeTimestamp": "2026-03-02T10:05:31Z"}
    cards = [card_of(ehr), str(uuid.uuid4())]
    body = {"feedback": [{"card": card, **one} for card in cards]}
    token = ehr.token(path)
    assert ehr.post(path, body, token=token).status_code == 404
    assert kept(ehr) == []
    assert ehr.post(path, body, token=token).status_code == 401  # it is used up


def test_C13_feedback_without_a_token_is_401(ehr) -> None:
    path = "/cds-services/patient-view/feedback"
    answer = ehr.client.post(path, json={"feedback": []})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no-list"),
        pytest.param({"feedback": []}, id="empty-list"),
        pytest.param({"feedback": {}}, id="no-array"),
        pytest.param({"feedback": ["x"]}, id="text"),
        pytest.param({"feedback": [{}] * 101}, id="too-many"),
    ],
)
def test_feedback_out_of_form_is_400(ehr, body) -> None:
    path = "/cds-services/patient-view/feedback"
    assert ehr.post(path, body).status_code == 400


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"outcome": "ignored"}, id="outcome"),
        pytest.param({"outcome": ["accepted"]}, id="outcome-list"),
        pytest.param({"outcomeTimestamp": None}, id="no-time"),
        pytest.param({"outcomeTimestamp": "yesterday"}, id="time-in-words"),
        pytest.param({"outcomeTimestamp": "2026-03-02T10:05:31"}, id="no-offset"),
        pytest.param({"outcomeTimestamp": "0001-01-01T00:00:00Z"}, id="year-1"),
        pytest.param({"overrideReason": "x"}, id="reason-text"),
        pytest.param({"overrideReason": {"reason": {}}}, id="reason-without-code"),
        pytest.param(
            {"overrideReason": {"reason": {"code": "a\nb"}}}, id="code-of-two-lines"
        ),
        pytest.param({"overrideReason": {"userComment": 7}}, id="comment-number"),
        pytest.param({"acceptedSuggestions": [7]}, id="suggestion-number"),
    ],
)
def test_report_out_of_form_is_400(ehr, told) -> None:
    assert ehr.tell(card_of(ehr), **told).status_code == 400


def test_odd_characters_in_a_comment_are_taken(ehr) -> None:
    reason = {"userComment": "nul \x00, emoji \U0001f600, \u202e"}
    assert ehr.tell(card_of(ehr), overrideReason=reason).status_code == 200
