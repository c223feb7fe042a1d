"""The database: SQLite in one file, or PostgreSQL. The same SQL for both.

Source: SQLite, "Write-Ahead Logging", "PRAGMA synchronous"; SQLAlchemy, "Dialects >
SQLite > Serializable isolation / Savepoints / Transactional DDL".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection as SqliteConnection
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from plugin.store.errors import StoreUnavailable

# How long a statement waits for another writer before the user is asked to try again.
LOCK_WAIT = 5.0  # seconds
_POOL = {"pool_size": 20, "max_overflow": 30, "pool_timeout": 10}
# What this process's writers to one SQLite file take turns by, and for how long.
_TURNS: WeakKeyDictionary[Engine, tuple[Lock, float]] = WeakKeyDictionary()
_POSTGRES_OPTIONS = (
    "-c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000"
)


def open_engine(database_url: str, *, lock_wait: float = LOCK_WAIT) -> Engine:
    """The pooled engine of one database. Nothing is connected yet.

    Takes: `lock_wait`, seconds to wait for another writer.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, lock_wait)
    return _postgresql(url, lock_wait)


def _sqlite(url: URL, lock_wait: float) -> Engine:
    pool = _POOL if url.database not in (None, "", ":memory:") else {}
    engine = create_engine(url, connect_args={"timeout": lock_wait}, **pool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    _TURNS[engine] = Lock(), lock_wait
    return engine


def _prepare_sqlite(connection: SqliteConnection, _record: Any) -> None:
    # The driver's own transactions begin only at the first write, so that two readers
    # which then write both "succeed" on the same row. We begin them ourselves.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # NORMAL may lose the last commits when power fails
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL, lock_wait: float) -> Engine:
    options = f"-c lock_timeout={int(lock_wait * 1000)} {_POSTGRES_OPTIONS}"
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "options": options},
        **_POOL,
    )


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: all of it is kept, or nothing.

    On SQLite it holds the write lock from its beginning, so that what it reads cannot
    change before it writes.

    Raises: StoreUnavailable where the database is locked, full or gone.
    """
    with refusals(), _turn(engine), engine.connect() as opened:
        connection = opened.execution_options(writes=True)
        with connection.begin():
            yield connection


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """This process's own writers wait for one another here, on SQLite.

    SQLite itself sleeps up to 100 ms between looks, in no order: with many writers some
    would wait for seconds while the file is free.
    """
    if engine not in _TURNS:
        yield
        return
    lock, seconds = _TURNS[engine]
    if not lock.acquire(timeout=seconds):
        raise StoreUnavailable("database is locked")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view, which never waits for a writer on SQLite.

    Raises: StoreUnavailable where the database is gone.
    """
    with refusals(), engine.connect() as connection:
        yield connection


@contextmanager
def refusals() -> Iterator[None]:
    """Tell an outage of the database as such, without the statement's parameters.

    Raises: StoreUnavailable.
    """
    try:
        yield
    except (DatabaseError, PoolTimeout) as error:
        if isinstance(error, DatabaseError) and not is_outage(error):
            raise
        # The whole message may hold parameters, which may hold patient data.
        said = str(getattr(error, "orig", None) or error).split("\n")[0]
        raise StoreUnavailable(said) from None


def is_outage(error: DatabaseError) -> bool:
    """Whether the database, and not the statement, is at fault.

    SQLite says "locked", "disk is full" and "disk I/O error" as OperationalError, and
    "malformed" as a plain DatabaseError. PostgreSQL's classes 08, 53, 55, 57 and 58 are
    all OperationalError too, as is a connection that broke.
    Source: PostgreSQL, Appendix A, "Error Codes"; psycopg 3, "Exceptions".
    """
    name = type(error).__name__
    return name in ("OperationalError", "DatabaseError") or error.connection_invalidated
