"""What each format's rows become."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

Row = Callable[..., dict[str, Any]]


def stored(filled: Any) -> list[Any]:
    with filled.engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM meetings ORDER BY id"))
        return list(found)


def only(filled: Any) -> Any:
    (one,) = stored(filled)
    return one


TIMES = [
    pytest.param({"day": 0}, (6, 19 * 60, 60), id="sunday-is-0"),
    pytest.param({"day": "6"}, (5, 19 * 60, 60), id="saturday-as-text"),
    pytest.param({"day": ["3"]}, (2, 19 * 60, 60), id="list-of-one"),
    pytest.param({"time": "7:30 PM"}, (0, 19 * 60 + 30, 60), id="pm"),
    pytest.param({"time": "12:01 AM"}, (0, 1, 60), id="12-am"),
    pytest.param({"time": "12:15 PM"}, (0, 12 * 60 + 15, 60), id="12-pm"),
    pytest.param({"time": "24:00"}, (1, 0, 60), id="midnight-is-the-next-day"),
    pytest.param({"end_time": "20:30"}, (0, 19 * 60, 90), id="end"),
    pytest.param(
        {"time": "23:30", "end_time": "00:30"}, (0, 23 * 60 + 30, 60), id="over-night"
    ),
    pytest.param({"day": ...}, (None, None, 60), id="by-appointment"),
    pytest.param({"day": ""}, (None, None, 60), id="blank-day"),
    pytest.param({"time": ""}, (None, None, 60), id="blank-time"),
]


@pytest.mark.parametrize(("change", "expected"), TIMES)
def test_meeting_guide_day_and_time(
    filled: Any, row: Row, change: dict[str, Any], expected: tuple[object, ...]
) -> None:
    filled.give([row(**change)])
    one = only(filled)
    assert (one.weekday, one.start_minute, one.minutes) == expected


def test_meeting_guide_day_list_is_a_meeting_for_each_day(
    filled: Any, row: Row
) -> None:
    report = filled.give([row("daily", day=[0, 1, 2, 3, 4, 5, 6])])
    assert (report.stored, report.meetings) == (1, 7)
    assert {one.uid for one in stored(filled)} == {
        f"feed:daily:{day}" for day in ["mo", "tu", "we", "th", "fr", "sa", "su"]
    }


def test_ids_of_odd_keys_do_not_meet(filled: Any, row: Row) -> None:
    filled.give([row("a", day=[1, 2]), row("a:mo"), row("a%3Amo")])
    assert len({one.uid for one in stored(filled)}) == 4


HERE = {"conference_url": "https://zoom.us/j/1"}
TOWN = "Brooklyn, NY, USA"
ATTENDANCE = [
    pytest.param({}, "in-person", "exact", id="neither"),
    pytest.param({"types": ["ONL"], **HERE}, "hybrid", "exact", id="ONL"),
    pytest.param({"types": ["onl"], **HERE}, "hybrid", "exact", id="small-letters"),
    pytest.param({"types": ["TC", "ONL"], **HERE}, "online", "exact", id="TC-ONL"),
    pytest.param({"types": ["TC"]}, "inactive", "exact", id="TC"),
    pytest.param({"formatted_address": TOWN}, "inactive", "approximate", id="town"),
    pytest.param(
        {"formatted_address": TOWN, "types": ["ONL"], **HERE},
        "online",
        "approximate",
        id="town-ONL",
    ),
    pytest.param(
        {"approximate": "no", "formatted_address": TOWN}, "in-person", "exact", id="no"
    ),
    pytest.param({"approximate": True}, "inactive", "approximate", id="true"),
    pytest.param({"types": ["ONL"]}, "in-person", "exact", id="nothing-to-join"),
    pytest.param({"types": ..., **HERE}, "hybrid", "exact", id="no-types"),
]


@pytest.mark.parametrize(("change", "attendance", "precision"), ATTENDANCE)
def test_meeting_guide_attendance(
    filled: Any,
    row: Row,
    change: dict[str, Any],
    attendance: str,
    precision: str,
) -> None:
    filled.give([row(**change)])
    one = only(filled)
    assert one.attendance == attendance
    if attendance != "online":
        assert one.precision == precision


def test_attendance_agrees_with_what_publishers_computed(
    filled: Any, shared_data: Path
) -> None:
    """Two feeds say what their own software made of the same codes."""
    import json

    for name, program in (("al_anon", "alanon"), ("eda", "eda")):
        path = shared_data / "meetings" / f"meeting_guide_{name}.json"
        filled.take(path, feed=name, program=program)
        said = {
            str(row["slug"]): row["attendance_option"].replace("_", "-")
            for row in json.loads(path.read_bytes())
        }
        ours = {o.key: o.attendance for o in stored(filled) if o.program == program}
        assert ours == said


ZONES = [
    pytest.param({"timezone": "America/Chicago"}, "", "America/Chicago", "row"),
    pytest.param({"timezone": ...}, "America/Denver", "America/Denver", "feed"),
    pytest.param({"timezone": ...}, "", "America/New_York", "place"),
    pytest.param({"timezone": ..., "latitude": ...}, "", "", "unknown"),
]


@pytest.mark.parametrize(("change", "feed_zone", "zone", "source"), ZONES)
def test_zone_and_where_it_comes_from(
    filled: Any,
    row: Row,
    change: dict[str, Any],
    feed_zone: str,
    zone: str,
    source: str,
) -> None:
    filled.give([row(**change)], timezone=feed_zone)
    one = only(filled)
    assert (one.timezone, one.zone_source) == (zone, source)


WORDS = [
    pytest.param("aa", ["W", "BE", "X", "A"], "beginners women wheelchair secular"),
    pytest.param("aa", ["Y", "12X12", "LGBTQ"], "young-people lgbtq steps"),
    pytest.param("alanon", ["Y", "POA", "AC"], "parents adult-children teens"),
    pytest.param("da", ["B", "P"], ""),
    pytest.param("na", ["BEG", "GL", "Y"], "beginners young-people lgbtq"),
    pytest.param("aa", ["NEW-CODE"], ""),
]


@pytest.mark.parametrize(("program", "codes", "words"), WORDS)
def test_codes_mean_what_their_fellowship_means(
    filled: Any, row: Row, program: str, codes: list[str], words: str
) -> None:
    filled.give([row(types=codes)], program=program)
    assert only(filled).tags == words


def test_codes_that_are_languages(filled: Any, row: Row) -> None:
    filled.give([row("a", types=["S", "PUN", "FR"]), row("b", types=[])])
    assert [one.languages for one in stored(filled)] == ["es pa fr", "en"]


def test_speaker_in_one_fellowship_is_spanish_in_another(filled: Any, row: Row) -> None:
    filled.give([row(types=["S", "SP"])], program="aca")
    assert only(filled).languages == "es"
    assert only(filled).tags == "speaker"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("https://zoom.us/j/1?pwd=x", "https://zoom.us/j/1?pwd=x", id="ok"),
        pytest.param("http://zoom.us/j/1", "", id="http"),
        pytest.param("javascript:alert(1)//https://", "", id="script"),
        pytest.param("https://a@zoom.us/j/1", "", id="user"),
        pytest.param("https://zoom.us/<script>", "", id="markup"),
        pytest.param("https://", "", id="no-host"),
    ],
)
def test_only_plain_https_addresses_are_kept(
    filled: Any, row: Row, given: str, kept: str
) -> None:
    filled.give([row(types=["ONL"], conference_url=given, conference_phone="1")])
    assert only(filled).join_url == kept


# -- BMLT ----------------------------------------------------------------------------


def bmlt(**changes: str) -> dict[str, str]:
    usual = {
        "id_bigint": "7",
        "meeting_name": "Noon",
        "weekday_tinyint": "1",
        "start_time": "12:00:00",
        "duration_time": "01:30:00",
        "latitude": "40.7",
        "longitude": "-73.9",
        "venue_type": "1",
        "published": "1",
    }
    return usual | changes


BMLT = [
    pytest.param({}, (6, 720, 90, "in-person"), id="sunday-is-1"),
    pytest.param({"weekday_tinyint": "7"}, (5, 720, 90, "in-person"), id="saturday"),
    pytest.param({"start_time": "24:00:00"}, (0, 0, 90, "in-person"), id="24:00"),
    pytest.param(
        {"duration_time": "24:00:00"}, (6, 720, 1440, "in-person"), id="all-day"
    ),
    pytest.param({"duration_time": ""}, (6, 720, 60, "in-person"), id="no-duration"),
    pytest.param(
        {"venue_type": "2", "virtual_meeting_link": "https://z.example/1"},
        (6, 720, 90, "online"),
        id="virtual",
    ),
    pytest.param({"venue_type": "3"}, (6, 720, 90, "hybrid"), id="hybrid"),
    pytest.param(
        {"venue_type": "", "formats": "HYBR"}, (6, 720, 90, "hybrid"), id="HYBR"
    ),
    pytest.param({"venue_type": "", "formats": "VM"}, (6, 720, 90, "online"), id="VM"),
    pytest.param({"formats": "TC"}, (6, 720, 90, "inactive"), id="TC"),
    pytest.param({"start_time": ""}, (None, None, 90, "in-person"), id="no-time"),
]


@pytest.mark.parametrize(("change", "expected"), BMLT)
def test_bmlt_row(
    filled: Any, change: dict[str, str], expected: tuple[object, ...]
) -> None:
    filled.give([bmlt(**change)], "bmlt", program="na")
    one = only(filled)
    assert expected == (one.weekday, one.start_minute, one.minutes, one.attendance)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"weekday_tinyint": "0"}, "impossible day", id="day-0"),
        pytest.param({"weekday_tinyint": "8"}, "impossible day", id="day-8"),
        pytest.param({"duration_time": "25:00:00"}, "impossible duration", id="25h"),
        pytest.param({"published": "0"}, "not published", id="unpublished"),
        pytest.param({"id_bigint": ""}, "no id_bigint", id="no-id"),
    ],
)
def test_bmlt_bad_row_is_rejected(
    filled: Any, change: dict[str, str], reason: str
) -> None:
    report = filled.give([bmlt(), bmlt(id_bigint="8") | change], "bmlt")
    (rejected,) = report.rejected
    assert reason in rejected.reason


def test_bmlt_formats_are_joined_by_id_and_mean_their_world_id(
    filled: Any, tmp_path: Path
) -> None:
    import json

    feed = tmp_path / "x_GetSearchResults.json"
    row = bmlt(formats="B,K", format_shared_id_list="1,2,3", service_body_bigint="5")
    feed.write_text(json.dumps([row]))
    formats = [
        {"id": "1", "key_string": "K", "world_id": "W", "lang": "en"},
        {"id": "1", "key_string": "F", "world_id": "M", "lang": "de"},
        {"id": "2", "key_string": "B", "world_id": "WCHR", "lang": "en"},
        {
            "id": "3",
            "key_string": "ES",
            "world_id": "LANG",
            "name_string": "Espanol",
            "lang": "en",
        },
    ]
    (tmp_path / "x_GetFormats.json").write_text(json.dumps(formats))
    bodies = [{"id": "5", "name": "Area Five", "helpline": "718-555-0199"}]
    (tmp_path / "x_GetServiceBodies.json").write_text(json.dumps(bodies))
    filled.take(feed, "bmlt", program="na")
    one = only(filled)
    assert (one.tags, one.languages) == ("women wheelchair", "es")
    assert (one.organisation, one.phone) == ("Area Five", "718-555-0199")


def test_bmlt_changed_format_is_noticed(filled: Any, tmp_path: Path) -> None:
    import json

    feed = tmp_path / "x_GetSearchResults.json"
    feed.write_text(json.dumps([bmlt(format_shared_id_list="1")]))
    formats = tmp_path / "x_GetFormats.json"
    formats.write_text(json.dumps([{"id": "1", "world_id": "W", "key_string": "W"}]))
    assert filled.take(feed, "bmlt", program="na").changed == 1
    formats.write_text(json.dumps([{"id": "1", "world_id": "M", "key_string": "M"}]))
    assert filled.take(feed, "bmlt", program="na").changed == 1


# -- OIAA ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "weekday"),
    [pytest.param(1, 0), pytest.param(7, 6), pytest.param(0, 6), pytest.param(3, 2)],
)
def test_oiaa_counts_days_as_iso_does(filled: Any, day: int, weekday: int) -> None:
    row = {
        "slug": "a",
        "name": "A",
        "day": day,
        "time": "07:00",
        "timezone": "Europe/Kiev",
        "conference_url": "https://z.example/1",
        "types": ["W"],
        "languages": ["uk"],
    }
    filled.give([row], "oiaa")
    one = only(filled)
    assert (one.weekday, one.attendance, one.languages) == (weekday, "online", "uk")


def test_oiaa_archived_row_is_rejected(filled: Any) -> None:
    rows = [{"slug": "a", "name": "A", "archived": True}, {"slug": "b", "name": "B"}]
    report = filled.give(rows, "oiaa")
    assert [one.reason for one in report.rejected] == ["archived by its intergroup"]


# -- CSV -----------------------------------------------------------------------------

HEAD = "key,name,day,time,timezone,attendance,latitude,longitude,tags,rule,first_date\n"


def test_csv_of_our_own(filled: Any) -> None:
    lines = (
        "a,Recovery,mon thu,7:30 pm,America/New_York,in-person,40.7,-73.9,open,,\n"
        "b,Monthly,,18:00,Europe/London,online,,,,FREQ=MONTHLY;BYDAY=1TU,\n"
        "c,Nobody,mon,18:00,,in-person,,,no-such-tag,,\n"
        "d,Odd,mon,18:00,,somewhere,,,,,\n"
        'e,"Two\nlines",tue,10:00,,online,,,,,\n'
    )
    report = filled.give(HEAD + lines, "csv")
    assert (report.read, report.stored, report.meetings) == (5, 3, 4)
    assert [one.key for one in report.rejected] == ["c", "d"]
    assert stored(filled)[2].rrule == "FREQ=MONTHLY;BYDAY=1TU"


UK = (
    "Guid,Title,Time,Duration,Postcode,Latitude,Longitude,Venue,Address,What3Words,Day,"
    "Hearing,Wheelchair,Chit,Open,OpenFormat,Format,Note,Code,Region,RegionArea,"
    "RegionAreaOrder,RegionIdentifier,RegionIdentifierType,Country,MeetingType,"
    "MeetingTypeNamespace,ScrapedDetails\n"
)
NO_GUID = "00000000-0000-0000-0000-000000000000"


def test_csv_of_the_uk_intergroups(filled: Any) -> None:
    lines = (
        "g1,Hall,19:30,1hr 30mins,N1 7AA,51.53,-0.09,Hall,1 St,a.b.c,Monday,True,True,"
        "True,True,,Big Book,,1,London,,,,,England,Face to Face,AA,x\n"
        f"{NO_GUID},One,20:00,-1hr,,,,,,,Tuesday,False,False,False,False,,,,2,R,,,,,"
        "Ireland,Online,NA,x\n"
        f"{NO_GUID},Two,,0hr 5mins,,,,,,,Friday,False,False,False,False,,,,3,R,,,,,"
        "England,Online,CA,x\n"
        f"{NO_GUID},Three,9:00,1hr,,,,,,,Someday,,,,,,,,4,R,,,,,England,Online,AA,x\n"
    )
    report = filled.give(UK + lines, "csv", timezone="")
    assert (report.read, report.stored, len(report.rejected)) == (4, 3, 1)
    first, second, third = stored(filled)
    assert (first.program, first.timezone, first.minutes) == ("aa", "Europe/London", 90)
    assert first.tags == "open wheelchair literature proof-of-attendance hearing-loop"
    assert (second.program, second.minutes) == ("na", 60)
    assert (second.timezone, second.attendance) == ("Europe/Dublin", "online")
    assert (third.program, third.weekday) == ("ca", None)
    again = filled.give(UK + lines, "csv", timezone="")
    assert again.unchanged == 3


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("a,b,c\n1,2,3\n", id="other-columns"),
        pytest.param("[1]", id="json"),
        pytest.param("<html>", id="html"),
    ],
)
def test_csv_of_another_shape_is_refused(filled: Any, content: str) -> None:
    from plugin.directory.errors import FeedUnreadable

    with pytest.raises(FeedUnreadable):
        filled.give(content, "csv")


def test_csv_with_nul_bytes_loses_those_rows_only(filled: Any) -> None:
    content = HEAD + "a,A,mon,18:00,,online,,,,,\nb,\x00B,mon,18:00,,online,,,,,\n"
    report = filled.give(content, "csv")
    assert report.read == report.stored + len(report.rejected) == 2
