"""Appending: in the act's transaction, without a gap, without a name."""

import subprocess
import sys
import threading
from collections.abc import Callable

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select, text

from plugin.audit.keys import AuditKeys
from plugin.audit.trail import Event, Trail
from plugin.audit.verify import verify
from plugin.store.audit_tables import audit_events
from plugin.store.engine import open_engine, reading, writing
from plugin.store.errors import StoreUnavailable
from plugin.store.launch_tables import spent_states
from smart_launch.errors import SealBroken

Fill = Callable[..., None]


def test_patient_is_a_pseudonym_and_a_sealed_identity(
    engine: Engine, trail: Trail, fill: Fill
) -> None:
    fill(3)
    with reading(engine) as connection:
        rows = connection.execute(select(audit_events)).mappings().all()
    assert "canary" not in repr(rows)
    assert rows[0]["patient"] == rows[2]["patient"] != rows[1]["patient"]
    assert [trail.identity(row) for row in rows[:2]] == [
        "patient-canary-0",
        "patient-canary-1",
    ]


def test_same_patient_has_another_name_in_another_tenant(keys: AuditKeys) -> None:
    assert keys.pseudonym("a", "1") != keys.pseudonym("b", "1")
    assert keys.pseudonym("a", "b1") != keys.pseudonym("ab", "1")


def test_A13_identity_moved_to_another_record_does_not_open(
    engine: Engine, trail: Trail, fill: Fill
) -> None:
    fill(2)
    with writing(engine) as connection:
        connection.execute(
            text(
                "UPDATE audit_events SET identity = (SELECT e.identity FROM "
                "audit_events e WHERE e.sequence = 1) WHERE sequence = 2"
            )
        )
        moved = select(audit_events).where(audit_events.c.sequence == 2)
        row = connection.execute(moved).mappings().one()
    with pytest.raises(SealBroken):
        trail.identity(row)


def test_event_without_a_patient_has_no_identity(engine: Engine, trail: Trail) -> None:
    trail.record(engine, Event("-", "launch.rejected", outcome="unknown_issuer"))
    with reading(engine) as connection:
        row = connection.execute(select(audit_events)).mappings().one()
    assert (row["patient"], row["identity"], trail.identity(row)) == ("", None, "")


def test_A08_act_is_not_done_where_it_cannot_be_recorded(
    engine: Engine, trail: Trail
) -> None:
    def act() -> None:
        with writing(engine) as connection:
            row = {"tenant": "general", "state_hash": "a", "expires_at": 1}
            connection.execute(insert(spent_states).values(row))
            trail.append(connection, Event("general", "x", detail={"bad": object()}))

    with pytest.raises(TypeError):
        act()
    with reading(engine) as connection:
        assert connection.execute(select(spent_states)).all() == []


def test_W13_full_disk_keeps_nothing_and_damages_nothing(
    tmp_path: object, sqlite_template: object, trail: Trail
) -> None:
    import shutil

    file = f"{tmp_path}/full.db"
    shutil.copyfile(str(sqlite_template), file)
    engine = open_engine(f"sqlite:///{file}")
    trail.record(engine, Event("general", "first"))

    def fill_the_disk() -> None:
        with writing(engine) as connection:
            pages = connection.scalar(text("PRAGMA page_count")) or 0
            connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
            for _ in range(2000):
                trail.append(connection, Event("general", "x", detail={"n": "y" * 99}))

    with pytest.raises(StoreUnavailable, match="full"):
        fill_the_disk()
    engine.dispose()
    verdict = verify(engine, trail.keys)
    assert verdict.whole
    assert verdict.counts == {"general": 1}
    with reading(engine) as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    engine.dispose()


# As long as fifty writers on a busy machine may have to wait for one another.
PATIENCE = 60.0  # seconds


@pytest.mark.slow
def test_A07_threads_leave_no_gap_and_no_fork(database_url: str, trail: Trail) -> None:
    engine = open_engine(database_url, lock_wait=PATIENCE)

    def append() -> None:
        for _ in range(4):
            trail.record(engine, Event("general", "x"))

    threads = [threading.Thread(target=append) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = verify(engine, trail.keys)
    engine.dispose()
    assert verdict.whole
    assert verdict.counts == {"general": 200}


@pytest.mark.slow
def test_A07_processes_leave_no_gap_and_no_fork(
    engine: Engine, trail: Trail, database_url: str
) -> None:
    append = (
        "import sys\n"
        "from plugin.audit.keys import AuditKeys\n"
        "from plugin.audit.trail import Event, Trail\n"
        "from plugin.clock import system_clock\n"
        "from plugin.store.engine import open_engine\n"
        "trail = Trail(AuditKeys([bytes([5]) * 32]), system_clock)\n"
        "engine = open_engine(sys.argv[1], lock_wait=60)\n"
        "for _ in range(50):\n"
        "    trail.record(engine, Event('general', 'x'))\n"
    )
    command = [sys.executable, "-c", append, database_url]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    verdict = verify(engine, trail.keys)
    assert verdict.whole
    assert verdict.counts == {"general": 100}


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(categories=("L", "Cc", "Cs"))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.slow
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    words=st.text(st.characters(categories=("L", "Cc", "Cs")), max_size=300),
    detail=st.dictionaries(st.text(), ANY_JSON),
)
def test_X16_any_text_is_kept_alike_on_both_databases(
    engine: Engine, trail: Trail, words: str, detail: dict[str, object]
) -> None:
    trail.record(
        engine, Event("general", words, words, "p", words, words, detail=detail)
    )
    assert verify(engine, trail.keys).whole


def test_sets_and_tuples_are_kept_as_lists(engine: Engine, trail: Trail) -> None:
    detail = {"set": frozenset({"b", "a"}), "tuple": ("x", 1)}
    trail.record(engine, Event("general", "x", detail=detail))
    with reading(engine) as connection:
        canonical = connection.scalar(select(audit_events.c.canonical))
    assert orjson.loads(canonical or b"")["detail"] == {
        "set": ["a", "b"],
        "tuple": ["x", 1],
    }


@pytest.mark.parametrize("ring", [[], [b"short"]], ids=["none", "short"])
def test_unusable_key_is_refused(ring: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        AuditKeys(ring)


def test_keys_do_not_print(keys: AuditKeys) -> None:
    assert "\\x05" not in repr(keys)


def test_keyed_digest_needs_the_key(keys: AuditKeys) -> None:
    digest = keys.digest(b"content")
    assert keys.has_digest(b"content", digest)
    assert not keys.has_digest(b"changed", digest)
    assert not keys.has_digest(b"content", "unknown:" + "0" * 64)
    assert AuditKeys([b"\x09" * 32, b"\x05" * 32]).has_digest(b"content", digest)
