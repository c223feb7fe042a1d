"""One visit of a launch: what is read, kept, and worked out again."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import orjson
import pytest

from plugin.matching.as_json import recommendation_json
from plugin.matching.recommendation import Preferences
from plugin.visit import MOST_CHARTS, MOST_KEPT, Stated

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow


@pytest.fixture
def context(installed: Any) -> Any:
    """The context of a fresh launch, as the store has it."""
    launch = installed.launch().split("/")[2]
    return installed.house.contexts.load(launch)[0]


def reads(installed: Any) -> int:
    return len(installed.events("chart.read"))


def test_visit_is_read_once_and_kept(installed: Any, context: Any) -> None:
    visits = installed.house.visits
    first = visits.open(context)
    assert visits.open(context) is first
    assert reads(installed) == 1
    assert len(installed.events("recommendation.shown")) == 1


def test_R15_what_was_shown_can_be_told_from_its_digest(
    installed: Any, context: Any
) -> None:
    visits = installed.house.visits
    found = visits.open(context).recommendation
    (told,) = [one["detail"] for one in installed.events("recommendation.shown")]
    text = orjson.dumps(recommendation_json(found), option=orjson.OPT_SORT_KEYS)
    assert told["shown"] == hashlib.sha256(text).hexdigest()
    newest, digest = installed.house.directory.state()
    assert (told["directory_version"], told["directory"]) == (newest, digest)
    assert told["knowledge_version"] == installed.house.knowledge.version
    visits.open(context, Stated(Preferences(modality="online")))
    again = installed.events("recommendation.shown")[-1]["detail"]
    assert again["shown"] != told["shown"]
    assert again["directory"] == told["directory"]


def test_two_requests_at_once_read_once(installed: Any, context: Any) -> None:
    visits = installed.house.visits
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: visits.open(context), range(4)))
    assert len({id(visit) for visit in opened}) == 1
    assert reads(installed) == 1


def test_visit_is_read_again_after_ten_minutes(
    installed: Any, context: Any, moving_clock: Any
) -> None:
    visits = installed.house.visits
    visits.open(context)
    moving_clock.ahead = timedelta(minutes=9)
    visits.open(context)
    assert reads(installed) == 1
    moving_clock.ahead = timedelta(minutes=11)
    visits.open(context)
    assert reads(installed) == 2


def test_no_chart_is_kept_in_memory_after_ten_minutes(
    installed: Any, context: Any, moving_clock: Any
) -> None:
    visits = installed.house.visits
    stated = Stated(preferences=Preferences(modality="online"))
    visits.open(context, stated)
    moving_clock.ahead = timedelta(minutes=11)
    visits._slot("another launch")
    assert visits._slots[context.id].visit is None
    # What was stated in this visit is not patient's data that was read; it stays.
    assert visits.open(context).stated == stated


def test_forgotten_visit_is_read_again(installed: Any, context: Any) -> None:
    visits = installed.house.visits
    visits.open(context)
    visits.forget(context.id)
    visits.open(context)
    assert reads(installed) == 2


def test_wishes_are_worked_out_without_reading_again(
    installed: Any, context: Any
) -> None:
    visits = installed.house.visits
    before = visits.open(context)
    after = visits.prefer(context, Preferences(spiritual="secular_only"))
    assert reads(installed) == 1
    assert after.preferences.spiritual == "secular_only"
    assert after.plan == before.plan
    removed = {r.id for r in after.recommendation.removed}
    assert "aa" in removed - {r.id for r in before.recommendation.removed}
    assert len(installed.events("preferences.changed")) == 1


def test_needs_are_taken_out_and_stay_known(installed: Any, context: Any) -> None:
    visits = installed.house.visits
    visit = visits.open(context)
    kept = frozenset(n.id for n in visit.needs if n.id != "alcohol")
    after = visits.prefer(context, Preferences(), kept)
    assert "alcohol" not in {n.id for n in after.recommendation.needs}
    assert "alcohol" in {n.id for n in after.needs}


def test_what_was_stated_survives_reading_again(installed: Any, context: Any) -> None:
    visits = installed.house.visits
    stated = Stated(preferences=Preferences(modality="online"))
    visits.open(context, stated)
    visits.forget(context.id)
    again = visits.open(context, stated)
    assert again.preferences.modality == "online"
    assert len(again.needs) > 1


def test_unread_capabilities_promise_nothing(installed: Any, context: Any) -> None:
    installed.sandbox.faults.add("status", on="metadata", code=500)
    visit = installed.house.visits.open(context)
    assert visit.capabilities is None
    assert visit.plan.mode == "handout"
    assert "could not be read" in visit.plan.reasons[0]


@pytest.mark.parametrize(
    ("visit", "mode"),
    [
        pytest.param({}, "note_only", id="visit"),
        pytest.param({"encounter": ""}, "handout", id="none"),
    ],
)
def test_ehr_that_files_notes_with_a_visit_alone_is_believed(
    installed: Any, visit: dict[str, str], mode: str
) -> None:
    sandbox = installed.sandbox
    asked = {
        "iss": sandbox.issuer("epic"),
        "launch": sandbox.mint_launch("alcohol", "epic", **visit),
    }
    away = installed.client.get("/launch", params=asked, follow_redirects=False)
    path = installed.come_back(away.headers["location"])
    launched = installed.house.contexts.load(path.split("/")[2])[0]
    opened = installed.house.visits.open(launched)
    assert opened.plan.mode == mode
    assert opened.plan.note_needs_encounter is (mode == "note_only")


def test_what_could_not_be_read_is_said(installed: Any, context: Any) -> None:
    installed.sandbox.faults.add("status", on="search", type="Observation", code=403)
    visit = installed.house.visits.open(context)
    assert "Observation" in visit.chart.could_not_check
    page = installed.client.get(f"/launches/{context.id}/").text
    assert "Could not check: screening scores" in page


def test_memory_is_bounded(installed: Any) -> None:
    visits = installed.house.visits
    for number in range(MOST_KEPT + 20):
        visits._slot(f"launch-{number}")
    assert len(visits._slots) == MOST_KEPT


def test_D9_charts_in_memory_are_bounded_and_what_was_stated_stays(
    installed: Any, context: Any
) -> None:
    visits = installed.house.visits
    stated = Stated(preferences=Preferences(modality="online"))
    visit = visits.open(context, stated)
    for number in range(MOST_CHARTS + 20):
        visits._slot(f"launch-{number}").visit = visit
    visits._slot("one more")
    held = [slot for slot in visits._slots.values() if slot.visit is not None]
    assert len(held) == MOST_CHARTS
    assert visits._slots[f"launch-{MOST_CHARTS + 19}"].visit is visit
    assert visits._slots[context.id].visit is None
    assert visits.open(context).stated == stated


def test_clinics_clock_is_that_of_the_nearest_meeting(
    installed: Any, context: Any
) -> None:
    visit = installed.house.visits.open(context)
    assert str(visit.zone) == "America/New_York"
