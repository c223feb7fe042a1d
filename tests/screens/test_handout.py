"""The hand-out: what stands on it, what does not, and in which forms it is given."""

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from plugin.directory.meeting import Occurrence
from plugin.knowledge.texts import load_texts
from plugin.referral.signed import Choice, ChosenMeeting
from plugin.screens.handout.files import calendar_of, paper_size, pdf_of, text_of
from plugin.screens.handout.options import Options, options_of
from plugin.screens.handout.promise import (
    Promise,
    promise_from,
    promise_of,
    promised,
)
from plugin.screens.handout.qr import qr_of
from plugin.screens.handout.type_size import type_size
from plugin.screens.handout.view import Paper, PaperMaker
from plugin.screens.help_lines import HelpLines
from plugin.screens.render import render
from plugin.screens.words import Words

TEXTS = load_texts()
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 2, 10, tzinfo=NEW_YORK)
TODAY = NOW.date()
START = datetime(2026, 3, 4, 18, 30, tzinfo=NEW_YORK)
LISTED = Occurrence(
    id="m1",
    feed="f",
    key="1",
    program="aa",
    name="Evening group",
    starts=START,
    minutes=75,
    attendance="hybrid",
    timezone="America/New_York",
    url="https://groups.example.org/quay",
    phone="+1 718 555 0100",
    feed_fetched=NOW - timedelta(days=60),
    demo=True,
)
MEETING = ChosenMeeting(
    "m1", "Evening group", START, "in-person", "Lantern House, 5 Quay Street, Brooklyn"
)
PLAIN = Options("en", named=True)


def choice(program: str, meeting: ChosenMeeting | None = MEETING) -> Choice:
    name = TEXTS.knowledge.programs[program].name
    return Choice(program, name, meeting, (), (), ("alcohol",))


def paper(
    choices: Sequence[Choice],
    options: Options = PLAIN,
    *,
    country: str = "US",
    listed: Occurrence | None = LISTED,
    promise: Promise | None = None,
) -> tuple[Words, Paper]:
    words = Words.of(options.language, country)
    lines = HelpLines(TEXTS.knowledge, words)
    maker = PaperMaker(
        texts=TEXTS,
        words=words,
        home=NEW_YORK,
        now=NOW,
        listed=lambda _id, _starts: listed,
        crisis=lines.for_paper(country),
        crisis_checked=lines.checked_words(country),
    )
    return words, maker.paper(choices, options, name="Marcus Avery", promise=promise)


def html(words: Words, made: Paper) -> str:
    values = {"paper": made, "size": type_size(made)}
    return render("handout_pdf.html", words, values)


# ---- what stands on it ----


def test_R10_nothing_of_the_patient_stands_on_it_unless_ticked() -> None:
    said = html(*paper([choice("aa")]))
    assert "Avery" not in said
    assert "drinking" not in said.lower().replace("want to drink", "")
    ticked = html(*paper([choice("aa")], replace(PLAIN, why=True, patient=True)))
    assert "For Marcus Avery" in ticked
    assert "What it is for: drinking." in ticked


def test_two_choices_say_once_what_is_the_same() -> None:
    _, made = paper([choice("aa"), choice("na")])
    assert [go.name for go in made.steps] == [
        "Alcoholics Anonymous",
        "Narcotics Anonymous",
    ]
    assert made.steps[0].cost
    assert made.steps[1].cost == ""
    assert len(made.medicine) == len(set(made.medicine))


def test_restricted_paper_names_no_group_no_place_and_leads_nowhere_back() -> None:
    options = options_of({}, "en", restricted=True)
    promise = Promise("call", TODAY, "Nurse Okafor")
    _, made = paper([choice("aa")], options, promise=promise)
    (go,) = made.steps
    assert (go.name, go.where, go.phone, go.address, go.page) == ("", "", "", "", "")
    assert go.qr is None
    assert made.promise == ""
    assert made.safety


def test_R9_call_is_printed_where_a_safe_way_was_named() -> None:
    options = options_of({"safe": "on"}, "en", restricted=True)
    promise = Promise("call", TODAY, "Nurse Okafor")
    _, made = paper([choice("aa")], options, promise=promise)
    assert made.promise == "We will call you: Monday, March 2, 2026, Nurse Okafor."


