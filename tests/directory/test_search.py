"""What is found, for a search and for a patient."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from plugin.directory.errors import BadSearch
from plugin.directory.marks import Mark, set_mark
from plugin.directory.meeting import MeetingsWanted, Place, Search
from plugin.store.errors import StoreUnavailable

Row = Callable[..., dict[str, Any]]
BROOKLYN = Place(40.69, -73.99)
JOIN = {"types": ["ONL"], "conference_url": "https://join.example/1"}
ONLINE = {"formatted_address": "Brooklyn, NY, USA", **JOIN}


def found(filled: Any, **asked: Any) -> list[str]:
    query = Search(("aa",), filled.clock(), **{"hours": 168, **asked})
    return [one.key for one in filled.directory.search(query)]


def test_order_is_by_start_then_distance_then_id(filled: Any, row: Row) -> None:
    filled.give(
        [
            row("late", day=2),
            row("far", latitude=40.8),
            row("b"),
            row("a"),
            row("online", **ONLINE),
        ]
    )
    assert found(filled, near=BROOKLYN) == ["a", "b", "far", "late"]


def test_online_is_the_fallback_where_nothing_is_near(filled: Any, row: Row) -> None:
    filled.give([row("here"), row("online", **ONLINE), row("hybrid", **JOIN)])
    assert found(filled, near=Place(51.5, -0.1)) == ["hybrid", "online"]
    assert found(filled, near=Place(51.5, -0.1), attendance="in-person") == []


def test_in_person_and_online_each_find_hybrid(filled: Any, row: Row) -> None:
    filled.give([row("here"), row("online", **ONLINE), row("hybrid", **JOIN)])
    assert found(filled, near=BROOKLYN, attendance="in-person") == ["here", "hybrid"]
    assert found(filled, attendance="in-person") == ["here", "hybrid"]
    assert found(filled, attendance="online") == ["hybrid", "online"]
    assert found(filled, attendance="hybrid") == ["hybrid"]
    assert found(filled) == ["here", "hybrid", "online"]


def test_closed_meeting_is_never_found(filled: Any, row: Row) -> None:
    filled.give([row("closed", types=["TC"]), row("open")])
    assert found(filled) == ["open"]


def test_approximate_place_is_found_and_never_measured(filled: Any) -> None:
    head = "key,name,day,time,attendance,latitude,longitude,precision\n"
    lines = "town,Town,mon,19:00,in-person,40.7,-73.9,approximate\n"
    filled.give(head + lines + "door,Door,mon,19:00,in-person,40.7,-73.9,\n", "csv")
    query = Search(("aa",), filled.clock(), hours=168, near=BROOKLYN)
    assert [(one.key, one.km) for one in filled.directory.search(query)] == [
        ("door", 7.67),
        ("town", None),
    ]


def test_without_a_zone_or_a_time_a_meeting_is_not_promised(
    filled: Any, row: Row
) -> None:
    nowhere = row("nowhere", latitude=..., longitude=..., **JOIN)
    filled.give([nowhere, row("appointment", day=...)], timezone="")
    assert found(filled) == []
    (status,) = filled.directory.status()
    assert (status.without_zone, status.by_appointment) == (1, 1)


def test_tags_are_words_or_a_feeds_own_codes(filled: Any, row: Row) -> None:
    filled.give([row("w", types=["W", "BE"]), row("m", types=["M", "XYZ"])])
    assert found(filled, tags=("women",)) == ["w"]
    assert found(filled, tags=("women", "beginners")) == ["w"]
    assert found(filled, tags=("women", "men")) == []
    assert found(filled, tags=("XYZ",)) == ["m"]
    with pytest.raises(BadSearch, match="no such tag"):
        found(filled, tags=("wommen",))


def test_language_as_such_and_as_a_tag(filled: Any, row: Row) -> None:
    filled.give([row("es", types=["S"]), row("en")])
    assert found(filled, language="es") == ["es"]
    assert found(filled, tags=("spanish",)) == ["es"]
    assert found(filled, language="en") == ["en"]
    assert found(filled, language="zu") == []


def test_day_and_time_of_day_are_those_of_the_place(filled: Any, row: Row) -> None:
    filled.give([row("early", day=2, time="00:30"), row("late", day=1, time="23:30")])
    tuesday, monday = frozenset({1}), frozenset({0})
    assert found(filled, weekdays=tuesday) == ["early"]
    assert found(filled, weekdays=monday) == ["late"]
    assert found(filled, earliest=23 * 60) == ["late"]
    assert found(filled, earliest=23 * 60, latest=60) == ["late", "early"]


def test_what_began_ten_minutes_ago(filled: Any, row: Row) -> None:
    filled.give([row(time="19:00")])
    at = datetime(2026, 3, 3, 0, 8, tzinfo=UTC)  # 19:08 in New York
    query = Search(("aa",), at, hours=1)
    assert filled.directory.search(query) == []
    begun = Search(("aa",), at, hours=1, begun_minutes=10)
    assert len(filled.directory.search(begun)) == 1


def test_window_is_half_open_to_the_second(filled: Any, row: Row) -> None:
    filled.give([row(time="19:00")])
    start = datetime(2026, 3, 3, 0, 0, tzinfo=UTC)
    for at, hours, count in (
        (start, 1.0, 1),
        (start + timedelta(seconds=1), 1.0, 0),
        (start - timedelta(hours=1), 1.0, 0),
        (start - timedelta(hours=1), 1.01, 1),
    ):
        assert len(filled.directory.search(Search(("aa",), at, hours=hours))) == count


BAD = [
    pytest.param({"programs": ()}, id="no-programme"),
    pytest.param({"hours": 0}, id="no-hours"),
    pytest.param({"hours": 1e9}, id="too-many-hours"),
    pytest.param({"limit": 0}, id="no-limit"),
    pytest.param({"near": Place(91, 0)}, id="no-place"),
    pytest.param({"within_km": float("nan")}, id="no-radius"),
    pytest.param({"at": datetime(2026, 3, 2)}, id="no-offset"),  # noqa: DTZ001
    pytest.param({"at": datetime(1800, 3, 2, tzinfo=UTC)}, id="long-ago"),
]


@pytest.mark.parametrize("change", BAD)
def test_search_that_cannot_be_made_is_refused(
    filled: Any, change: dict[str, Any]
) -> None:
    query = Search(**{"programs": ("aa",), "at": filled.clock(), **change})
    with pytest.raises(BadSearch):
        filled.directory.search(query)


# -- the same meeting in two feeds ---------------------------------------------------


def test_meeting_of_two_feeds_is_joined_and_both_are_named(
    filled: Any, row: Row
) -> None:
    filled.give([row("x", name="Monday Night Group")], feed="one")
    twin = row("y", name="Monday Night", latitude=40.6901, longitude=-73.9901)
    filled.give([twin, row("z", name="Quite Another")], feed="two")
    query = Search(("aa",), filled.clock(), hours=168, near=BROOKLYN)
    answer = filled.directory.search(query)
    assert [(one.id, one.sources) for one in answer] == [
        ("one:x", ("two:y",)),
        ("two:z", ()),
    ]


# -- a patient's next meetings -------------------------------------------------------


def next_ones(filled: Any, **asked: Any) -> list[str]:
    wanted = MeetingsWanted(("aa", "na"), filled.clock(), **asked)
    answer = filled.directory.next_meetings(wanted)
    assert set(answer) == {"aa", "na"}
    return [one.key for one in answer["aa"]]


@pytest.fixture
def mixed(filled: Any, row: Row) -> Any:
    """Near ones in the evening, many online ones before."""
    online = [row(f"o{n}", time=f"1{n}:00", **ONLINE) for n in range(8)]
    near = [row(f"n{n}", time=f"19:0{n}") for n in range(4)]
    filled.give([*online, *near, row("far", latitude=45.0)])
    return filled


def test_near_and_joined_meetings_do_not_hide_each_other(mixed: Any) -> None:
    assert next_ones(mixed, near=BROOKLYN) == ["o0", "n0", "n1"]
    assert next_ones(mixed, near=BROOKLYN, limit=1) == ["n0"]


def test_wish_for_one_way_gives_that_way_alone(mixed: Any) -> None:
    near = {"near": BROOKLYN}
    assert next_ones(mixed, attendance="in-person", **near) == ["n0", "n1", "n2"]
    assert next_ones(mixed, attendance="online", **near) == ["o0", "o1", "o2"]


def test_without_a_place_only_what_is_joined_from_anywhere(mixed: Any) -> None:
    assert next_ones(mixed) == ["o0", "o1", "o2"]
    assert next_ones(mixed, near=Place(-37.8, 145.0)) == ["o0", "o1", "o2"]


def test_far_ahead_is_looked_at_only_as_long_as_asked(mixed: Any) -> None:
    assert next_ones(mixed, near=BROOKLYN, hours=1) == []
    assert len(next_ones(mixed, near=BROOKLYN, hours=14 * 24, limit=30)) > 20


def test_days_a_week_count_the_group_and_not_the_row(filled: Any, row: Row) -> None:
    filled.give(
        [
            row("a", day=1),
            row("b", day=2),
            row("c", day=2, time="20:00"),
            row("other", name="Other Name", day=3),
        ]
    )
    wanted = MeetingsWanted(("aa",), filled.clock(), BROOKLYN, limit=9, hours=100)
    answer = filled.directory.next_meetings(wanted)["aa"]
    assert [(one.key, one.times_a_week) for one in answer] == [
        ("a", 2),
        ("b", 2),
        ("c", 2),
        ("other", 1),
    ]


# -- one meeting -----------------------------------------------------------------


def test_occurrence_is_the_first_one_not_before_the_moment(
    filled: Any, row: Row
) -> None:
    filled.give([row("a", day=[1, 4])])
    monday = datetime(2026, 3, 3, 0, 0, tzinfo=UTC)
    directory = filled.directory
    assert directory.occurrence("feed:a:mo", monday).starts == monday
    later = directory.occurrence("feed:a:mo", monday + timedelta(minutes=1))
    assert later.starts.isoformat() == "2026-03-09T19:00:00-04:00"
    assert later.times_a_week == 2
    assert directory.occurrence("feed:none", monday) is None
    assert directory.occurrence("no such id", monday) is None


def test_occurrence_of_a_removed_or_closed_meeting_is_none(
    filled: Any, row: Row
) -> None:
    rows = [row(f"m{n}") for n in range(6)]
    filled.give(rows)
    closed = {**rows[1], "types": ["TC"]}
    filled.give([closed, *rows[2:]])
    assert filled.directory.occurrence("feed:m0", filled.clock()) is None
    assert filled.directory.occurrence("feed:m1", filled.clock()) is None
    assert filled.directory.occurrence("feed:m2", filled.clock()) is not None


# -- what the hospital says --------------------------------------------------------


def test_hidden_meeting_is_not_offered_whatever_its_feed_says(
    filled: Any, row: Row
) -> None:
    filled.give([row("a"), row("b")])
    assert set_mark(filled.engine, filled.clock, "feed:a", Mark(hidden=True))
    assert found(filled) == ["b"]
    filled.give([row("a", name="Renamed"), row("b")])
    assert found(filled) == ["b"]
    assert filled.directory.occurrence("feed:a", filled.clock()) is None
    set_mark(filled.engine, filled.clock, "feed:a", Mark(hidden=False))
    assert found(filled) == ["a", "b"]


def test_trusted_meeting_shows_its_liaison(filled: Any, row: Row) -> None:
    filled.give([row("a")])
    mark = Mark(trusted=True, liaison="Ann", liaison_phone="718-555-0199")
    assert set_mark(filled.engine, filled.clock, "feed:a", mark)
    (one,) = filled.directory.search(Search(("aa",), filled.clock(), hours=168))
    assert (one.trusted, one.liaison) == (True, "Ann 718-555-0199")
    assert not set_mark(filled.engine, filled.clock, "feed:none", mark)


# -- the index through the year ----------------------------------------------------


def test_index_that_has_run_out_still_answers_and_is_written_on(
    filled: Any, row: Row
) -> None:
    monthly = "m,Monthly,18:00,in-person,40.69,-73.99,FREQ=MONTHLY;BYDAY=1TU\n"
    head = "key,name,time,attendance,latitude,longitude,rule\n"
    filled.give([row("a")])
    filled.give(head + monthly, "csv", feed="monthly")

    def answers() -> list[tuple[str, str]]:
        at = filled.clock()
        query = Search(("aa",), at, hours=24 * 40, near=BROOKLYN, limit=None)
        return [(o.id, o.starts.isoformat()) for o in filled.directory.search(query)]

    assert filled.directory.renew_index() == []
    filled.clock.forward(days=300)
    without = answers()
    assert len(without) >= 6
    assert sorted(filled.directory.renew_index()) == ["feed", "monthly"]
    assert answers() == without
    assert filled.directory.renew_index() == []
    assert filled.directory.status()[0].stored == 1
    filled.clock.forward(days=300)
    report = filled.take(filled.made[0])
    assert (report.changed, report.unchanged) == (0, 1)
    assert filled.directory.renew_index() == ["monthly"]


# -- while feeds are replaced ------------------------------------------------------


def test_feed_replaced_in_the_middle_of_a_search_is_searched_again(
    filled: Any, row: Row
) -> None:
    filled.give([row("a")])
    said = []

    def before_each_statement(sql: str) -> None:
        said.append(sql)
        if sum("FROM meetings" in one for one in said) == 1 and len(said) > 1:
            filled.give([row("a", name="Renamed")])

    event.listen(
        filled.engine,
        "checkout",
        lambda driver, *_: driver.set_trace_callback(before_each_statement),
        once=True,
    )
    (one,) = filled.directory.search(Search(("aa",), filled.clock(), hours=168))
    assert one.name == "Renamed"
    assert sum("FROM meeting_slots" in sql for sql in said) == 2


def test_search_of_a_broken_database_says_so(filled: Any, row: Row) -> None:
    filled.give([row("a")])
    filled.engine.dispose()
    for path in filled.folder.glob("directory.db*"):
        path.write_bytes(b"no database at all" * 4096)
    with pytest.raises(StoreUnavailable):
        filled.directory.search(Search(("aa",), filled.clock()))
