"""HSDS and FHIR in; FHIR, iCalendar and CSV out, and in again."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import icalendar
import pytest
from dateutil.rrule import rrulestr
from sqlalchemy import text

from plugin.directory.errors import FeedUnreadable, FeedUnsupported
from plugin.directory.export import EXPORTS, Wanted
from plugin.directory.listing import FeedOptions
from plugin.directory.sources import file_source

Row = Callable[..., dict[str, Any]]
JOIN = {"types": ["ONL"], "conference_url": "https://join.example/1"}


def stored(filled: Any) -> list[Any]:
    with filled.engine.connect() as connection:
        return list(connection.execute(text("SELECT * FROM meetings ORDER BY id")))


def service(**changes: Any) -> dict[str, Any]:
    """A service at one place, meeting on the first Tuesday and every Thursday."""
    place = {
        "id": "sal-1",
        "location": {
            "location_type": "physical",
            "name": "Library",
            "latitude": 41.88,
            "longitude": -87.63,
            "addresses": [{"address_1": "1 Main St", "city": "Chicago"}],
            "accessibility": [{"description": "Wheelchair ramp"}],
        },
        "schedules": [
            {
                "freq": "MONTHLY",
                "byday": "1TU",
                "opens_at": "18:00",
                "closes_at": "19:30",
                "timezone": -6,
            },
            {"freq": "WEEKLY", "byday": "TH", "opens_at": "18:00-06:00"},
        ],
    }
    usual = {
        "id": "s-1",
        "name": "GROW Chicago",
        "status": "active",
        "organization": {"name": "GROW"},
        "languages": [{"code": "es"}],
        "attributes": [{"taxonomy_term": {"code": "O", "name": "Open"}}],
        "service_at_locations": [place],
        "contacts": [{"name": "Canary", "email": "canary@example.org"}],
        "phones": [{"number": "312-555-0100"}],
    }
    return usual | changes


def test_hsds_service_at_a_location(filled: Any) -> None:
    report = filled.give(
        {"contents": [service()], "total_pages": 1}, "hsds", program="grow", timezone=""
    )
    assert (report.read, report.stored, report.meetings) == (1, 1, 2)
    monthly, weekly = stored(filled)
    assert (monthly.rrule, monthly.weekday) == ("FREQ=MONTHLY;BYDAY=1TU", 1)
    assert (weekly.rrule, weekly.weekday) == ("FREQ=WEEKLY;BYDAY=TH", 3)
    assert (monthly.start_minute, monthly.minutes) == (1080, 90)
    assert (monthly.timezone, monthly.zone_source) == ("America/Chicago", "place")
    assert (monthly.tags, monthly.languages) == ("open wheelchair", "es")
    assert (monthly.address, monthly.organisation) == ("1 Main St, Chicago", "GROW")


HSDS = [
    pytest.param(service(status="defunct"), "defunct", id="defunct"),
    pytest.param(service(name=""), "no name", id="no-name"),
    pytest.param(
        service(service_at_locations=[{"id": "x", "schedules": [{"freq": "HOURLY",
            "opens_at": "10:00", "dtstart": "2026-01-01"}]}]),
        "not read here",
        id="hourly",
    ),
    pytest.param(
        service(service_at_locations=[{"id": "x", "schedules": [{"freq": "WEEKLY",
            "byday": "NOPE", "opens_at": "10:00"}]}]),
        "impossible day",
        id="day",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "reason"), HSDS)
def test_hsds_bad_row_is_rejected(
    filled: Any, bad: dict[str, Any], reason: str
) -> None:
    good = service(service_at_locations=[])
    report = filled.give([good, bad], "hsds")
    (rejected,) = report.rejected
    assert reason in rejected.reason


@pytest.mark.parametrize(
    ("location", "attendance"),
    [
        pytest.param({"location_type": "virtual", "url": "https://z.test"}, "online"),
        pytest.param({"location_type": "virtual"}, "inactive"),
        pytest.param({"location_type": "postal"}, "inactive"),
        pytest.param({"location_type": "physical"}, "in-person"),
    ],
)
def test_hsds_location_type(
    filled: Any, location: dict[str, str], attendance: str
) -> None:
    places = [{"id": "x", "location": location}]
    filled.give([service(service_at_locations=places)], "hsds")
    assert [one.attendance for one in stored(filled)] == [attendance]


def test_one_page_of_several_is_refused(filled: Any) -> None:
    with pytest.raises(FeedUnsupported, match="one page"):
        filled.give({"total_pages": 3, "contents": [service()]}, "hsds")
    bundle = {
        "resourceType": "Bundle",
        "link": [{"relation": "next", "url": "https://x.example"}],
        "entry": [],
    }
    with pytest.raises(FeedUnsupported, match="one page"):
        filled.give(bundle, "fhir")


def test_fhir_of_another_publisher(filled: Any) -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {
                "resource": {
                    "resourceType": "Location",
                    "id": "l",
                    "name": "Hall",
                    "position": {"latitude": 51.5, "longitude": -0.1},
                    "address": {"line": ["1 St"], "city": "London"},
                }
            },
            {
                "resource": {
                    "resourceType": "HealthcareService",
                    "id": "h",
                    "name": "Hearing Voices",
                    "location": [{"reference": "Location/l"}],
                    "availableTime": [
                        {
                            "daysOfWeek": ["wed", "fri"],
                            "availableStartTime": "18:30:00",
                            "availableEndTime": "20:00:00",
                        }
                    ],
                }
            },
            {"resource": {"resourceType": "HealthcareService", "id": "bad"}},
        ],
    }
    report = filled.give(bundle, "fhir", program="hvn", timezone="")
    assert (report.read, report.stored, report.meetings) == (2, 1, 2)
    one, _ = stored(filled)
    assert (one.weekday, one.start_minute, one.minutes) == (2, 1110, 90)
    assert (one.timezone, one.address) == ("Europe/London", "1 St, London")
    assert [r.key for r in report.rejected] == ["bad"]


@pytest.mark.parametrize("content", [{"resourceType": "Patient"}, {"entry": []}])
def test_fhir_that_is_no_bundle_is_refused(
    filled: Any, content: dict[str, Any]
) -> None:
    with pytest.raises(FeedUnreadable):
        filled.give(content, "fhir")


# -- out, and in again ---------------------------------------------------------------


def exported(filled: Any, format_: str, **wanted: Any) -> bytes:
    return b"".join(EXPORTS[format_](filled.directory, Wanted(**wanted)))


@pytest.fixture
def varied(filled: Any, row: Row) -> Any:
    head = "key,name,day,time,attendance,latitude,longitude,rule,first_date,except\n"
    lines = (
        "m,Monthly,,18:00,in-person,40.7,-73.9,FREQ=MONTHLY;BYDAY=-1FR,,2026-04-24\n"
        "o,Other,mon,23:30,in-person,40.7,-73.9,FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,"
        "2026-03-02,\n"
    )
    filled.give(head + lines, "csv", feed="csv")
    filled.give(
        [
            row("a", types=["W", "S"]),
            row("b", day=[2, 4], **JOIN),
            row("appointment", day=...),
            row("minus", name="-2+3 Steps", formatted_address="+1 St, B, NY 1, USA"),
        ]
    )
    return filled


SAME = "name minutes timezone rrule attendance languages tags start_minute weekday"


@pytest.mark.parametrize("format_", ["fhir", "csv"])
def test_export_is_read_again_as_the_same_meetings(varied: Any, format_: str) -> None:
    def facts() -> list[tuple[object, ...]]:
        return sorted(
            (tuple(getattr(o, column) for column in SAME.split()) for o in rows()),
            key=str,
        )

    def rows() -> list[Any]:
        return stored(varied)

    before = facts()
    content = exported(varied, format_)
    with varied.engine.begin() as connection:
        for table in ("meetings", "meeting_slots", "feeds", "feed_versions"):
            connection.execute(text(f"DELETE FROM {table}"))
    report = varied.give(content, format_, timezone="")
    assert report.rejected == ()
    after = facts()
    if format_ == "csv":
        after = [(str(o[0]).removeprefix("'"), *o[1:]) for o in after]
        after.sort(key=str)
    assert after == before


def test_csv_holds_no_formula(varied: Any) -> None:
    lines = list(csv.DictReader(io.StringIO(exported(varied, "csv").decode())))
    assert len(lines) == 7
    for line in lines:
        for name, cell in line.items():
            if name not in ("latitude", "longitude"):
                assert not cell.startswith(("=", "+", "-", "@")), (name, cell)


def test_fhir_bundle_is_valid(varied: Any) -> None:
    from fhir.resources.R4B.bundle import Bundle

    content = json.loads(exported(varied, "fhir"))
    bundle = Bundle.model_validate(content)
    kinds = [entry.resource.get_resource_type() for entry in bundle.entry]
    assert kinds.count("HealthcareService") == 7
    urls = [entry["fullUrl"] for entry in content["entry"]]
    assert len(urls) == len(set(urls))
    for entry in content["entry"]:
        for place in entry["resource"].get("location", []):
            assert place["reference"] in urls


def test_ical_recurs_as_the_meeting_does(varied: Any) -> None:
    calendar = icalendar.Calendar.from_ical(exported(varied, "ical"))
    events = {str(event["SUMMARY"]): event for event in calendar.walk("VEVENT")}
    assert "Monthly" in events
    monthly = events["Monthly"]
    first = monthly.decoded("DTSTART")
    assert first.isoformat() == "2026-03-27T18:00:00-04:00"
    rule = rrulestr(
        monthly["RRULE"].to_ical().decode(), dtstart=first.replace(tzinfo=None)
    )
    assert rule[1].isoformat() == "2026-04-24T18:00:00"
    assert monthly["EXDATE"].dts[0].dt.date().isoformat() == "2026-04-24"
    every_other = events["Other"]
    assert every_other.decoded("DTSTART").date().isoformat() == "2026-03-02"
    assert {str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")} == {
        "America/New_York"
    }


def test_export_of_a_chosen_set(varied: Any) -> None:
    calendar = icalendar.Calendar.from_ical(
        exported(varied, "ical", ids=("feed:a", "csv:m"))
    )
    uids = {str(event["UID"]) for event in calendar.walk("VEVENT")}
    assert uids == {"feed:a@selfhelp-referral", "csv:m@selfhelp-referral"}


def test_dates_of_the_rule_hold_over_the_year(varied: Any) -> None:
    from plugin.directory.meeting import Search

    query = Search(("aa",), datetime(2026, 4, 1, tzinfo=UTC), hours=24 * 40, limit=None)
    found = [o for o in varied.directory.search(query) if o.name == "Monthly"]
    assert found == []  # 24 April is excepted; 29 May lies beyond


@pytest.mark.parametrize("format_", ["fhir", "csv"])
def test_licence_goes_out_with_every_meeting(
    filled: Any, row: Row, format_: str
) -> None:
    path = filled.folder / "licensed.json"
    path.write_text(json.dumps([row("a"), row("b")]))
    named = FeedOptions("f", "aa", "meeting-guide", "Europe/London", licence="CC BY 4")
    filled.directory.import_feed(file_source(path), named)
    written = b"".join(EXPORTS[format_](filled.directory, Wanted())).decode()
    assert written.count("CC BY 4") == 2
