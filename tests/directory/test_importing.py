"""Importing: all of a feed or nothing, counted, and the same the second time."""

import gzip
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from plugin.directory.errors import FeedBusy, FeedUnreadable, FeedUnsupported
from plugin.directory.meeting import Place, Search

Row = Callable[..., dict[str, Any]]

SAMPLES = [
    pytest.param("meeting_guide_aa_san_francisco_marin", "meeting-guide", 658, 658),
    pytest.param("meeting_guide_aa_kansas_city", "meeting-guide", 206, 206),
    pytest.param("meeting_guide_aa_edmonton", "meeting-guide", 315, 315),
    pytest.param("meeting_guide_al_anon", "meeting-guide", 360, 360),
    pytest.param("meeting_guide_eda", "meeting-guide", 185, 185),
    pytest.param("meeting_guide_times", "meeting-guide", 9, 9),
    pytest.param("meeting_guide_timezones", "meeting-guide", 2, 2),
    pytest.param("meeting_guide_by_appointment", "meeting-guide", 2, 2),
    pytest.param("bmlt_new_york_GetSearchResults", "bmlt", 1555, 1513),
    pytest.param("oiaa_online", "oiaa", 160, 160),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "format_", "read", "stored"), SAMPLES)
def test_published_feed_is_read_whole_and_then_unchanged(
    filled: Any, shared_data: Path, name: str, format_: str, read: int, stored: int
) -> None:
    path = shared_data / "meetings" / f"{name}.json"
    first = filled.take(path, format_)
    assert (first.read, first.stored) == (read, stored)
    assert first.read == first.stored + len(first.rejected)
    assert (first.changed, first.unchanged, first.removed) == (stored, 0, 0)
    second = filled.take(path, format_)
    assert (second.changed, second.unchanged, second.removed) == (0, stored, 0)
    assert second.rejected == first.rejected


def test_same_rows_in_other_bytes_are_unchanged(filled: Any, row: Row) -> None:
    rows = [row("a"), row("b", day=[1, 3, 5])]
    assert filled.give(rows).meetings == 4
    again = filled.give(json.dumps(rows, indent=3))
    assert (again.changed, again.unchanged, again.meetings) == (0, 2, 4)


def test_changes_are_counted_by_row(filled: Any, row: Row) -> None:
    filled.give([row("a"), row("b", day=[1, 3]), *[row(f"x{n}") for n in range(9)]])
    report = filled.give(
        [row("a", name="Other"), row("b", day=[1, 3]), row("new"), row("x0")]
        + [row(f"x{n}") for n in range(1, 8)]
    )
    assert (report.changed, report.unchanged, report.removed) == (2, 9, 1)


BAD = [
    pytest.param({"slug": ...}, "no slug", id="no-slug"),
    pytest.param({"slug": ""}, "no slug", id="empty-slug"),
    pytest.param({"slug": "x" * 300}, "longer than", id="long-slug"),
    pytest.param({"name": ...}, "no name", id="no-name"),
    pytest.param({"name": "  "}, "no name", id="blank-name"),
    pytest.param({"name": "<script>alert(1)</script>"}, "markup", id="T05-script"),
    pytest.param({"name": "&lt;img src=x onerror=y&gt;"}, "markup", id="T05-entity"),
    pytest.param({"name": "=HYPERLINK(1)"}, "formula", id="T05-formula"),
    pytest.param({"name": "@SUM(1+1)*cmd|' /C calc'!A0"}, "formula", id="T05-dde"),
    pytest.param({"day": 7}, "impossible day", id="day-7"),
    pytest.param({"day": [1, "x"]}, "impossible day", id="day-x"),
    pytest.param({"day": True}, "impossible day", id="day-true"),
    pytest.param({"time": "25:00"}, "impossible time", id="hour-25"),
    pytest.param({"time": "7:60 PM"}, "impossible time", id="minute-60"),
    pytest.param({"time": "13:00 PM"}, "impossible time", id="13-pm"),
    pytest.param({"time": 1900}, "no text", id="time-number"),
    pytest.param({"end_time": "26:00"}, "impossible time", id="end-26"),
    pytest.param({"latitude": 0, "longitude": 0}, "0/0", id="T05-null-island"),
    pytest.param({"latitude": 140, "longitude": 40}, "swapped", id="T05-swapped"),
    pytest.param({"latitude": 400, "longitude": 400}, "globe", id="T05-off-globe"),
    pytest.param({"latitude": "north"}, "no number", id="latitude-text"),
    pytest.param(
        {"latitude": 77.2, "longitude": 28.6, "timezone": "Asia/Kolkata"},
        "swapped",
        id="T05-swapped-inside-the-range",
    ),
    pytest.param({"coordinates": "1,2,3", "latitude": ...}, "neither", id="bounds-3"),
    pytest.param({"timezone": "Mars/Olympus"}, "no such time zone", id="zone"),
    pytest.param({"timezone": "Eastern"}, "no such time zone", id="zone-name"),
]


