"""What may be signed: read strictly, refused with a reason, never echoed."""

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.matching.recommendation import Recommendation
from plugin.matching.recommendation import Warning as Shown
from plugin.referral.decision import (
    Wanted,
    check_gates,
    checked_key,
    decision_request,
    sign_request,
    unresolved,
    withdrawal_answer,
)
from plugin.referral.errors import KeyMissing, NotAnswered
from plugin.referral.signed import Acknowledgement

TODAY = date(2026, 3, 2)
BODY = {
    "choices": [{"program": "aa", "meeting": "m-1"}, {"program": "smart"}],
    "note": "A note.",
    "patient": "pat-1",
    "acknowledged": [{"id": "S1", "text": "Plan made.", "follow_up": "2026-03-04"}],
    "agreement": "named",
}
RED = Shown("S6", "red", "Withdrawal", "", needs_answer=True, asks_withdrawal=True)
SUICIDE = Shown(
    "S1", "red", "Suicide risk", "", needs_answer=True, needs_follow_up=True
)
AMBER = Shown("S6b", "amber", "Ask", "", asks_withdrawal=True)


def recommendation(*warnings: Shown) -> Recommendation:
    return Recommendation(
        knowledge_version="1",
        at=datetime(2026, 3, 2, tzinfo=UTC),
        age=40,
        gender="male",
        needs=(),
        warnings=warnings,
        programs=(),
        offered=(),
        single_sessions=(),
        removed=(),
        unmapped=(),
        unreadable=(),
        could_not_check=(),
    )


def test_decision_is_read_as_it_was_made() -> None:
    request = sign_request(BODY)
    assert request.choices == (Wanted("aa", "m-1"), Wanted("smart", None))
    assert request.acknowledged == (
        Acknowledgement("S1", "Plan made.", date(2026, 3, 4)),
    )
    assert (request.patient, request.agreement) == ("pat-1", "named")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"agreement": None}, "agreement is missing", id="no-agreement"),
        pytest.param({"agreement": "both"}, "agreement is missing", id="agreement"),
        pytest.param({"agreement": ["named"]}, "agreement", id="agreement-list"),
        pytest.param({"choices": []}, "one or two", id="no-choice"),
        pytest.param({"choices": "aa"}, "one or two", id="choices-text"),
        pytest.param(
            {"choices": [{"program": p} for p in "abc"]}, "one or two", id="three"
        ),
        pytest.param(
            {"choices": [{"program": "aa"}] * 2}, "same programme twice", id="twice"
        ),
        pytest.param({"choices": ["aa"]}, "must be an object", id="choice-text"),
        pytest.param({"choices": [{"program": 1}]}, "program", id="program-number"),
        pytest.param({"choices": [{"program": "a b"}]}, "program", id="program-form"),
        pytest.param(
            {"choices": [{"program": "aa", "meeting": ""}]}, "meeting", id="meeting"
        ),
        pytest.param(
            {"choices": [{"program": "aa", "x": 1}]}, "not known", id="choice-key"
        ),
        pytest.param({"note": ""}, "note is missing", id="no-note"),
        pytest.param({"note": " \n\x00"}, "note is missing", id="blank-note"),
        pytest.param({"note": 1}, "note is missing", id="note-number"),
        pytest.param({"note": "x" * 20_001}, "longer than", id="long-note"),
        pytest.param({"patient": None}, "patient", id="no-patient"),
        pytest.param({"patient": "../1"}, "patient", id="patient-form"),
        pytest.param({"acknowledged": {}}, "must be a list", id="answers-object"),
        pytest.param(
            {"acknowledged": [{"id": "S1"}] * 2},
            "same warning twice",
            id="answer-twice",
        ),
        pytest.param({"acknowledged": ["S1"]}, "must be an object", id="answer-text"),
        pytest.param({"acknowledged": [{"text": "x"}]}, "id", id="answer-without-id"),
        pytest.param(
            {"acknowledged": [{"id": "S1", "text": 1}]}, "is a text", id="text-number"
        ),
        pytest.param(
            {"acknowledged": [{"id": "S1", "text": "x" * 2_001}]},
            "2000",
            id="text-long",
        ),
        pytest.param(
            {"acknowledged": [{"id": "S1", "follow_up": "soon"}]},
            "follow_up",
            id="date",
        ),
        pytest.param(
            {"acknowledged": [{"id": "S1", "follow_up": "2026-02-30"}]},
            "follow_up must be a date",
            id="no-such-day",
        ),
        pytest.param(
            {"acknowledged": [{"id": "S1", "follow_up": "2026-W10-1"}]},
            "follow_up",
            id="week-date",
        ),
        pytest.param({"condition": "Condition/1"}, "not known", id="P03-further-key"),
    ],
)
def test_incomplete_decision_is_refused_with_the_reason(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotAnswered) as caught:
        sign_request(BODY | change)
    assert said in caught.value.public
    assert caught.value.status == 422


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "text", "program", "x"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*BODY, "x"]), JSON))
def test_any_body_is_read_or_refused(body: dict[str, Any]) -> None:
    with suppress(NotAnswered):
        assert 1 <= len(sign_request(body).choices) <= 2