@pytest.mark.parametrize(
    ("listed", "old"),
    [
        pytest.param(LISTED, True, id="sixty-days"),
        pytest.param(replace(LISTED, feed_fetched=NOW), False, id="today"),
        pytest.param(replace(LISTED, feed_fetched=None), False, id="never-fetched"),
        pytest.param(None, True, id="no-longer-listed"),
    ],
)
def test_old_list_of_times_is_said(listed: Occurrence | None, old: bool) -> None:
    _, made = paper([choice("aa")], listed=listed)
    assert made.steps[0].old is old


@pytest.mark.parametrize("country", ["US", "CA", "GB", "AU", "IE"])
def test_crisis_lines_are_the_country_s(country: str) -> None:
    _, made = paper([choice("aa")], country=country)
    expected = TEXTS.knowledge.lines_for(("crisis",), country)
    assert expected
    assert [line.name for line in made.crisis[: len(expected)]] == [
        line.name for line in expected
    ]


def test_country_without_a_known_line_still_says_whom_to_call() -> None:
    _, made = paper([choice("aa")], country="XX")
    assert [line.name for line in made.crisis] == ["Emergency services"]


# ---- one page ----


def pages(pdf: bytes) -> int:
    """How many pages a PDF of WeasyPrint has; its objects stand in packed streams."""
    packed = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    whole = pdf + b"".join(_unpacked(part) for part in packed)
    return len(re.findall(rb"/Type\s*/Page\b", whole))


def _unpacked(part: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(part)
    except zlib.error:
        return b""


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("programs", [("ca",), ("ca", "na"), ("mara", "itr")])
def test_pdf_is_one_page_with_everything_on_it(
    language: str, programs: tuple[str, ...]
) -> None:
    options = Options(language, named=True, why=True, patient=True)
    promise = Promise("visit", TODAY, "Dr. R. Lindqvist")
    words, made = paper([choice(p) for p in programs], options, promise=promise)
    for size in ("Letter", "A4"):
        assert pages(pdf_of(html(words, made), size)) == 1


@pytest.mark.slow
def test_large_type_may_take_two_pages_and_no_more() -> None:
    words, made = paper([choice("ca")], replace(PLAIN, large=True))
    assert type_size(made) == "large"
    assert pages(pdf_of(html(words, made), "Letter")) == 2


def test_type_shrinks_with_what_there_is_to_say() -> None:
    _, short = paper([choice("clubhouse", None)])
    _, long = paper([choice("ca"), choice("na")], replace(PLAIN, why=True))
    assert type_size(short) == ""
    assert type_size(long) in ("longer", "longest")


def test_paper_is_letter_where_letters_are_on_it() -> None:
    assert [paper_size(c) for c in ("US", "CA", "GB", "")] == [
        "Letter",
        "Letter",
        "A4",
        "A4",
    ]


# ---- other forms ----


def test_calendar_has_the_meeting_in_its_own_moment_and_privately() -> None:
    words, made = paper([choice("aa"), choice("na", None)])
    calendar = Calendar.from_ical(calendar_of(made, words, NOW))
    (event,) = calendar.walk("VEVENT")
    assert event["dtstart"].dt == START
    assert event["duration"].dt == timedelta(minutes=75)
    assert event["summary"] == "Alcoholics Anonymous"
    assert event["class"] == "PRIVATE"
    assert "Avery" not in calendar_of(made, words, NOW).decode()


def test_calendar_of_an_unnamed_paper_names_nothing() -> None:
    words, made = paper([choice("aa")], replace(PLAIN, named=False))
    made_of_it = calendar_of(made, words, NOW).decode()
    assert "SUMMARY:A meeting" in made_of_it
    assert "Alcoholics" not in made_of_it


def test_text_to_send_says_the_same() -> None:
    words, made = paper([choice("aa")])
    text = text_of(made, words)
    for said in ("Wednesday, March 4, 2026", "Alcoholics Anonymous", "988"):
        assert said in text
    assert "Keep taking your medicine" in text
    assert made.safety in text
    assert "Avery" not in text


def test_code_is_of_the_address_alone_with_white_around_it() -> None:
    code = qr_of("https://www.aa.org")
    assert code.size >= 21 + 8
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)", code.path):
        assert int(x) >= 4
        assert int(x) + int(length) <= code.size - 4
        assert 4 <= int(y) < code.size - 4


