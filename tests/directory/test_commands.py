"""`selfhelp directory`: its shapes, its exit codes, its one line of error."""

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plugin.cli import main
from plugin.directory.meeting import Occurrence
from plugin.directory.table import soon, table

Row = Callable[..., dict[str, Any]]


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    folder: Path
    capfdbinary: pytest.CaptureFixture[bytes]

    def __call__(self, *arguments: str) -> Ended:
        here = Path.cwd()
        os.chdir(self.folder)
        try:
            with pytest.raises(SystemExit) as ended:
                main(["directory", *arguments])
        finally:
            os.chdir(here)
        out, err = self.capfdbinary.readouterr()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return Ended(code, out.decode(), err.decode())

    def give(self, rows: object, *more: str) -> Ended:
        (self.folder / "feed.json").write_text(json.dumps(rows))
        usual = ("--format", "meeting-guide", "--feed", "f", "--program", "aa")
        zone = ("--timezone", "America/New_York")
        return self("import", "feed.json", *usual, *zone, *more)


@pytest.fixture
def terminal(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Terminal]:
    """A folder without a configuration: meetings are kept in it."""
    named = os.environ.pop("SELFHELP_CONFIG", None)
    yield Terminal(tmp_path, capfdbinary)
    if named is not None:
        os.environ["SELFHELP_CONFIG"] = named


def test_import_prints_its_report(terminal: Terminal, row: Row) -> None:
    ended = terminal.give([row("a"), row("b", day=[1, 2])], "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == {
        "feed": "f",
        "read": 2,
        "stored": 2,
        "meetings": 3,
        "changed": 2,
        "unchanged": 0,
        "removed": 0,
        "rejected": [],
        "quarantined": False,
        "reason": "",
    }


def test_rejected_row_is_a_finding(terminal: Terminal, row: Row) -> None:
    ended = terminal.give([row("a"), row("b", day=9)], "--json")
    assert ended.code == 1
    assert ended.json["rejected"] == [
        {"row": 2, "key": "b", "reason": "an impossible day: '9'"}
    ]


def test_quarantine_is_a_finding(terminal: Terminal, row: Row) -> None:
    rows = [row(f"m{n}") for n in range(10)]
    terminal.give(rows)
    ended = terminal.give(rows[:5], "--json")
    assert (ended.code, ended.json["quarantined"]) == (1, True)
    assert terminal("status").code == 1
    assert terminal.give(rows[:5], "--accept-shrunken").code == 0
    assert terminal("status").code == 0


