"""The hospital's own list: groups added, corrected and hidden, whatever feeds say."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from plugin.directory.directory import Directory
from plugin.directory.errors import OwnRowChanged, OwnRowRefused
from plugin.directory.marks import Mark, set_mark
from plugin.directory.meeting import Search
from plugin.directory.own_list import OwnList

Row = Callable[..., dict[str, Any]]
GROUP = {
    "key": "ward-7",
    "name": "Ward 7 Group",
    "program": "grow",
    "day": "tue",
    "time": "18:30",
    "attendance": "in-person",
    "latitude": "40.7",
    "longitude": "-73.9",
    "tags": "open beginners",
    "notes": "Ring twice; come up the stairs.",
}


@pytest.fixture
def own(filled: Any) -> OwnList:
    return OwnList(filled.directory)


def found(filled: Any, *programs: str) -> list[tuple[str, str, str]]:
    query = Search(programs or ("aa", "grow"), filled.clock(), hours=168)
    return [
        (one.id, one.name, f"{one.starts:%a %H:%M}")
        for one in filled.directory.search(query)
    ]


def test_added_group_is_found_and_stays(filled: Any, own: OwnList, row: Row) -> None:
    filled.give([row("a")])
    assert own.add(GROUP).meetings == 1
    second = {**GROUP, "key": "ward-8", "name": "Ward 8", "day": "wed"}
    assert own.add(second).meetings == 2
    filled.give([row("a"), row("b", day=5)])
    assert found(filled, "grow") == [
        ("own:ward-7", "Ward 7 Group", "Tue 18:30"),
        ("own:ward-8", "Ward 8", "Wed 18:30"),
    ]
    own.add({**GROUP, "time": "19:00"})
    assert found(filled, "grow")[0] == ("own:ward-7", "Ward 7 Group", "Tue 19:00")


REFUSED = [
    pytest.param({"day": "someday"}, "impossible day", id="day"),
    pytest.param({"day": "mon tue"}, "a row of its own", id="two-days"),
    pytest.param({"latitude": "0", "longitude": "0"}, "0/0", id="null-island"),
    pytest.param({"latitude": "", "longitude": ""}, "timezone", id="no-zone"),
    pytest.param({"name": "<script>1</script>"}, "markup", id="script"),
    pytest.param({"colour": "red"}, "no column colour", id="column"),
    pytest.param({"tags": "wommen"}, "no such tag", id="tag"),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_group_that_cannot_be_added_changes_nothing(
    filled: Any, own: OwnList, change: dict[str, str], reason: str
) -> None:
    own.add(GROUP)
    before = found(filled)
    with pytest.raises(OwnRowRefused, match=reason):
        own.add({**GROUP, "key": "other", **change})
    assert found(filled) == before


def test_correction_stands_for_the_feeds_meeting_over_imports(
    filled: Any, own: OwnList, row: Row
) -> None:
    filled.give([row("a", day=[1, 4]), row("b", day=3)])
    own.correct("feed:a:mo", {"time": "20:15", "venue": "New Hall"})
    corrected = [
        ("own:feed%3Aa%3Amo", "Monday Night", "Mon 20:15"),
        ("feed:b", "Monday Night", "Wed 19:00"),
        ("feed:a:th", "Monday Night", "Thu 19:00"),
    ]
    assert found(filled) == corrected
    filled.give([row("a", day=[1, 4], name="Renamed"), row("b", day=3)])
    assert [one[0] for one in found(filled)] == [one[0] for one in corrected]
    filled.clock.forward(days=400)
    filled.directory.renew_index()
    assert ("own:feed%3Aa%3Amo", "Monday Night", "Mon 20:15") in found(filled)


def test_correction_is_corrected_again_and_withdrawn(
    filled: Any, own: OwnList, row: Row
) -> None:
    filled.give([row("a")])
    own.correct("feed:a", {"time": "20:15"})
    own.correct("feed:a", {"venue": "New Hall"})
    own.correct("own:feed%3Aa", {"minutes": "90"})
    query = Search(("aa",), filled.clock(), hours=168)
    (one,) = filled.directory.search(query)
    told = (one.venue, one.minutes, f"{one.starts:%H:%M}")
    assert told == ("New Hall", 90, "20:15")
    assert own.withdraw("feed:a").meetings == 0
    assert found(filled) == [("feed:a", "Monday Night", "Mon 19:00")]
    with pytest.raises(OwnRowRefused, match="nothing of feed:a"):
        own.withdraw("feed:a")
    with pytest.raises(OwnRowRefused, match="no meeting feed:none"):
        own.correct("feed:none", {"time": "20:15"})


def test_hidden_own_group_survives_the_next_addition(filled: Any, own: OwnList) -> None:
    own.add(GROUP)
    set_mark(filled.engine, filled.clock, "own:ward-7", Mark(hidden=True))
    assert own.add({**GROUP, "key": "ward-8"}).meetings == 2
    assert [one[0] for one in found(filled)] == ["own:ward-8"]


def test_nothing_of_a_row_is_lost_when_another_is_added(
    filled: Any, own: OwnList
) -> None:
    given = {
        **GROUP,
        "day": "",
        "rule": "FREQ=MONTHLY;BYDAY=1TU",
        "except": "2026-04-07",
        "precision": "approximate",
        "languages": "es en",
        "codes": "O X",
        "url": "https://own.example/",
        "phone": "555-0100",
        "minutes": "75",
    }
    own.add(given)
    before = _stored(filled)
    own.add({**GROUP, "key": "other"})
    assert _stored(filled)[0] == before[0]


def _stored(filled: Any) -> list[dict[str, Any]]:
    import csv
    import io

    from plugin.directory.export import EXPORTS, Wanted

    text = b"".join(EXPORTS["csv"](filled.directory, Wanted())).decode()
    return list(csv.DictReader(io.StringIO(text)))


class Meanwhile:
    """A clock: while it is looked at, another person changes the list, once."""

    def __init__(self, filled: Any, change: Callable[[OwnList], object]) -> None:
        self.filled, self.change = filled, change
        self.done = False

    def __call__(self) -> datetime:
        if not self.done:
            self.done = True
            self.change(OwnList(self.filled.directory))
        return self.filled.clock()


def slow(filled: Any, change: Callable[[OwnList], object]) -> OwnList:
    """The list of a person who is overtaken by that change."""
    return OwnList(Directory(filled.engine, Meanwhile(filled, change)))


def test_other_groups_changed_meanwhile_are_kept(filled: Any, own: OwnList) -> None:
    own.add(GROUP)
    other = {**GROUP, "key": "ward-8", "name": "Ward 8", "day": "wed"}
    slow(filled, lambda list_: list_.add(other)).add({**GROUP, "time": "19:00"})
    assert [(one, when) for one, _, when in found(filled, "grow")] == [
        ("own:ward-7", "Tue 19:00"),
        ("own:ward-8", "Wed 18:30"),
    ]


def say_later(list_: OwnList) -> object:
    return list_.add({**GROUP, "time": "20:15"})


def take_out(list_: OwnList) -> object:
    return list_.withdraw("own:ward-7")


@pytest.mark.parametrize(
    ("change", "said", "stays"),
    [
        pytest.param(say_later, "meanwhile: time=20:15", ["Tue 20:15"], id="changed"),
        pytest.param(take_out, "taken out of", [], id="withdrawn"),
    ],
)
def test_same_group_changed_meanwhile_is_told(
    filled: Any, own: OwnList, change: Any, said: str, stays: list[str]
) -> None:
    own.add(GROUP)
    with pytest.raises(OwnRowChanged, match=said):
        slow(filled, change).correct("own:ward-7", {"venue": "The new wing"})
    assert [when for _, _, when in found(filled, "grow")] == stays
    assert filled.directory.status()[0].state == "good"


def test_group_added_twice_meanwhile_is_told(filled: Any, own: OwnList) -> None:
    own.add({**GROUP, "key": "ward-9"})
    with pytest.raises(OwnRowChanged, match="ward-7 was added"):
        slow(filled, say_later).add(GROUP)