@given(st.text(alphabet="abc/.?=&-", min_size=1, max_size=60))
def test_code_draws_each_dark_square_once(rest: str) -> None:
    import segno

    address = f"https://groups.example.org/{rest}"
    drawn = {
        (int(x) - 4 + step, int(y) - 4)
        for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)", qr_of(address).path)
        for step in range(int(length))
    }
    matrix = segno.make_qr(address, error="m").matrix
    dark = {(x, y) for y, row in enumerate(matrix) for x, bit in enumerate(row) if bit}
    assert drawn == dark


# ---- options, promises ----


@given(
    st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_options_come_back_from_their_own_address(
    named: bool, why: bool, patient: bool, safe: bool, large: bool, restricted: bool
) -> None:
    from urllib.parse import parse_qsl

    asked = Options("es", named, why, patient, safe and restricted, large, restricted)
    assert (
        options_of(dict(parse_qsl(asked.query)), "en", restricted=restricted) == asked
    )


@pytest.mark.parametrize(
    ("on", "by", "made"),
    [
        pytest.param("2026-03-09", " Nurse  Okafor ", True, id="owner-and-day"),
        pytest.param("2026-03-02", "Nurse Okafor", True, id="today"),
        pytest.param("2026-03-09", " ", False, id="R9-nobody"),
        pytest.param("2026-03-01", "Nurse Okafor", False, id="past"),
        pytest.param("soon", "Nurse Okafor", False, id="no-day"),
    ],
)
def test_R9_promise_has_an_owner_and_a_day(on: str, by: str, made: bool) -> None:
    promise = promise_of("call", on, by, TODAY)
    assert (promise is not None) is made
    if promise is not None:
        assert promise.by == "Nurse Okafor"
        assert promise_from(promise.to_bytes(), TODAY) == promise
        assert promise_from(promise.to_bytes(), date(2027, 1, 1)) is None


@pytest.mark.parametrize("stored", [None, b"", b"{", b"[]", b'{"kind": 3}'])
def test_unreadable_promise_is_none(stored: bytes | None) -> None:
    assert promise_from(stored, TODAY) is None


def test_promise_of_a_visit_is_said_as_one() -> None:
    words = Words.of("en", "US")
    said = promised(Promise("visit", TODAY, "Dr. Lindqvist"), words)
    assert said == "Your next visit: Monday, March 2, 2026, with Dr. Lindqvist."


# ---- at the wire ----


@pytest.fixture
def handout(installed: Any) -> Callable[[str], Any]:
    """The hand-out of a choice that is not written to the chart."""
    path = installed.launch()
    patient = ("patient", installed.sandbox.patient_id("alcohol"))
    installed.post(f"{path}choices", [patient, ("program", "aa"), ("do", "review")])
    return lambda rest: installed.client.get(f"{path}handout{rest}")


@pytest.mark.slow
def test_forms_are_files_whose_names_tell_nothing(
    installed: Any, handout: Callable[[str], Any]
) -> None:
    for rest, kind in ((".pdf", "application/pdf"), (".ics", "text/calendar")):
        answer = handout(rest)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        name = answer.headers["content-disposition"]
        assert re.fullmatch(r'attachment; filename="next-step\.\w{3}"', name)
        assert answer.headers["cache-control"] == "no-store"
    forms = [e["detail"]["form"] for e in installed.events("handout.given")]
    assert forms == ["pdf", "calendar"]


@pytest.mark.slow
def test_promise_is_kept_with_the_launch_and_printed(
    installed: Any, handout: Callable[[str], Any]
) -> None:
    page = handout("").text
    action = re.search(r'method="post" action="([^"]+)"', page)
    assert action is not None
    patient = ("patient", installed.sandbox.patient_id("alcohol"))
    day = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    fields = [patient, ("kind", "call"), ("on", day), ("by", "Nurse Okafor")]
    answer = installed.post(action[1].replace("&amp;", "&"), fields)
    assert answer.status_code == 303
    assert "Nurse Okafor." in handout("").text