@pytest.mark.parametrize(("change", "reason"), BAD)
def test_bad_row_is_rejected_with_its_reason_and_the_rest_is_kept(
    filled: Any, row: Row, change: dict[str, Any], reason: str
) -> None:
    rows = [row("before"), {**row("bad"), **change}, row("after")]
    rows[1] = {name: value for name, value in rows[1].items() if value is not ...}
    report = filled.give(rows)
    assert (report.read, report.stored) == (3, 2)
    (rejected,) = report.rejected
    assert rejected.row == 2
    assert reason in rejected.reason


@pytest.mark.parametrize("other", [5, None, "text", [1], True])
def test_element_that_is_no_object_is_rejected(
    filled: Any, row: Row, other: object
) -> None:
    report = filled.give([row("a"), other])
    assert [one.reason for one in report.rejected] == ["the row is no object"]


def test_T05_duplicate_key_keeps_the_first_row(filled: Any, row: Row) -> None:
    report = filled.give([row("a", name="First"), row("a", name="Second")])
    assert [one.reason for one in report.rejected] == ["the same key as row 1"]
    assert [one.name for one in _all(filled)] == ["First"]


UNREADABLE = [
    pytest.param(b"", "empty", id="empty"),
    pytest.param(b"<!doctype html><html>", "web page", id="html"),
    pytest.param(b'{"a": 1}', "no list", id="object"),
    pytest.param(b"[]", "no meetings", id="no-rows"),
    pytest.param(b'[{"slug": "a", "name": "A"}, {"slug"', "no JSON", id="cut-off"),
    pytest.param(b'[{"slug": "a", "name": "A"}] text', "no JSON", id="garbage"),
    pytest.param(b"PK\x03\x04rest", "zip archive", id="T05-zip"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, "nested deeper", id="T05-deep"),
    pytest.param(b'{"a":' * 50_000, "nested deeper", id="T05-deep-objects"),
    pytest.param('[{"slug": "a"}]'.encode("utf-16"), "not a JSON list", id="utf-16"),
    pytest.param(b"\x1f\x8b\x08nonsense-nonsense", "unpacked", id="bad-gzip"),
]


@pytest.mark.parametrize(("content", "reason"), UNREADABLE)
def test_unreadable_feed_changes_nothing(
    filled: Any, row: Row, content: bytes, reason: str
) -> None:
    filled.give([row("good")])
    before = _all(filled)
    if content == b"[]":
        report = filled.give(content)
        assert report.quarantined
    else:
        with pytest.raises(FeedUnreadable, match=reason):
            filled.give(content)
    assert _all(filled) == before
    (status,) = filled.directory.status()
    assert status.state in ("failed", "quarantined")
    assert status.meetings == 1


def test_feed_that_was_never_good_leaves_no_trace(filled: Any) -> None:
    with pytest.raises(FeedUnreadable):
        filled.give(b"[]")
    assert filled.directory.status() == []


FOREIGN = [
    pytest.param("meeting-guide", {"id_bigint": "1"}, id="bmlt-as-meeting-guide"),
    pytest.param("meeting-guide", {"resourceType": "Bundle"}, id="fhir"),
    pytest.param("bmlt", {"slug": "a"}, id="meeting-guide-as-bmlt"),
    pytest.param(
        "bmlt", {"serviceBodyId": 1, "day": 0, "startTime": "19:00"}, id="bmlt-admin"
    ),
]


@pytest.mark.parametrize(("format_", "foreign"), FOREIGN)
def test_other_publishers_shape_is_refused(
    filled: Any, format_: str, foreign: dict[str, Any]
) -> None:
    with pytest.raises(FeedUnsupported):
        filled.give([foreign], format_)


def test_wrapped_list_is_read(filled: Any, row: Row) -> None:
    assert filled.give({"meetings": [row("a")], "types": []}).stored == 1


