"""Plain reads on the driver's own cursor, for searches.

A search is a fifth of a millisecond of database; the layers above would take longer
than that. Each statement sees what is committed when it begins: whoever asks a second
one about what the first found must be ready to find it gone (`FeedReplaced`).
"""

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from select import POLLIN, poll
from threading import BoundedSemaphore, Lock
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, PoolProxiedConnection, event
from sqlalchemy.pool import QueuePool

from plugin.store.engine import refusals
from plugin.store.errors import StoreUnavailable

# Connections that stay open for searches: those beyond are the pool's own.
_KEPT = 8
# How much of an SQLite file they read where the system holds it, without a copy.
_MAPPED = 256 * 2**20  # bytes


class Lookup:
    """Statements with "?" where a value stands; rows are tuples."""

    __slots__ = ("_connection", "_cursor", "_driver", "_numbered")

    def __init__(self, connection: PoolProxiedConnection, *, on_server: bool) -> None:
        self._connection = connection
        self._driver: Any = connection.driver_connection
        self._numbered = on_server
        self._cursor = (_on_server if on_server else _in_file)(self._driver)

    def rows(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._numbered:
            sql = _numbered(sql)
        found: list[tuple[Any, ...]] = self._cursor.execute(sql, values).fetchall()
        return found

    def is_open(self) -> bool:
        """Whether the server has not hung up: it says so without being asked."""
        if not self._numbered:
            return True
        if self._driver.closed:
            return False
        heard = poll()
        heard.register(self._driver.fileno(), POLLIN)
        return not heard.poll(0)

    def give_back(self) -> None:
        self._cursor.close()
        if self._numbered and not self._driver.closed:
            self._driver.autocommit = False
        self._connection.close()


def _in_file(driver: Any) -> Any:
    return driver.cursor()


def _on_server(driver: Any) -> Any:
    """A cursor that sends statements as they are, and reads numbers as numbers.

    The driver's usual one takes a search's statement apart each time: it has more
    values than those that the driver remembers.
    """
    from psycopg import RawCursor  # noqa: PLC0415 - only where there is a server
    from psycopg.pq import Format  # noqa: PLC0415

    driver.autocommit = True
    cursor = RawCursor(driver)
    cursor.format = Format.BINARY
    return cursor


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> str:
    """The same statement with PostgreSQL's own marks."""
    first, *others = sql.split("?")
    numbers = count(1)
    return first + "".join(f"${next(numbers)}{other}" for other in others)


@lru_cache(maxsize=1024)
def marks(many: int) -> str:
    """So many places for values."""
    return ", ".join(["?"] * many)


class looking:  # noqa: N801 - asked as `with looking(engine) as lookup`
    """A cursor without a transaction around its statements.

    A class, because a generator takes as long to be entered as a statement is sent.

    Raises: StoreUnavailable where the database cannot be read.
    """

    __slots__ = ("_engine", "_kept", "_lookup")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        kept = _kept(engine)
        free = kept is not None and kept.places.acquire(blocking=False)
        self._kept = kept if free else None

    def __enter__(self) -> Lookup:
        try:
            self._lookup = self._taken()
        except BaseException as error:
            if self._kept is not None:
                self._kept.places.release()
            self._tell(error)
            raise
        return self._lookup

    def _taken(self) -> Lookup:
        on_server = self._engine.dialect.name == "postgresql"
        if self._kept is None:
            return Lookup(self._engine.raw_connection(), on_server=on_server)
        return self._kept.taken() or _opened(self._engine, on_server=on_server)

    def __exit__(self, _type: Any, error: BaseException | None, _trace: Any) -> None:
        kept = self._kept
        if kept is None:
            self._lookup.give_back()
        else:
            if error is None:
                kept.idle.append(self._lookup)
            else:
                self._lookup.give_back()
            kept.places.release()
        if error is not None:
            self._tell(error)

    def _tell(self, error: BaseException) -> None:
        """As `store.engine.refusals`, of what the driver itself raises too."""
        driver = self._engine.dialect.dbapi
        if driver is not None and (
            isinstance(error, driver.OperationalError)
            or type(error) is driver.DatabaseError
        ):
            raise StoreUnavailable(str(error).split("\n")[0]) from None
        with refusals():
            raise error


def _opened(engine: Engine, *, on_server: bool) -> Lookup:
    """On a connection that the pool gives away for good."""
    connection = engine.raw_connection()
    lookup = Lookup(connection, on_server=on_server)
    if not on_server:
        lookup.rows(f"PRAGMA mmap_size = {_MAPPED}", ())
    connection.detach()
    return lookup


class _Kept:
    """The connections to one database that wait for the next search."""

    def __init__(self) -> None:
        self.places = BoundedSemaphore(_KEPT)
        self.idle: deque[Lookup] = deque()

    def taken(self) -> Lookup | None:
        """The one used last, if it still stands."""
        while self.idle:
            try:
                lookup = self.idle.pop()
            except IndexError:  # another thread was quicker
                return None
            if lookup.is_open():
                return lookup
            lookup.give_back()
        return None

    def close(self, _engine: Engine) -> None:
        while self.idle:
            self.idle.pop().give_back()


_ALL_KEPT: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()
_MAKING = Lock()


def _kept(engine: Engine) -> _Kept | None:
    """None for a database in memory, which lives in its one connection."""
    found = _ALL_KEPT.get(engine)
    if found is None and isinstance(engine.pool, QueuePool):
        with _MAKING:
            found = _ALL_KEPT.get(engine)
            if found is None:
                found = _ALL_KEPT[engine] = _Kept()
                event.listen(engine, "engine_disposed", found.close)
    return found
