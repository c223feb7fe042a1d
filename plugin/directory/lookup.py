"""Plain reads on the driver's own cursor, for searches.

A search is a fifth of a millisecond of database; the layers above would take longer
than that. Each statement sees what is committed when it begins: whoever asks a second
one about what the first found must be ready to find it gone (`FeedReplaced`).
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Engine

from plugin.store.engine import refusals
from plugin.store.errors import StoreUnavailable


class Lookup:
    """Statements with `mark` where a value stands; rows are tuples."""

    __slots__ = ("_cursor", "mark")

    def __init__(self, cursor: Any, mark: str) -> None:
        self._cursor = cursor
        self.mark = mark

    def rows(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._cursor.execute(sql, values).fetchall()
        return found

    def marks(self, count: int) -> str:
        return ", ".join([self.mark] * count)


@contextmanager
def looking(engine: Engine) -> Iterator[Lookup]:
    """A cursor of the pool, without a transaction around its statements.

    Raises: StoreUnavailable where the database cannot be read.
    """
    on_server = engine.dialect.name == "postgresql"
    with _outages(engine), refusals(), closing(engine.raw_connection()) as pooled:
        driver: Any = pooled.driver_connection
        if on_server:
            driver.autocommit = True
        try:
            with closing(driver.cursor()) as cursor:
                yield Lookup(cursor, "%s" if on_server else "?")
        finally:
            if on_server and not driver.closed:
                driver.autocommit = False


@contextmanager
def _outages(engine: Engine) -> Iterator[None]:
    """As `store.engine.refusals`, of what the driver itself raises."""
    try:
        yield
    except Exception as error:
        driver = engine.dialect.dbapi
        if driver is None or not (
            isinstance(error, driver.OperationalError)
            or type(error) is driver.DatabaseError
        ):
            raise
        raise StoreUnavailable(str(error).split("\n")[0]) from None