def test_T05_zip_bomb_is_refused(filled: Any) -> None:
    bomb = gzip.compress(b"[" + b" " * (18 * 2**20), 1)
    with pytest.raises(FeedUnreadable, match="far more"):
        filled.give(bomb)


def test_packed_feed_is_read(filled: Any, row: Row) -> None:
    assert filled.give(gzip.compress(json.dumps([row("a")]).encode())).stored == 1


def test_byte_order_mark_is_passed_over(filled: Any, row: Row) -> None:
    assert filled.give(b"\xef\xbb\xbf" + json.dumps([row("a")]).encode()).stored == 1


def test_half_a_surrogate_spoils_its_row_only(filled: Any, row: Row) -> None:
    text = json.dumps([row("a"), row("b", name="half \ud800 sign")])
    report = filled.give(text)
    assert report.read == 2
    assert report.stored + len(report.rejected) == 2


def test_shrunken_feed_is_quarantined_and_the_last_good_one_stays(
    filled: Any, row: Row
) -> None:
    rows = [row(f"m{n}") for n in range(10)]
    filled.give(rows)
    assert not filled.give(rows[:8]).quarantined
    report = filled.give(rows[:6])
    assert report.quarantined
    assert "6 rows where there were 8" in report.reason
    assert len(_all(filled)) == 8
    (status,) = filled.directory.status()
    assert (status.state, status.stored) == ("quarantined", 8)
    accepted = filled.give(rows[:6], accept_shrunken=True)
    assert not accepted.quarantined
    assert len(_all(filled)) == 6
    assert filled.directory.status()[0].state == "good"


def test_interrupted_import_leaves_the_last_good_version(filled: Any, row: Row) -> None:
    filled.give([row("a")])

    class PulledPlug(BaseException):
        pass

    def stop(read: int) -> None:
        if read:
            raise PulledPlug

    path = filled.folder / "more.json"
    path.write_text(json.dumps([row("a", name="New"), row("b")]))
    from plugin.directory.importing import Importer
    from plugin.directory.listing import FeedOptions
    from plugin.directory.sources import file_source

    options = FeedOptions("feed", "aa", "meeting-guide", "America/New_York")
    with pytest.raises(PulledPlug):
        Importer(filled.engine, filled.clock, stop).run(file_source(path), options)
    assert [one.name for one in _all(filled)] == ["Monday Night"]
    assert filled.take(path).changed == 2


def test_feed_is_imported_by_one_at_a_time(filled: Any, row: Row) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(_read: int) -> None:
        begun.set()
        go_on.wait(10)

    path = filled.folder / "slow.json"
    path.write_text(json.dumps([row("a")]))
    from plugin.directory.importing import Importer
    from plugin.directory.listing import FeedOptions
    from plugin.directory.sources import file_source

    options = FeedOptions("feed", "aa", "meeting-guide", "America/New_York")
    slow = Importer(filled.engine, filled.clock, wait)
    worker = threading.Thread(target=slow.run, args=(file_source(path), options))
    worker.start()
    assert begun.wait(10)
    with pytest.raises(FeedBusy):
        filled.take(path)
    go_on.set()
    worker.join()
    assert filled.take(path).unchanged == 1


def test_lease_of_a_killed_import_runs_out(filled: Any, row: Row) -> None:
    filled.give([row("a")])
    from sqlalchemy import update

    from plugin.store.directory_tables import feeds
    from plugin.store.engine import writing
    from plugin.store.schema import micros

    with writing(filled.engine) as connection:
        held = micros(filled.clock() + timedelta(minutes=10))
        connection.execute(update(feeds).values(leased_until=held))
    with pytest.raises(FeedBusy):
        filled.give([row("b")])
    filled.clock.forward(minutes=11)
    assert filled.give([row("b")]).stored == 1


def test_options_count_as_a_change_of_the_feed(filled: Any, row: Row) -> None:
    rows = [row("a", timezone=...)]
    filled.give(rows, timezone="America/New_York")
    (east,) = _all(filled)
    filled.give(rows, timezone="America/Los_Angeles")
    (west,) = _all(filled)
    assert west.starts - east.starts == timedelta(hours=3)


def _all(filled: Any) -> list[Any]:
    week = Search(
        ("aa",),
        filled.clock(),
        hours=168,
        near=Place(40.69, -73.99),
        attendance="in-person",
        limit=None,
    )
    return list(filled.directory.search(week))
