"""`selfhelp recommend` with a directory beside it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugin.cli import main

pytestmark = pytest.mark.slow  # each makes a database

AT = "2026-03-02T10:00:00-05:00"  # a Monday
BROOKLYN = ("--near", "40.69,-73.99")
FEED = [
    {
        "slug": f"aa-{day}",
        "name": f"Evening group {day}",
        "day": day,
        "time": "19:00",
        "end_time": "20:00",
        "timezone": "America/New_York",
        "types": ["O", "BE"],
        "formatted_address": "1 Quay Street, Brooklyn, NY 11201, USA",
        "latitude": 40.70,
        "longitude": -73.99,
        "attendance_option": "in_person",
    }
    for day in range(7)
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SELFHELP_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out = capsys.readouterr()
        return int(ended.value.code or 0), out.out, out.err

    return command


@pytest.fixture
def chart(folder: Path, bundle: Callable[..., bytes]) -> str:
    (folder / "chart.json").write_bytes(bundle(["F10.20"]))
    return "chart.json"


@pytest.fixture
def imported(folder: Path, run: Callable[..., Any]) -> None:
    (folder / "feed.json").write_text(json.dumps(FEED))
    words = "directory import feed.json --format meeting-guide --feed t --program aa"
    code, _, err = run(*words.split())
    assert code == 0, err


@pytest.mark.usefixtures("imported")
def test_next_meetings_stand_on_the_card(run: Callable[..., Any], chart: str) -> None:
    code, out, err = run("recommend", chart, "--json", "--at", AT, *BROOKLYN)
    assert (code, err) == (0, "")
    programs = {p["id"]: p for p in json.loads(out)["programs"]}
    first = programs["aa"]["meetings"][0]
    assert first["starts"] == "2026-03-02T19:00:00-05:00"
    assert (first["attendance"], first["km"]) == ("in-person", 1.1)
    assert any(
        "today, 19:00, in person, 1.1 km" in r for r in programs["aa"]["reasons"]
    )
    assert programs["smart"]["meetings"] == []


@pytest.mark.usefixtures("imported")
def test_meetings_out_of_reach_are_not_named(
    run: Callable[..., Any], chart: str
) -> None:
    _, out, _ = run("recommend", chart, "--json", "--at", AT, "--near", "34.05,-118.24")
    assert all(p["meetings"] == [] for p in json.loads(out)["programs"])


def test_asking_makes_no_database(
    run: Callable[..., Any], chart: str, folder: Path
) -> None:
    code, _, err = run("recommend", chart, "--json")
    assert code == 0
    assert "meetings were not looked up" in err
    assert not (folder / "selfhelp.db").exists()


def test_database_that_is_none_ends_with_3(
    run: Callable[..., Any], chart: str, folder: Path
) -> None:
    (folder / "selfhelp.db").write_text("no database at all, but text " * 50)
    code, out, err = run("recommend", chart, "--json")
    assert (code, out) == (3, "")
    assert len(err.strip().splitlines()) == 1
