"""Which visit a referral is filed with."""

from datetime import UTC, datetime

import pytest

from plugin.chart.chart import Chart, Encounter, Patient
from plugin.referral.encounters import encounter_of, visits_to_file_with
from plugin.referral.errors import NotAnswered
from smart_launch.context import LaunchContext
from smart_launch.scopes import Scopes

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def visit(
    number: str, status: str = "finished", start: str = "2026-03-01"
) -> Encounter:
    return Encounter(f"Encounter/{number}", number, status, start)


CHART = Chart(
    Patient("Patient/p1", "p1"),
    encounters=(
        visit("old", start="2025-01-01"),
        visit("now", "in-progress", "2026-03-02T09:00:00Z"),
        visit("planned", "planned", "2026-04-01"),
        visit("wrong", "entered-in-error"),
        visit("off", "cancelled"),
        visit("unsaid", ""),
    ),
)


def launched(encounter: str | None) -> LaunchContext:
    return LaunchContext(
        id="ctx-1",
        tenant="general",
        issuer="https://ehr.example/r4",
        patient="p1",
        encounter=encounter,
        fhir_user="Practitioner/7",
        subject="sub-7",
        user_name="",
        scopes=Scopes(),
        need_patient_banner=False,
        intent=None,
        smart_style_url=None,
        fhir_context=(),
        app_context=None,
        launched_at=NOON,
        expires_at=NOON,
        secret_hash="",
    )


def test_visits_that_took_place_are_offered_newest_first() -> None:
    assert [one.id for one in visits_to_file_with(CHART)] == ["now", "old"]


@pytest.mark.parametrize(
    ("launch", "chosen", "expected"),
    [
        pytest.param("e1", None, "e1", id="launch"),
        pytest.param("e1", "e1", "e1", id="the-same"),
        pytest.param(None, "old", "old", id="chosen"),
        pytest.param(None, None, None, id="never-silently"),
    ],
)
def test_visit_is_the_launchs_or_the_chosen_one(
    launch: str | None, chosen: str | None, expected: str | None
) -> None:
    assert encounter_of(launched(launch), CHART, chosen) == expected


@pytest.mark.parametrize(
    ("launch", "chosen"),
    [
        pytest.param("e1", "old", id="another-than-the-launchs"),
        pytest.param(None, "theirs", id="P03-another-patients"),
        pytest.param(None, "wrong", id="entered-in-error"),
        pytest.param(None, "planned", id="not-yet"),
    ],
)
def test_visit_that_cannot_be_is_refused(launch: str | None, chosen: str) -> None:
    with pytest.raises(NotAnswered):
        encounter_of(launched(launch), CHART, chosen)
