"""What was to stay unnamed is named nowhere (clinical review R4, R5)."""

import base64
import dataclasses
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from plugin.fhir import checked
from plugin.matching.recommendation import (
    Because,
    Evidence,
    Need,
    Recommendation,
    Recommended,
    Warning,  # noqa: A004 - the clinicians' word
)
from plugin.referral.consents import NO_CONSENT, Part2Consent
from plugin.referral.disclosure import (
    WITHHELD_FOR,
    ProxyAccess,
    disclosure,
    told,
    withheld_words,
)
from plugin.referral.note import NoteSettings, draft_note
from plugin.referral.resources import (
    document_reference,
    provenance,
    service_requests,
    task,
)
from plugin.referral.signed import (
    Acknowledgement,
    Choice,
    ChosenMeeting,
    SignedReferral,
    Site,
)

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ALCOHOL = Because("Condition/1", ICD, "F10.20", "Alcohol dependence, uncomplicated")
MOOD = Because("Condition/2", ICD, "F33.1", "Recurrent depressive disorder")

CHOICES = (
    Choice(
        program="aa",
        name="Alcoholics Anonymous",
        meeting=ChosenMeeting(
            "m-1",
            "Early Risers",
            datetime(2026, 3, 3, 18, 30, tzinfo=timezone(timedelta(hours=-5))),
            "in-person",
            "St. Brannoc Library, 12 Mill Street",
        ),
        reasons=("Built for alcohol use disorder.",),
        conditions=("Condition/1",),
        needs=("alcohol",),
    ),
    Choice("dbsa", "DBSA support group", None, (), ("Condition/2",), ("depression",)),
)


def recommendation(*warnings: str, age: int | None = 46) -> Recommendation:
    return Recommendation(
        knowledge_version="1",
        at=datetime(2026, 3, 2, 15, tzinfo=UTC),
        age=age,
        gender="male",
        needs=(
            Need(
                "alcohol",
                "Alcohol use disorder / harmful drinking",
                "active",
                1.0,
                (ALCOHOL,),
            ),
            Need("depression", "Depression", "active", 1.0, (MOOD,)),
        ),
        warnings=tuple(Warning(w, "red", f"Title of {w}", "") for w in warnings),
        programs=(
            Recommended(
                "smart",
                "SMART Recovery",
                0.9,
                "strong",
                (),
                Evidence("B"),
                (),
                (),
                (),
                False,
                (),
            ),
        ),
        offered=("smart",),
        single_sessions=(),
        removed=(),
        unmapped=(),
        unreadable=(),
        could_not_check=(),
    )


REFUSED = Part2Consent(refused=True)
SHOWN = recommendation("S1")
WITHHELD = withheld_words(SHOWN, CHOICES)


def written(language: str, **values: Any) -> list[bytes]:
    note = draft_note(
        SHOWN,
        CHOICES,
        "unnamed",
        on=date(2026, 3, 2),
        settings=NoteSettings(
            locale=f"{language}_US",
            language=language,
            carries_referral=True,
            part2=True,
        ),
        acknowledged=(Acknowledgement("S1", "F10.20 and AA discussed"),),
        withdrawal="plan",
        interpreter="used",
    )
    signed = SignedReferral(
        id="0b9d2c1e-6f0e-4c39-9a51-2f7f3f0d8a11",
        tenant="general",
        patient="p-1",
        encounter="e-1",
        author="Practitioner/1",
        author_name="Dr. R. Lindqvist",
        choices=CHOICES,
        note=note,
        agreement="unnamed",
        acknowledged=(Acknowledgement("S1", "F10.20 and AA discussed"),),
        signed_at=datetime(2026, 3, 2, 15, 27, 4, tzinfo=UTC),
        language=language,
        part2=True,
        part2_consent="Consent/7",
    )
    signed = dataclasses.replace(signed, **values)
    site = Site("https://selfhelp.example.org", name="General Hospital")
    document = document_reference(signed, site, ["ServiceRequest/1"])
    attachment = document["content"][0]["attachment"]
    return [
        *(checked(order) for order in service_requests(signed, site)),
        checked(document),
        base64.b64decode(attachment["data"]),
        checked(provenance(signed, site, ["ServiceRequest/1"])),
        checked(task(signed, site, 1, "ServiceRequest/1", date(2026, 3, 30))),
    ]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("restricted", [True, False])
def test_R4_unnamed_names_nothing_anywhere(language: str, restricted: bool) -> None:
    for body in written(language, restricted=restricted):
        text = body.decode()
        assert told(text, WITHHELD) == ()
        for hidden in ("Condition/", "Consent/", "42CFR", "Early", "Brannoc", "S1"):
            assert hidden not in text


