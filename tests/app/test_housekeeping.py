"""What is done now and then, and what a failure of it does not do."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugin.audit.checkpoint import FILE_NAME
from plugin.audit.trail import Event
from plugin.directory.directory import Directory
from plugin.foundation import Foundation, lay
from plugin.operations.housekeeping import Housekeeping
from plugin.settings import Checkpoints, Ehr, Feed, Settings


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def foundation(tmp_path: Path, clock: Clock) -> Iterator[Foundation]:
    settings = Settings(
        public_url="https://selfhelp.example.org",
        database_url=f"sqlite:///{tmp_path / 'selfhelp.db'}",
        ehrs=(Ehr(id="general", issuer="https://ehr.example/r4", client_id="a"),),
        master_keys=(bytes(range(32)),),
        audit_keys=(bytes(range(32, 64)),),
        checkpoints=Checkpoints(directory=str(tmp_path / "kept")),
        feeds=(
            Feed(id="own", source=str(tmp_path / "own.csv"), format="csv", program="a"),
        ),
    )
    laid = lay(settings, clock)
    laid.prepare()
    laid.trail.record(laid.engine, Event("general", "launch.completed"))
    yield laid
    laid.engine.dispose()


def lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_checkpoints_are_made_when_due_and_not_before(
    foundation: Foundation, clock: Clock, tmp_path: Path
) -> None:
    keeping, file = Housekeeping(foundation), tmp_path / "kept" / FILE_NAME
    keeping.checkpoint()
    assert lines(file) == 1
    keeping.checkpoint()
    assert lines(file) == 1
    clock.ahead = timedelta(hours=25)
    keeping.checkpoint()
    assert lines(file) == 2


def test_retired_keys_are_forgotten(foundation: Foundation, clock: Clock) -> None:
    foundation.signing_keys.rotate()
    assert len(foundation.signing_keys.public_jwks()["keys"]) == 4
    clock.ahead = timedelta(hours=26)
    Housekeeping(foundation).clear_away()
    assert len(foundation.signing_keys.store.all()) == 2


@pytest.mark.slow
def test_W12_a_locked_database_is_tried_again_next_time(
    foundation: Foundation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeping = Housekeeping(foundation)
    with sqlite3.connect(tmp_path / "selfhelp.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        keeping.clear_away()
        keeping.checkpoint()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["housekeeping.failed", "checkpoint.failed"]
    keeping.checkpoint()
    assert lines(tmp_path / "kept" / FILE_NAME) == 1


OWN = "key,name,attendance\na,A,online\n"


def live_feeds(foundation: Foundation) -> list[tuple[str, int]]:
    statuses = Directory(foundation.engine, foundation.clock).status()
    return [(one.feed, one.meetings) for one in statuses]


def test_feeds_of_the_settings_are_brought_in_when_due(
    foundation: Foundation,
    clock: Clock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keeping, go_on = Housekeeping(foundation), threading.Event()
    (tmp_path / "own.csv").write_text(OWN)
    keeping.refresh_feeds(go_on)
    assert live_feeds(foundation) == [("own", 1)]
    (tmp_path / "own.csv").write_text(OWN + "b,B,online\n")
    keeping.refresh_feeds(go_on)
    assert live_feeds(foundation) == [("own", 1)]
    clock.ahead = timedelta(hours=25)
    keeping.refresh_feeds(go_on)
    assert live_feeds(foundation) == [("own", 2)]
    said = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert said == []


def test_import_ends_when_the_app_is_stopped(
    foundation: Foundation, clock: Clock, tmp_path: Path
) -> None:
    keeping, stop = Housekeeping(foundation), threading.Event()
    (tmp_path / "own.csv").write_text(OWN)
    stop.set()
    keeping.refresh_feeds(stop)
    assert live_feeds(foundation) == [("own", 0)]
    clock.ahead = timedelta(minutes=11)
    keeping.refresh_feeds(threading.Event())
    assert live_feeds(foundation) == [("own", 1)]
