"""Everything that is sealed at rest, sealed anew with the newest key.

After it, an older master key opens nothing that is in the database, and can be taken
away. The app may run meanwhile: a row that it changes in between is left as it is, for
it was sealed by then.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Engine, Row, Select, Table, and_, select, tuple_, update

from plugin.store.context_form import RowSeal
from plugin.store.engine import reading, writing
from plugin.store.keys import place_of_key
from plugin.store.launch_tables import contexts, drafts, grants, signing_keys
from smart_launch.errors import SealBroken
from smart_launch.sealing import Seal

# So many rows to a transaction, so that nobody waits long for the write lock.
_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class Resealed:
    """What came of one table: `broken` values open with none of the keys."""

    table: str
    rows: int
    resealed: int
    broken: int


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A table with a sealed column, and how one of its values is sealed anew."""

    table: Table
    rows: Select[Any]  # its key, `sealed`, and what `anew` needs beside them
    anew: Callable[[Seal, Row[Any]], bytes]

    @property
    def key(self) -> Sequence[Column[Any]]:
        return tuple(self.table.primary_key.columns)


def reseal(engine: Engine, seal: Seal) -> Iterator[Resealed]:
    """Seal every value with the current key of `seal`, table by table.

    Raises: StoreUnavailable; what is done by then stays done.
    """
    for kept in _KEPT:
        rows, done, broken = 0, 0, 0
        for page in _pages(engine, kept):
            rows += len(page)
            old = [row for row in page if not _is_current(seal, row.sealed)]
            fresh, unopened = _opened(kept, seal, old)
            broken += unopened
            done += _replaced(engine, kept, fresh)
        yield Resealed(kept.table.name, rows, done, broken)


def _pages(engine: Engine, kept: _Sealed) -> Iterator[Sequence[Row[Any]]]:
    wanted = kept.rows.order_by(*kept.key).limit(_AT_A_TIME)
    after: tuple[Any, ...] | None = None
    while True:
        following = (
            wanted
            if after is None
            else wanted.where(tuple_(*kept.key) > tuple_(*after))
        )
        with reading(engine) as connection:
            page = connection.execute(following).all()
        if not page:
            return
        yield page
        after = tuple(getattr(page[-1], column.name) for column in kept.key)


def _is_current(seal: Seal, sealed: bytes) -> bool:
    try:
        return seal.is_current(sealed)
    except SealBroken:
        return False


def _opened(
    kept: _Sealed, seal: Seal, rows: Sequence[Row[Any]]
) -> tuple[list[tuple[Row[Any], bytes]], int]:
    fresh = []
    for row in rows:
        try:
            fresh.append((row, kept.anew(seal, row)))
        except SealBroken:
            continue
    return fresh, len(rows) - len(fresh)


def _replaced(
    engine: Engine, kept: _Sealed, fresh: Sequence[tuple[Row[Any], bytes]]
) -> int:
    """Put the new values in the place of the old. Gives: how many were still there."""
    if not fresh:
        return 0
    done = 0
    with writing(engine) as connection:
        for row, sealed in fresh:
            same = [column == getattr(row, column.name) for column in kept.key]
            unchanged = and_(*same, kept.table.c.sealed == row.sealed)
            change = update(kept.table).where(unchanged).values(sealed=sealed)
            done += connection.execute(change).rowcount
    return done


def _context(seal: Seal, row: Row[Any]) -> bytes:
    place = RowSeal(seal, row.tenant, row.id)
    return place.close_context(place.open_context(row.sealed))


def _grant(seal: Seal, row: Row[Any]) -> bytes:
    place = RowSeal(seal, row.tenant, row.context_id)
    return place.close_grant(place.open_grant(row.sealed))


def _draft(seal: Seal, row: Row[Any]) -> bytes:
    place = RowSeal(seal, row.tenant, row.context_id)
    return place.close_draft(row.name, place.open_draft(row.name, row.sealed))


def _signing_key(seal: Seal, row: Row[Any]) -> bytes:
    place = place_of_key(row.kid)
    return seal.seal(seal.open(row.sealed, **place), **place)


_KEPT = (
    _Sealed(
        contexts, select(contexts.c.id, contexts.c.tenant, contexts.c.sealed), _context
    ),
    _Sealed(
        grants, select(grants.c.context_id, grants.c.tenant, grants.c.sealed), _grant
    ),
    _Sealed(
        drafts,
        select(
            drafts.c.context_id, drafts.c.name, contexts.c.tenant, drafts.c.sealed
        ).join(contexts, contexts.c.id == drafts.c.context_id),
        _draft,
    ),
    _Sealed(
        signing_keys, select(signing_keys.c.kid, signing_keys.c.sealed), _signing_key
    ),
)
