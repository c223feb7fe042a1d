"""Transactions on both databases."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from plugin.store.engine import open_engine, reading, writing
from plugin.store.errors import StoreUnavailable
from plugin.store.launch_tables import spent_states
from plugin.store.migrate import migrate

ROW = {"tenant": "general", "state_hash": "a", "expires_at": 1}


def test_sqlite_keeps_what_it_acknowledged_and_checks_references(
    tmp_path: Path,
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with reading(engine) as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_failed_transaction_keeps_nothing(engine: Engine) -> None:
    def write_twice() -> None:
        with writing(engine) as connection:
            connection.execute(insert(spent_states).values(ROW))
            connection.execute(insert(spent_states).values(ROW))

    with pytest.raises(IntegrityError):
        write_twice()
    with reading(engine) as connection:
        assert connection.execute(select(spent_states)).all() == []


def test_readers_that_then_write_do_not_lose_an_update(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(spent_states).values(ROW))

    def add_one() -> None:
        for _ in range(20):
            with writing(engine) as connection:
                seen = connection.scalar(
                    select(spent_states.c.expires_at).with_for_update()
                )
                connection.execute(update(spent_states).values(expires_at=seen + 1))

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert connection.scalar(select(spent_states.c.expires_at)) == 81


def test_W12_foreign_writer_is_an_outage_and_passes(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    engine = open_engine(f"sqlite:///{file}", lock_wait=0.2)
    migrate(engine)
    foreign = sqlite3.connect(file, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable), writing(engine) as connection:
        connection.execute(insert(spent_states).values(ROW))
    with reading(engine) as connection:  # readers are not held up
        assert connection.execute(select(spent_states)).all() == []
    foreign.execute("ROLLBACK")
    with writing(engine) as connection:
        connection.execute(insert(spent_states).values(ROW))
    foreign.close()


@pytest.mark.postgres
def test_writer_that_waits_too_long_for_another_is_an_outage_and_passes(
    tmp_path: Path,
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}", lock_wait=0.05)
    migrate(engine)

    def write() -> None:
        with writing(engine) as connection:
            connection.execute(insert(spent_states).values(ROW))

    with ThreadPoolExecutor(1) as another:
        with writing(engine), pytest.raises(StoreUnavailable, match="locked"):
            another.submit(write).result()
        another.submit(write).result()
    with reading(engine) as connection:
        assert len(connection.execute(select(spent_states)).all()) == 1


@pytest.mark.postgres
def test_W12_killed_connections_are_an_outage_and_are_replaced(
    postgres_url: str,
) -> None:
    engine = open_engine(postgres_url)
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    killer = open_engine(postgres_url)

    def be_killed() -> None:
        with writing(engine) as connection:
            connection.execute(text("SELECT 1"))
            with killer.connect() as other:
                other.execute(others)
            connection.execute(text("SELECT 1"))

    with pytest.raises(StoreUnavailable):
        be_killed()
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    killer.dispose()


def test_W12_no_server_is_an_outage() -> None:
    engine = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable), reading(engine) as connection:
        connection.execute(text("SELECT 1"))