REFUSED = [
    pytest.param(["--format", "xml"], "--format is one of", id="format"),
    pytest.param(["--feed", "a b"], "--feed is a short id", id="feed"),
    pytest.param(["--program", ""], "--program is a short id", id="program"),
    pytest.param(["--timezone", "Eastern"], "is no IANA zone", id="zone"),
    pytest.param(["--language", "klingon"], "--language", id="language"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_bad_option_ends_with_2_and_one_line(
    terminal: Terminal, row: Row, change: list[str], said: str
) -> None:
    ended = terminal.give([row("a")], *change)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_unreadable_file_ends_with_2(terminal: Terminal) -> None:
    ended = terminal.give({"no": "list"}, "--json")
    assert (ended.code, ended.out) == (2, "")
    assert "Nothing changed" in ended.err
    missing = terminal(
        *("import", "none.json", "--format", "csv", "--feed", "f", "--program", "aa")
    )
    assert missing.code == 2


AT = ("--from", "2026-03-02T12:00:00+00:00")


def test_search_prints_the_contracts_shape(terminal: Terminal, row: Row) -> None:
    terminal.give([row("a", types=["O", "W"])])
    ended = terminal(
        *("search", "--program", "aa", "--near", "40.69,-73.99", "--within", "5"),
        *(*AT, "--hours", "48", "--tag", "women", "--json"),
    )
    assert ended.code == 0
    assert ended.json == {
        "meetings": [
            {
                "id": "f:a",
                "feed": "f",
                "key": "a",
                "name": "Monday Night",
                "starts": "2026-03-02T19:00:00-05:00",
                "minutes": 60,
                "attendance": "in-person",
                "km": 0.0,
                "tags": ["open", "women"],
            }
        ]
    }


def test_need_stands_for_the_programmes_that_serve_it(
    terminal: Terminal, row: Row
) -> None:
    terminal.give([row("a")])
    ended = terminal("search", "--need", "alcohol", *AT, "--json")
    assert [one["key"] for one in ended.json["meetings"]] == ["a"]
    assert terminal("search", "--need", "gambling", *AT, "--json").json == {
        "meetings": []
    }
    assert terminal("search", "--need", "nonsense").code == 2


def test_programme_without_a_feed_says_where_its_meetings_are(
    terminal: Terminal, row: Row
) -> None:
    terminal.give([row("a")])
    both = terminal("search", "--program", "aa", "--program", "grow", *AT)
    assert "Monday Night" in both.out
    assert "GROW: its meetings are not listed here. Find one at https://" in both.out
    assert "Alcoholics Anonymous: its meetings are not listed" not in both.out


BAD_SEARCHES = [
    pytest.param([], "name a --program", id="nothing"),
    pytest.param(["--program", "aa", "--near", "40"], "LAT,LON", id="near"),
    pytest.param(["--program", "aa", "--near", "91,0"], "no place", id="pole"),
    pytest.param(["--program", "aa", "--within", "5"], "needs --near", id="within"),
    pytest.param(["--program", "aa", "--from", "2026-03-02"], "offset", id="date"),
    pytest.param(
        ["--program", "aa", "--from", "2026-03-02T19:00:00"], "offset", id="no-offset"
    ),
    pytest.param(["--program", "aa", "--attendance", "by-owl"], "in-person", id="owl"),
    pytest.param(["--program", "aa", "--tag", "wommen"], "no such tag", id="tag"),
    pytest.param(["--program", "aa", "--hours", "-1"], "hours", id="hours"),
    pytest.param(["--program", "aa", "--limit", "0"], "limit", id="limit"),
    pytest.param(["--program", "aa", "--day", "someday"], "--day", id="day"),
    pytest.param(["--program", "aa", "--after", "26:00"], "time of day", id="after"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD_SEARCHES)
def test_bad_search_ends_with_2_and_one_line(
    terminal: Terminal, arguments: list[str], said: str
) -> None:
    ended = terminal("search", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_batch_answers_line_by_line(
    terminal: Terminal, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.give([row("a"), row("b", day=2)])
    near = {"program": "aa", "near": [40.69, -73.99], "within": 5, "hours": 168}
    asked = [
        json.dumps({**near, "from": "2026-03-02T12:00:00Z", "limit": 1}),
        "no json",
        json.dumps({"program": "aa", "colour": "red"}),
        json.dumps({**near, "from": "2026-03-02T12:00:00Z", "tag": ["open"]}),
    ]
    lines = io.TextIOWrapper(io.BytesIO("\n".join(asked).encode()))
    monkeypatch.setattr("sys.stdin", lines)
    ended = terminal("search", "--batch")
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["key"] for one in answers[0]["meetings"]] == ["a"]
    assert "error" in answers[1]
    assert answers[2] == {"error": "no such option: colour"}
    assert [one["key"] for one in answers[3]["meetings"]] == ["a", "b"]
    assert ended.code == 2


def test_configuration_needs_no_key_for_meetings(
    terminal: Terminal, row: Row, tmp_path: Path
) -> None:
    config = tmp_path / "selfhelp.toml"
    config.write_text(
        'public_url = "http://localhost:8000"\n'
        f'database_url = "sqlite:///{tmp_path}/named.db"\n'
        'allow_loopback_http = true\n[[ehr]]\nid = "g"\n'
        'issuer = "http://localhost:8080/fhir"\nclient_id = "x"\n'
    )
    assert terminal.give([row("a")], "--config", str(config)).code == 0
    assert (tmp_path / "named.db").exists()
    assert not (tmp_path / "selfhelp.db").exists()


@pytest.mark.slow
def test_demo_is_loaded_twice_and_found(terminal: Terminal) -> None:
    assert terminal("import", "--demo", "--json").code == 0
    again = terminal("demo", "--json")
    assert sum(report["changed"] for report in again.json) == 0
    assert sum(report["rejected"] != [] for report in again.json) == 0
    found = terminal("search", "--program", "smart", "--near", "40.69,-73.99")
    assert found.code == 0
    assert "Demo: SMART Recovery" in found.out
    assert "Demo meetings are invented." in found.out
    status = terminal("status", "--json").json["feeds"]
    assert sum(feed["meetings"] for feed in status if not feed["demo"]) > 3000


def test_export_to_a_file(terminal: Terminal, row: Row) -> None:
    terminal.give([row("a")])
    ended = terminal("export", "--format", "ical", "--output", "meetings.ics")
    assert ended.code == 0
    written = (terminal.folder / "meetings.ics").read_bytes()
    assert written.startswith(b"BEGIN:VCALENDAR")
    assert written.count(b"BEGIN:VEVENT") == 1
    assert terminal("export", "--format", "pdf").code == 2


def test_template_can_be_imported(terminal: Terminal) -> None:
    head = terminal("template").out
    line = dict.fromkeys(head.strip().split(","), "")
    line |= {"key": "k", "name": "N", "day": "mon", "time": "18:00"}
    line |= {"attendance": "online", "timezone": "Europe/London"}
    (terminal.folder / "own.csv").write_text(head + ",".join(line.values()) + "\n")
    ended = terminal(
        *("import", "own.csv", "--format", "csv", "--feed", "own", "--program", "grow")
    )
    assert ended.code == 0


def test_mark_hides_a_meeting(terminal: Terminal, row: Row) -> None:
    terminal.give([row("a")])
    assert terminal("mark", "f:a", "--hide").code == 0
    found = terminal("search", "--program", "aa", *AT, "--json").json
    assert found == {"meetings": []}
    assert terminal("mark", "f:none", "--hide").code == 2


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        pytest.param(200, "in 3 h 20 min", id="hours"),
        pytest.param(120, "in 2 h", id="whole-hours"),
        pytest.param(12, "in 12 min", id="minutes"),
        pytest.param(0, "now", id="now"),
        pytest.param(-10, "10 min ago", id="begun"),
        pytest.param(72 * 60, "in 3 days", id="days"),
    ],
)
def test_how_soon(minutes: int, said: str) -> None:
    assert soon(timedelta(minutes=minutes)) == said


def test_table_is_no_wider_than_the_terminal() -> None:
    starts = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
    long = "A very long name of a meeting, longer than any terminal is wide, 会議の名前"
    one = Occurrence(
        *("i", "f", "k", "aa", long, starts, 60, "hybrid", 12.34),
        tags=("open", "beginners", "wheelchair"),
        venue="Hall of an equally long name, on the second floor behind the library",
    )
    lines = table([one], starts - timedelta(minutes=200), width=80).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "in 3 h 20 min" in lines[1]
    assert "12.3" in lines[1]


def test_own_groups_are_added_corrected_and_withdrawn(
    terminal: Terminal, row: Row
) -> None:
    terminal.give([row("a")])
    ward = ("name=Ward 7", "program=grow", "day=tue", "time=18:30")
    online = ("attendance=online", "timezone=America/New_York")
    assert "1 meetings" in terminal("add", *ward, *online).out
    assert terminal("correct", "f:a", "time=20:15").code == 0
    asked = ("search", "--program", "aa", "--program", "grow", "--hours", "168")
    found = terminal(*asked, *AT, "--json").json["meetings"]
    assert [(one["id"], one["starts"]) for one in found] == [
        ("own:f%3Aa", "2026-03-02T20:15:00-05:00"),
        ("own:ward-7-tue-18-30", "2026-03-03T18:30:00-05:00"),
    ]
    assert terminal("correct", "f:a", "--withdraw").code == 0
    found = terminal(*asked, *AT, "--json").json["meetings"]
    assert [one["id"] for one in found] == ["f:a", "own:ward-7-tue-18-30"]


OWN_REFUSED = [
    pytest.param(["add", "name"], "not COLUMN=VALUE", id="no-value"),
    pytest.param(["add", "name=A", "program=nonsense"], "no programme", id="program"),
    pytest.param(["add", "name=A", "program=aa"], "attendance", id="attendance"),
    pytest.param(["correct", "f:a"], "say what is right", id="nothing-said"),
    pytest.param(["correct", "f:none", "time=20:00"], "no meeting", id="none"),
]


@pytest.mark.parametrize(("arguments", "said"), OWN_REFUSED)
def test_own_group_that_says_nothing_usable_ends_with_2(
    terminal: Terminal, arguments: list[str], said: str
) -> None:
    ended = terminal(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(("--program", "smrat"), "did you mean smart", id="slip"),
        pytest.param(("--program", "alcoholics"), "did you mean aa?", id="by-name"),
        pytest.param(("--program", "zzz"), "they are aa, aca", id="nothing-near"),
        pytest.param(("--need", "alchohol"), "one is alcohol", id="need"),
    ],
)
def test_unknown_name_is_refused_with_those_that_are_near(
    terminal: Terminal, asked: tuple[str, ...], said: str
) -> None:
    ended = terminal("search", *asked)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_programme_that_only_a_feed_knows_is_searched(
    terminal: Terminal, row: Row
) -> None:
    terminal.give([row("a")], "--program", "night_owls")
    ended = terminal("search", "--program", "night_owls", "--hours", "168", "--json")
    assert len(ended.json["meetings"]) == 1


def test_need_is_served_as_the_hospital_says_too(terminal: Terminal, row: Row) -> None:
    terminal.give([row("a")])
    (terminal.folder / "site.json").write_text('{"version": "1", "hide": ["aa"]}')
    (terminal.folder / "app.toml").write_text(
        'public_url = "http://localhost:8000"\n'
        'database_url = "sqlite:///selfhelp.db"\n'
        'allow_loopback_http = true\n[[ehr]]\nid = "g"\n'
        'issuer = "http://localhost:8080/fhir"\nclient_id = "x"\n'
        '[knowledge]\nsite_file = "site.json"\n'
    )
    asked = ("search", "--need", "alcohol", "--hours", "168", "--json")
    assert terminal(*asked).json["meetings"]
    assert terminal(*asked, "--config", "app.toml").json["meetings"] == []
