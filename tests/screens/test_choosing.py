"""What the first screen sends, and the draft that it becomes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from plugin.chart.chart import Chart
from plugin.matching.recommendation import Preferences, Recommendation
from plugin.referral.errors import RecordClosed
from plugin.referral.record import DIED, INACTIVE, MERGED, check_open, doubts
from plugin.screens.choosing import draft_of
from plugin.screens.draft import Answer, Draft, draft_from
from plugin.screens.posted import Posted, plain
from plugin.screens.sign_view import choices_of, meeting_of

KNOWN = ("alcohol", "depression", "dual_diagnosis", "loneliness", "gambling")


def drafted(
    shown: Recommendation, fields: Sequence[tuple[str, str]], draft: Draft | None = None
) -> Draft:
    return draft_of(Posted(fields), draft or Draft(), shown, shown.needs, KNOWN)


def test_order_is_that_of_choosing(recommendation: Recommendation) -> None:
    fields = [("program", "dra"), ("program", "smart")]
    draft = drafted(recommendation, [*fields, ("order", "smart"), ("order", "dra")])
    assert draft.picks == ("smart", "dra")
    again = drafted(recommendation, fields, draft)
    assert again.picks == ("smart", "dra")


def test_unknown_programmes_and_meetings_are_dropped(
    recommendation: Recommendation,
) -> None:
    draft = drafted(
        recommendation,
        [
            ("program", "no-such"),
            ("program", "smart"),
            ("meeting-smart", "not-a-meeting"),
            ("meeting-dra", "dra-1"),
        ],
    )
    assert draft.picks == ("smart",)
    assert draft.meetings == {"dra": "dra-1"}


@pytest.mark.parametrize(
    ("chosen", "meeting"),
    [
        pytest.param(None, "smart-1", id="next-one"),
        pytest.param("smart-2", "smart-2", id="another"),
        pytest.param("", None, id="none"),
    ],
)
def test_chosen_meeting_is_the_next_unless_said(
    recommendation: Recommendation, chosen: str | None, meeting: str | None
) -> None:
    fields = [("program", "smart")]
    if chosen is not None:
        fields.append(("meeting-smart", chosen))
    draft = drafted(recommendation, fields)
    assert meeting_of(recommendation, draft, "smart") == meeting
    made = choices_of(recommendation, draft)[0].meeting
    assert (made.id if made else None) == meeting


@pytest.mark.parametrize(
    ("act", "shown_too", "left", "picks"),
    [
        pytest.param("add:lifering", ("lifering",), {}, (), id="add"),
        pytest.param("leave:dra", (), {"dra": "Too far"}, (), id="leave"),
        pytest.param("wish:celebrate", ("celebrate",), {}, ("celebrate",), id="wish"),
        pytest.param("add:no-such", (), {}, (), id="unknown"),
        pytest.param("back:dra", (), {}, (), id="back"),
    ],
)
def test_buttons_do_what_they_say(
    recommendation: Recommendation,
    act: str,
    shown_too: tuple[str, ...],
    left: dict[str, str],
    picks: tuple[str, ...],
) -> None:
    before = Draft(left_out={"dra": "x"}) if act.startswith("back") else Draft()
    draft = drafted(recommendation, [("do", act), ("not-dra", "Too far")], before)
    assert draft.shown_too == shown_too
    assert draft.left_out == left
    assert draft.preferences.picks == picks


def test_needs_are_dropped_confirmed_and_added(recommendation: Recommendation) -> None:
    shown = [("need-shown", n.id) for n in recommendation.needs]
    ticked = [("need", "alcohol"), ("need", "loneliness"), ("need-new", "gambling")]
    draft = drafted(recommendation, [*shown, *ticked])
    assert draft.dropped_needs == ("depression", "dual_diagnosis")
    assert draft.added_needs == ("gambling", "loneliness")
    odd = drafted(recommendation, [("need-new", "no-such-need")])
    assert odd.added_needs == ()


def test_draft_comes_back_as_it_was_kept() -> None:
    draft = Draft(
        preferences=Preferences(spiritual="faith", picks=("celebrate",)),
        picks=("aa",),
        meetings={"aa": ""},
        answers={"S1": Answer("Assessed.", "2999-01-05")},
        note="Ä note\nof two lines",
        key="k",
    )
    assert draft_from(draft.to_bytes()) == draft


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(None, id="none"),
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="broken"),
        pytest.param(b"[1]", id="list"),
        pytest.param(b'{"of_a_later_version": 1}', id="unknown-key"),
    ],
)
def test_unusable_draft_is_an_empty_one(stored: bytes | None) -> None:
    assert draft_from(stored) == Draft()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param("a\x00b", "a\ufffdb", id="X16-nul"),
        pytest.param("a\ud800b", "a?b", id="X16-surrogate"),
        pytest.param("a\r\nb\rc", "a\nb\nc", id="X16-line-ends"),
    ],
)
def test_X16_odd_characters_are_replaced(sent: str, kept: str) -> None:
    assert plain(sent) == kept


@pytest.mark.parametrize(
    ("changed", "says", "closed"),
    [
        pytest.param({}, "", False, id="usual"),
        pytest.param({"deceased": True}, DIED, True, id="P07-deceased"),
        pytest.param({"replaced_by": "Patient/2"}, MERGED, True, id="P07-merged"),
        pytest.param({"active": False}, INACTIVE, False, id="P07-inactive"),
    ],
)
def test_P07_record_that_is_not_in_use_is_doubted(
    chart: Chart, changed: dict[str, object], says: str, closed: bool
) -> None:
    doubted = replace(chart, patient=replace(chart.patient, **changed))  # type: ignore[arg-type]
    assert doubts(doubted) == says
    if not closed:
        return check_open(doubted)
    with pytest.raises(RecordClosed):
        check_open(doubted)
    return None
