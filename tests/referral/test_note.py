"""The note's draft, named and unnamed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from plugin.directory.meeting import Occurrence
from plugin.matching.recommendation import (
    ActiveReferral,
    Because,
    Evidence,
    Need,
    Recommendation,
    Recommended,
    Warning,  # noqa: A004 - the clinicians' word
)
from plugin.referral.note import NoteSettings, choice_of, draft_note
from plugin.referral.phrases import PHRASES
from plugin.referral.signed import Acknowledgement, Choice

NEW_YORK = timezone(timedelta(hours=-5))
ON = date(2026, 3, 2)

ALCOHOL = Because(
    "Condition/1", "http://hl7.org/fhir/sid/icd-10-cm", "F10.20", "Alcohol dependence"
)
MOOD = Because(
    "Condition/2", "http://hl7.org/fhir/sid/icd-10-cm", "F33.1", "Recurrent depression"
)
SCORE = Because("Observation/9", "http://loinc.org", "44260-8", "PHQ-9 item 9")

SMART = Recommended(
    id="smart",
    name="SMART Recovery",
    score=0.95,
    fit="strong",
    approach=("secular",),
    evidence=Evidence("B"),
    needs=("alcohol",),
    reasons=("Built for alcohol use disorder (F10.20).",),
    cautions=(),
    deferred=False,
    features=(),
    because=(ALCOHOL, ALCOHOL, SCORE),
)
MEETING = Occurrence(
    id="m-1",
    feed="demo",
    key="k",
    program="smart",
    name="Tuesday Tools",
    starts=datetime(2026, 3, 3, 18, 30, tzinfo=NEW_YORK),
    minutes=60,
    attendance="in-person",
    venue="Lantern House",
    address="12 Mill Street, Brooklyn",
)
SHOWN = Recommendation(
    knowledge_version="1",
    at=datetime(2026, 3, 2, 15, tzinfo=UTC),
    age=46,
    gender="male",
    needs=(
        Need("alcohol", "Alcohol use disorder", "active", 1.0, (ALCOHOL,)),
        Need("depression", "Depression", "active", 1.0, (MOOD,)),
    ),
    warnings=(
        Warning("S1", "red", "Acute suicide risk", "...", (SCORE,)),
        Warning("S11", "red", "Violence at home", "..."),
    ),
    programs=(SMART,),
    offered=("smart",),
    single_sessions=(),
    removed=(),
    unmapped=(),
    unreadable=(),
    could_not_check=(),
)
FIRST = choice_of(SMART, MEETING)
SECOND = Choice("dbsa", "DBSA support group", None, (), (), ("depression", "gone"))
ASSESSED = Acknowledgement("S1", "C-SSRS done, safety plan made.", date(2026, 3, 9))


def draft(agreement: Any = "named", **values: Any) -> str:
    given = {"on": ON} | values
    return draft_note(SHOWN, (FIRST, SECOND), agreement, **given)


def test_choice_keeps_what_was_shown() -> None:
    assert FIRST.conditions == ("Condition/1",)
    assert FIRST.meeting is not None
    assert FIRST.meeting.where == "Lantern House, 12 Mill Street, Brooklyn"
    assert FIRST.meeting.starts == MEETING.starts


def test_choice_of_an_online_meeting_has_no_place() -> None:
    online = Occurrence(
        id="o",
        feed="f",
        key="k",
        program="smart",
        name="Online",
        starts=MEETING.starts,
        minutes=60,
        attendance="online",
        venue="Zoom",
    )
    meeting = choice_of(SMART, online).meeting
    assert meeting is not None
    assert meeting.where == ""


def test_named_draft_reads_as_a_note() -> None:
    assert draft(acknowledged=(ASSESSED,), withdrawal="not_asked") == (
        "Self-help group referral, Mar 2, 2026\n"
        "Self-help groups were discussed as an addition to current care. The treatment"
        " plan and all medicines stay as they are.\n"
        "\n"
        "Reasons: Alcohol dependence (F10.20); Recurrent depression (F33.1).\n"
        "\n"
        "Chosen with the patient, in this order:\n"
        "1. SMART Recovery: Tue, Mar 3, 2026, 6:30 PM, in person."
        " Lantern House, 12 Mill Street, Brooklyn\n"
        "2. DBSA support group: no meeting fixed yet.\n"
        "\n"
        "Plan:\n"
        "- Clinician and patient, in the visit if wanted: call the group together; a"
        " first name only.\n"
        "- Patient, Mar 3, 2026: go to the chosen meeting; listening is enough.\n"
        "- Patient, by Mar 31, 2026: try several meetings before judging whether the"
        " group helps.\n"
        "- Keep taking medicines. If a group advises stopping, call the clinic first.\n"
        "- Clinic, Mar 9, 2026: ask about attendance, and reasons if not.\n"
        "- Clinician, about Mar 30, 2026 and Jun 1, 2026: review attendance, whether it"
        " helped, reasons if not.\n"
        "\n"
        "Risk assessment: see the clinician's documentation.\n"
        "Addressed today:\n"
        "- Acute suicide risk: C-SSRS done, safety plan made.\n"
        "Withdrawal history: not asked today.\n"
        "\n"
        "Follow-up contact: Mar 9, 2026.\n"
        "The patient agreed to naming the groups and reasons here."
    )


@pytest.mark.parametrize(
    ("because", "line"),
    [
        pytest.param(
            (
                Because(
                    "Condition/1", "http://snomed.info/sct", "7200002", "Alcoholism"
                ),
            ),
            "Reasons: Alcoholism.",
            id="snomed-code-says-nothing",
        ),
        pytest.param(
            (Because("Condition/1", "", "F10.20"),),
            "Reasons: Alcohol use disorder (F10.20).",
            id="no-words-in-the-chart",
        ),
        pytest.param((SCORE,), "Reasons: Alcohol use disorder.", id="a-score-alone"),
        pytest.param((ALCOHOL, ALCOHOL), "(F10.20).", id="twice-in-the-chart"),
    ],
)
def test_reasons_are_in_the_charts_words(
    because: tuple[Because, ...], line: str
) -> None:
    need = Need("alcohol", "Alcohol use disorder", "active", 1.0, because)
    text = draft_note(replace(SHOWN, needs=(need,)), (FIRST,), "named", on=ON)
    assert line in text


def test_draft_without_a_known_reason_gives_none() -> None:
    text = draft_note(replace(SHOWN, needs=()), (FIRST,), "named", on=ON)
    assert "Reasons" not in text


def test_unnamed_draft_reads_as_a_note() -> None:
    text = draft("unnamed", acknowledged=(ASSESSED,), withdrawal="plan")
    assert text == (
        "Support group referral, Mar 2, 2026\n"
        "A support group was discussed as an addition to current care. The treatment"
        " plan and all medicines stay as they are. Details were given to the patient.\n"
        "\n"
        "Planned: clinic to ask how it went in a week; clinician to review in about"
        " one and three months.\n"
        "\n"
        "Risk assessment: see the clinician's documentation.\n"
        "\n"
        "Follow-up contact: Mar 9, 2026.\n"
        "The patient agreed to a referral without details here."
    )


@pytest.mark.parametrize("language", ["en", "es"])
def test_unnamed_draft_discloses_nothing(language: str) -> None:
    settings = NoteSettings(
        locale=f"{language}_US",
        language=language,
        carries_referral=True,
        part2=True,
        part2_consent="Consent/7",
    )
    text = draft(
        "unnamed",
        settings=settings,
        acknowledged=(ASSESSED,),
        withdrawal="low",
        interpreter="used",
    ).casefold()
    told = [
        *("smart", "dbsa", "alcohol", "depression", "suicid", "f10", "f33", "c-ssrs"),
        *("tuesday tools", "lantern", "mill street", "6:30", "18:30", "mar 3", "3 mar"),
        *("part 2", "consent/7", "withdrawal", "abstinencia"),
    ]
    assert [word for word in told if word in text] == []


@pytest.mark.parametrize("agreement", ["named", "unnamed"])
def test_draft_never_says_that_no_risk_codes_were_found(agreement: str) -> None:
    text = draft(agreement)
    assert "Risk assessment: see the clinician's documentation." in text
    assert "No risk" not in text


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        pytest.param("low", "Withdrawal history: asked; low risk.", id="low"),
        pytest.param(
            "plan", "Withdrawal history: a medical withdrawal plan comes first.", id="p"
        ),
        pytest.param("not_asked", "Withdrawal history: not asked today.", id="silence"),
    ],
)
def test_withdrawal_is_told_as_answered(answer: str, line: str) -> None:
    assert line in draft(withdrawal=answer)


def test_withdrawal_is_not_mentioned_where_no_rule_asks() -> None:
    assert "Withdrawal" not in draft()


@pytest.mark.parametrize(
    ("interpreter", "line"),
    [
        pytest.param("used", "Interpreter: used.", id="used"),
        pytest.param(
            "needed", "Interpreter: needed; use in this visit not recorded.", id="need"
        ),
    ],
)
@pytest.mark.parametrize("agreement", ["named", "unnamed"])
def test_interpreter_is_told(agreement: str, interpreter: str, line: str) -> None:
    assert line in draft(agreement, interpreter=interpreter)


@pytest.mark.parametrize("interpreter", [None, "not_needed"])
def test_interpreter_is_not_mentioned_without_need(interpreter: Any) -> None:
    assert "Interpreter" not in draft(interpreter=interpreter)


def test_violence_is_never_told() -> None:
    answer = Acknowledgement("S11", "Spoken with alone; safe contact agreed.")
    text = draft(acknowledged=(answer,))
    assert "Violence" not in text
    assert "safe contact" not in text
    assert "Addressed" not in text


def test_part_2_notice_ends_the_named_note() -> None:
    settings = NoteSettings(part2=True, part2_consent="Consent/7")
    lines = draft(settings=settings).splitlines()
    assert lines[-2:] == [
        "Written consent on file: Consent/7.",
        "42 CFR part 2 prohibits unauthorized use or disclosure of these records.",
    ]


@pytest.mark.parametrize("agreement", ["named", "unnamed"])
def test_note_that_carries_the_referral_says_so(agreement: str) -> None:
    text = draft(agreement, settings=NoteSettings(carries_referral=True))
    assert "SNOMED CT 711281004" in text


def test_follow_up_given_by_itself_wins_over_the_warnings_dates() -> None:
    text = draft(acknowledged=(ASSESSED,), follow_up=date(2026, 3, 30))
    assert "Follow-up contact: Mar 30, 2026." in text


@pytest.mark.parametrize(
    ("locale", "when"),
    [
        pytest.param("en_US", "Tue, Mar 3, 2026, 6:30 PM", id="en-US"),
        pytest.param("en_GB", "Tue, 3 Mar 2026, 18:30", id="en-GB"),
        pytest.param("es_US", "mar, 3 mar 2026, 6:30 p.m.", id="es-US"),
    ],
)
def test_meeting_time_is_local_and_in_the_readers_form(locale: str, when: str) -> None:
    assert when in draft(settings=NoteSettings(locale=locale, language=locale[:2]))


def test_odd_text_from_a_feed_cannot_break_the_note() -> None:
    odd = Choice("x", "A\x00\u202eB\n{date}", None, (), (), ())
    text = draft_note(SHOWN, (odd,), "named", on=ON)
    assert "1. AB {date}: no meeting fixed yet." in text


def test_languages_have_the_same_phrases_with_the_same_places() -> None:
    english, spanish = PHRASES["en"], PHRASES["es"]
    assert english.keys() == spanish.keys()
    for key, words in english.items():
        for place in ("{date}", "{reasons}", "{program}", "{when}", "{reference}"):
            assert (place in words) == (place in spanish[key]), key


def planned(agreement: Any = "named", first: Choice = FIRST, **plan: Any) -> str:
    shown = replace(SHOWN, plan=ActiveReferral(**plan))
    return draft_note(shown, (first,), agreement, on=ON)


def test_plan_without_a_meeting_says_by_when_one_is_chosen() -> None:
    text = planned(first=replace(FIRST, meeting=None))
    assert "- Patient, by Mar 9, 2026: choose a first meeting" in text


def test_plan_asks_how_it_went_only_after_the_meeting() -> None:
    assert FIRST.meeting is not None
    later = replace(FIRST.meeting, starts=MEETING.starts + timedelta(days=10))
    text = planned(first=replace(FIRST, meeting=later))
    assert "- Clinic, Mar 14, 2026: ask about attendance" in text


def test_plan_has_no_first_day_where_joining_waits() -> None:
    text = planned(waits_for=("Alcohol withdrawal",))
    assert "- Patient, when settled: choose a meeting and go" in text
    assert "call the group together" not in text
    assert "- Clinic, Mar 9, 2026" in text


def test_plan_says_how_to_reach_a_patient_only_where_names_may_stand() -> None:
    safe = "Contact only in the way that the patient has agreed to."
    assert safe in planned(contact="safe")
    text = planned("unnamed", contact="safe")
    assert safe not in text
    assert "Planned:" not in text
