"""Whose clock the write jobs go by.

Replicas' own clocks may differ by minutes, and a lease that one of them thinks is over
may still be held by another. On PostgreSQL they all go by the database's clock. SQLite
has one machine, and so one clock.
"""

from collections.abc import Callable

from sqlalchemy import BigInteger, Connection, Engine, cast, func, select

from plugin.clock import Clock
from plugin.store.schema import micros

# Gives microseconds since 1970, within a transaction.
JobTime = Callable[[Connection], int]


def job_time(engine: Engine, clock: Clock) -> JobTime:
    if engine.dialect.name == "postgresql":
        return database_time
    return clock_time(clock)


def clock_time(clock: Clock) -> JobTime:
    def now(_connection: Connection) -> int:
        return micros(clock())

    return now


# Put together once: it is asked for in each transaction of a job.
_NOW = select(
    cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
)


def database_time(connection: Connection) -> int:
    return int(connection.scalar(_NOW) or 0)