@given(st.sampled_from(list(BODY)), st.text(min_size=12))
def test_X13_reason_does_not_repeat_what_was_sent(name: str, canary: str) -> None:
    with pytest.raises(NotAnswered) as caught:
        sign_request(BODY | {name: [canary]})
    assert canary not in caught.value.public


@pytest.mark.parametrize(
    ("warnings", "answers", "said"),
    [
        pytest.param((RED,), (), "S6 needs a text", id="R3-red-without-answer"),
        pytest.param(
            (RED,), (Acknowledgement("S6", ""),), "S6 needs a text", id="R3-blank"
        ),
        pytest.param(
            (SUICIDE,),
            (Acknowledgement("S1", "Safe."),),
            "S1 needs the date",
            id="R3-suicide-risk-without-a-date",
        ),
        pytest.param(
            (SUICIDE,),
            (Acknowledgement("S1", "Safe.", date(2026, 3, 1)),),
            "in the past",
            id="R3-date-in-the-past",
        ),
        pytest.param(
            (), (Acknowledgement("S9", "x"),), "not a warning here", id="strange"
        ),
    ],
)
def test_R3_unanswered_warning_stops_the_signature(
    warnings: tuple[Shown, ...], answers: tuple[Acknowledgement, ...], said: str
) -> None:
    with pytest.raises(NotAnswered) as caught:
        check_gates(warnings, answers, today=TODAY)
    assert said in caught.value.public


def test_R3_answered_warnings_let_it_pass() -> None:
    answers = (
        Acknowledgement("S6", "not asked"),
        Acknowledgement("S1", "Safety plan made.", TODAY),
    )
    check_gates((RED, SUICIDE, AMBER), answers, today=TODAY)


@pytest.mark.parametrize(
    ("warnings", "text", "answer"),
    [
        pytest.param((), None, None, id="nothing-asks"),
        pytest.param((AMBER,), None, "not_asked", id="silence"),
        pytest.param((AMBER,), "Not asked.", "not_asked", id="not-asked"),
        pytest.param((AMBER,), "Plan first", "plan", id="plan-first"),
        pytest.param((AMBER,), "low", "low", id="low"),
        pytest.param((AMBER,), "Seizures in 2019", "not_asked", id="other-words"),
    ],
)
def test_R3_withdrawal_is_low_or_plan_first_or_not_asked(
    warnings: tuple[Shown, ...], text: str | None, answer: str | None
) -> None:
    given_answers = (Acknowledgement("S6b", text),) if text else ()
    assert withdrawal_answer(recommendation(*warnings), given_answers) == answer


def test_R3_declined_keeps_which_red_warnings_are_open() -> None:
    shown = recommendation(RED, SUICIDE, AMBER)
    assert unresolved(shown, (Acknowledgement("S6", "Admitted."),)) == ("S1",)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"decision": "handout_only", "reason": None}, id="handout"),
        pytest.param({"decision": "declined", "reason": "not_now"}, id="declined"),
        pytest.param(
            {"decision": "handout_only", "acknowledged": [{"id": "S6", "text": "x"}]},
            id="handout-with-an-answer",
        ),
    ],
)
def test_decision_without_a_write_is_read(body: dict[str, Any]) -> None:
    request = decision_request(body)
    assert request.decision == body["decision"]
    assert request.reason == body.get("reason")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="empty"),
        pytest.param({"decision": "refer"}, id="another-word"),
        pytest.param({"decision": "declined", "reason": "No, thanks!"}, id="free-text"),
        pytest.param({"decision": "declined", "x": 1}, id="further-key"),
    ],
)
def test_unclear_decision_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(NotAnswered):
        decision_request(body)


@pytest.mark.parametrize(
    "key",
    [None, "", "a" * 256, "a b", "é", "a\n"],
    ids=["none", "empty", "long", "blank", "no-ascii", "newline"],
)
def test_unusable_key_is_missing(key: str | None) -> None:
    with pytest.raises(KeyMissing):
        checked_key(key)
