"""An online meeting is told by the clock of whoever joins it."""

from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plugin.directory.meeting import Occurrence
from plugin.matching.recommendation import Recommendation
from plugin.screens.cards import meeting_line
from plugin.screens.words import Words

NEW_YORK, PHOENIX = ZoneInfo("America/New_York"), ZoneInfo("America/Phoenix")
AT = datetime(2026, 3, 2, 15, 20, tzinfo=UTC)


@pytest.fixture
def online(recommendation: Recommendation) -> Occurrence:
    """Held in Arizona at half past five."""
    return replace(
        recommendation.programs[0].meetings[0],
        starts=datetime(2026, 3, 2, 17, 30, tzinfo=PHOENIX),
        timezone="America/Phoenix",
    )


@pytest.mark.parametrize(
    ("home", "says"),
    [
        pytest.param(
            NEW_YORK, "Today, 7:30\u00a0PM EST (5:30\u00a0PM MST there)", id="elsewhere"
        ),
        pytest.param(PHOENIX, "Today, 5:30\u00a0PM MST", id="same-clock"),
        pytest.param(UTC, "Today, 5:30\u00a0PM MST", id="clinic-not-known"),
    ],
)
def test_online_meeting_is_told_by_the_clinics_clock(
    online: Occurrence, words: Words, home: tzinfo, says: str
) -> None:
    assert meeting_line(online, words, AT.astimezone(home)).when == says


def test_meeting_in_person_is_at_its_own_clock(
    online: Occurrence, words: Words
) -> None:
    there = replace(online, attendance="in-person")
    assert meeting_line(there, words, AT.astimezone(NEW_YORK)).when == (
        "Today, 5:30\u00a0PM"
    )


def test_online_meeting_can_be_on_another_day_there(
    online: Occurrence, words: Words
) -> None:
    late = replace(online, starts=datetime(2026, 3, 2, 23, 0, tzinfo=PHOENIX))
    said: Any = meeting_line(late, words, AT.astimezone(NEW_YORK)).when
    assert said.startswith("Tue, Mar 3, 1:00\u00a0AM EST")
