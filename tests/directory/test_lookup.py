"""The connections on which searches read: kept, replaced when they are gone."""

from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Engine, event

from plugin.directory.lookup import looking


class Connects:
    """Counts the connections that an engine opens."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "connect", self)

    def __call__(self, *_: Any) -> None:
        self.count += 1


def one(engine: Engine) -> list[tuple[Any, ...]]:
    with looking(engine) as lookup:
        return lookup.rows("SELECT CAST(? AS INTEGER) + 1", (1,))


def test_connection_is_kept_for_the_next_lookup(engine: Engine) -> None:
    connects = Connects(engine)
    engine.dispose()
    assert [one(engine), one(engine), one(engine)] == [[(2,)]] * 3
    assert connects.count == 1


def test_more_lookups_at_once_than_are_kept_all_read(engine: Engine) -> None:
    with ExitStack() as open_ones:
        lookups = [open_ones.enter_context(looking(engine)) for _ in range(12)]
        assert [lookup.rows("SELECT 1", ()) for lookup in lookups] == [[(1,)]] * 12
    assert one(engine) == [(2,)]


def test_lookup_that_failed_leaves_nothing_behind(engine: Engine) -> None:
    connects = Connects(engine)
    engine.dispose()
    for _ in range(20):
        with pytest.raises(KeyError), looking(engine):
            raise KeyError
    assert connects.count == 20
    assert one(engine) == [(2,)]


def test_lookup_after_the_engine_was_disposed_reads(engine: Engine) -> None:
    one(engine)
    engine.dispose()
    assert one(engine) == [(2,)]


@pytest.mark.postgres
@pytest.mark.parametrize("database_kind", ["postgres"])
def test_connection_that_the_server_ended_is_not_used_again(engine: Engine) -> None:
    with looking(engine) as lookup:
        ((process,),) = lookup.rows("SELECT pg_backend_pid()", ())
    with engine.connect() as other:
        # Comes back when the process is gone.
        ended = other.exec_driver_sql(f"SELECT pg_terminate_backend({process}, 5000)")
        assert ended.scalar() is True
    assert one(engine) == [(2,)]
