"""A million events in the trail: how long it takes to verify, and with how much memory.

Held against the digests alone: HMAC-SHA256 of as many records as long, one by one.
"""

import hashlib
import hmac
import os
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, insert
from stage import SELFHELP, line

from plugin.audit.marks import marks_of
from plugin.audit.trail import Event, Trail
from plugin.foundation import lay
from plugin.settings import load_settings
from plugin.store.audit_tables import audit_events, audit_marks
from plugin.store.engine import writing

EVENTS = 1_000_000
_AT_ONCE = 5000
KINDS = ("launch.completed", "chart.read", "referral.signed", "write.settled")


def fill(engine: Engine, trail: Trail, count: int) -> int:
    """Append many events, as the trail would one by one. Gives their mean length."""
    bytes_in_all = 0
    for rows in _batches(trail, count):
        bytes_in_all += sum(len(row["canonical"]) for row in rows)
        marks = [
            {"tenant": row["tenant"], "sequence": row["sequence"], "at": row["at"]}
            | {"mark": mark}
            for row in rows
            for mark in marks_of(orjson.loads(row["canonical"])["detail"])
        ]
        with writing(engine) as connection:
            connection.execute(insert(audit_events), rows)
            connection.execute(insert(audit_marks), marks)
    return bytes_in_all // count


def _batches(trail: Trail, count: int) -> Iterator[list[dict[str, Any]]]:
    from plugin.audit.trail import GENESIS

    previous, rows = GENESIS, []
    for number in range(count):
        event = Event(
            "general",
            KINDS[number % len(KINDS)],
            actor=f"Practitioner/{number % 50}",
            patient=f"p{number % 2000}",
            detail={"referral": f"r-{number}"},
        )
        rows.append(trail._row(event, number + 1, previous))
        previous = rows[-1]["chain"]
        if len(rows) == _AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows


def verified(folder: Path, environ: dict[str, str]) -> tuple[float, float, int]:
    """Seconds, megabytes at the most, exit code of `selfhelp audit verify`."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [SELFHELP, "audit", "verify"], env=environ, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - started, used.ru_maxrss / 1024, process.returncode


def installation(folder: Path) -> dict[str, str]:
    (folder / "selfhelp.toml").write_text(
        'public_url = "https://selfhelp.example.org"\n'
        f'database_url = "sqlite:///{folder}/selfhelp.db"\n'
        '[[ehr]]\nid = "general"\nissuer = "https://ehr.example/r4"\nclient_id = "a"\n'
    )
    return {
        "SELFHELP_CONFIG": str(folder / "selfhelp.toml"),
        "SELFHELP_MASTER_KEY": b64encode(bytes(range(32))).decode(),
        "SELFHELP_AUDIT_KEY": b64encode(bytes(range(32, 64))).decode(),
    }


def measured(folder: Path, count: int) -> tuple[float, float, int, float]:
    """Fill and verify. Gives also the seconds of the digests alone."""
    environ = installation(folder)
    foundation = lay(load_settings(None, environ))
    foundation.prepare()
    length = fill(foundation.engine, foundation.trail, count)
    foundation.engine.dispose()
    seconds, megabytes, code = verified(folder, environ)
    return seconds, megabytes, code, _digests(count, length)


def _digests(count: int, length: int) -> float:
    key, record = bytes(32), bytes(length)
    started = time.perf_counter()
    for _ in range(count):
        hmac.new(key, record, hashlib.sha256).digest()
    return time.perf_counter() - started


def main() -> int:
    """Gives 0; 1 where the trail was not whole."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, megabytes, code, bare = measured(Path(folder), EVENTS)
    line("verify 1,000,000 events", seconds, "s", 60, "60 s")
    line("verify 1,000,000 events, digests", seconds, "s", bare, "the digests alone")
    line("verify 1,000,000 events, memory", megabytes, "MB", 200, "200 MB")
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main())