def test_R4_named_is_seen_by_the_same_measure() -> None:
    # The measure itself can fail: what is named is found.
    note = draft_note(SHOWN, CHOICES, "named", on=date(2026, 3, 2))
    found = told(note, WITHHELD)
    assert {
        "Alcoholics Anonymous",
        "F10.20",
        "F33.1",
        "6:30",
        "Recurrent depressive disorder",
    } <= set(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("We spoke of AA today.", ("AA",), id="initials"),
        pytest.param("aa as in lava", (), id="not-the-initials"),
        pytest.param("alcoholics\nanonymous", ("Alcoholics Anonymous",), id="broken"),
        pytest.param("for ALCOHOL", ("alcohol",), id="need"),
        pytest.param("harmful drinking", ("harmful drinking",), id="part-of-a-name"),
        pytest.param("non-alcoholic", (), id="within-a-word"),
        pytest.param("f10.20", ("F10.20",), id="code"),
        pytest.param("SMART Recovery too", ("SMART Recovery",), id="not-chosen"),
        pytest.param("at 18:30", ("18:30",), id="time-24"),
        pytest.param("at 6:30 PM", ("6:30",), id="time-12"),
        pytest.param(
            "at the St. Brannoc Library", ("St. Brannoc Library",), id="place"
        ),
        pytest.param("Support group discussed on 2 March.", (), id="neutral"),
        pytest.param("", (), id="empty"),
    ],
)
def test_told_finds_what_was_to_stay_unnamed(text: str, found: tuple[str, ...]) -> None:
    assert told(text, WITHHELD) == found


# What holds, whatever was ticked


@pytest.mark.parametrize("agreement", ["named", "unnamed"])
def test_R4_violence_withholds_names(agreement: Any) -> None:
    holds = disclosure(recommendation("S11"), CHOICES, agreement)
    assert holds.agreement == "unnamed"
    assert holds.restricted
    expected = (WITHHELD_FOR["violence"],) if agreement == "named" else ()
    assert holds.withheld_for == expected


@pytest.mark.parametrize(
    ("part2", "consent", "agreement", "covered"),
    [
        pytest.param("confirm", NO_CONSENT, "named", True, id="confirm"),
        pytest.param("confirm", REFUSED, "unnamed", True, id="R5-refused"),
        pytest.param(
            "consent_resource", NO_CONSENT, "unnamed", True, id="R5-no-consent"
        ),
        pytest.param(
            "consent_resource", Part2Consent("Consent/7"), "named", True, id="consent"
        ),
        pytest.param("consent_resource", REFUSED, "unnamed", True, id="P08-refused"),
        pytest.param("not_applicable", NO_CONSENT, "named", False, id="no-part-2"),
    ],
)
def test_R5_part_2_follows_the_sites_setting(
    part2: Any, consent: Part2Consent, agreement: str, covered: bool
) -> None:
    holds = disclosure(SHOWN, CHOICES, "named", part2=part2, consent=consent)
    assert (holds.agreement, holds.part2) == (agreement, covered)
    assert bool(holds.withheld_for) == (agreement == "unnamed")


@pytest.mark.parametrize(
    ("age", "proxy", "agreement"),
    [
        pytest.param(15, "minors", "unnamed", id="R4-minor-with-proxy"),
        pytest.param(15, "none", "named", id="minor"),
        pytest.param(18, "minors", "named", id="adult"),
        pytest.param(None, "minors", "named", id="age-not-known"),
        pytest.param(15, "all", "unnamed", id="R6-minor-where-all-are-read"),
        pytest.param(80, "all", "unnamed", id="R6-adult-where-all-are-read"),
        pytest.param(None, "all", "unnamed", id="R6-age-not-known"),
    ],
)
def test_R4_what_is_named_follows_from_who_may_read_it(
    age: int | None, proxy: ProxyAccess, agreement: str
) -> None:
    holds = disclosure(recommendation(age=age), CHOICES, "named", proxy=proxy)
    assert holds.agreement == agreement
    assert bool(holds.withheld_for) is (agreement == "unnamed")


@pytest.mark.parametrize(
    ("warnings", "choices", "lines", "covered"),
    [
        pytest.param((), CHOICES[:1], (ALCOHOL,), True, id="need"),
        pytest.param((), CHOICES[1:], (MOOD,), False, id="mood-alone"),
        pytest.param(("S16",), CHOICES[1:], (MOOD,), True, id="rule"),
        *(
            pytest.param((), CHOICES[1:], (Because("X/1", "", code),), covered, id=code)
            for code, covered in {
                "F17.210": True,
                "T40.2X1A": True,
                "O99.310": True,
                "O99.320": True,
                "O99.330": False,
                "Z63.72": True,
                "75626-2": True,
                "1819": True,
                "F20.9": False,
                "T39.1X1A": False,
            }.items()
        ),
    ],
)
def test_R5_what_tells_of_substance_use(
    warnings: tuple[str, ...],
    choices: tuple[Choice, ...],
    lines: tuple[Because, ...],
    covered: bool,
) -> None:
    shown = recommendation(*warnings)
    mood = dataclasses.replace(shown.needs[1], because=lines)
    shown = dataclasses.replace(shown, needs=(shown.needs[0], mood))
    assert disclosure(shown, choices, "named").part2 is covered
