"""What reviewers ask the trail, and its answers: pages of entries, newest first.

Pages are found by where the last one ended and never counted off from the front, so
that the thousandth page comes as fast as the first.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Select, and_, func, or_, select, tuple_

from plugin.audit.marks import PROGRAM, REFERRAL
from plugin.store.audit_tables import audit_events, audit_marks
from plugin.store.engine import reading
from plugin.store.schema import micros, moment

PAGE = 50
_LONGEST_KEY = 40
_STREAMED = 500  # rows in memory at a time while everything is exported


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show; an empty part does not narrow it.

    `since` is included and `until` is not. `patient` is a pseudonym, or several that
    one patient had under different keys.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    patients: tuple[str, ...] = ()
    program: str = ""
    outcome: str = ""
    kind: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """Where a page begins or ends: an entry's time (microseconds) and its number."""

    at: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.at}-{self.sequence}"

    @classmethod
    def read(cls, text: str) -> "Key | None":
        """None for what is no key."""
        at, _, sequence = text.partition("-")
        if not (text.isascii() and at.isdigit() and sequence.isdigit()):
            return None
        if len(text) > _LONGEST_KEY:
            return None
        key = cls(int(at), int(sequence))
        return key if max(key.at, key.sequence) < 2**63 else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the trail, as it may be shown: the patient by pseudonym."""

    tenant: str
    sequence: int
    kind: str
    at: datetime
    actor: str
    patient: str
    context: str
    outcome: str
    detail: Mapping[str, Any] = field(repr=False)
    digest: str = ""
    sealed: bytes | None = field(default=None, repr=False)

    @property
    def key(self) -> Key:
        return Key(micros(self.at), self.sequence)

    @property
    def place(self) -> dict[str, Any]:
        """What `Trail.identity` opens a patient's identity with."""
        columns = {"tenant": self.tenant, "sequence": self.sequence}
        return columns | {"identity": self.sealed}

    @property
    def referral(self) -> str:
        told = self.detail.get("referral")
        return told if isinstance(told, str) else ""


@dataclass(frozen=True, slots=True)
class Page:
    """`older` and `newer` are where the neighbouring pages begin; None for no page."""

    entries: Sequence[Entry]
    older: Key | None
    newer: Key | None


def page(
    engine: Engine,
    tenant: str,
    wanted: Wanted,
    *,
    older_than: Key | None = None,
    newer_than: Key | None = None,
    size: int = PAGE,
) -> Page:
    """The entries after one place, or before another; the newest without either."""
    backwards = newer_than is not None and older_than is None
    where = newer_than if backwards else older_than
    rows = _asked(tenant, wanted, where, backwards=backwards).limit(size + 1)
    with reading(engine) as connection:
        found = [_entry(row) for row in connection.execute(rows)]
    more = len(found) > size
    entries = found[:size]
    if backwards:
        entries.reverse()
    has_newer = more if backwards else where is not None
    has_older = bool(entries) if backwards else more
    return Page(
        entries,
        older=entries[-1].key if entries and has_older else None,
        newer=entries[0].key if entries and has_newer else None,
    )


def every(engine: Engine, tenant: str, wanted: Wanted) -> Iterator[Entry]:
    """All that is asked for, newest first, a few at a time."""
    rows = _asked(tenant, wanted, None, backwards=False)
    with reading(engine) as connection:
        streamed = connection.execution_options(yield_per=_STREAMED).execute(rows)
        for row in streamed:
            yield _entry(row)


def one(engine: Engine, tenant: str, sequence: int) -> Entry | None:
    mine = select(audit_events).where(
        audit_events.c.tenant == tenant, audit_events.c.sequence == sequence
    )
    with reading(engine) as connection:
        row = connection.execute(mine).first()
    return _entry(row) if row else None


def after(
    engine: Engine, tenant: str, sequence: int, kinds: Collection[str], *, most: int
) -> tuple[list[Entry], int]:
    """The next records of some kinds, in order; and the last number that was looked at.

    A stretch of the chain is read as it stands: asked for by kind, a database may
    gather all of a kind first, and sort them.
    """
    rows = (
        select(audit_events)
        .where(audit_events.c.tenant == tenant, audit_events.c.sequence > sequence)
        .order_by(audit_events.c.sequence)
        .limit(_STREAMED)
    )
    found: list[Entry] = []
    with reading(engine) as connection:
        for row in connection.execute(rows):
            sequence = row.sequence
            if row.kind in kinds:
                found.append(_entry(row))
            if len(found) == most:
                break
    return found, sequence


def story(engine: Engine, tenant: str, referral: str) -> list[Entry]:
    """All of one referral, oldest first: its visit up to the signature, and after.

    That is what was recorded in the launch that it was signed in, and whatever speaks
    of the referral later, in whichever launch. Empty for an unknown one.
    """
    mark = f"{REFERRAL}:{referral}"
    with reading(engine) as connection:
        marked = select(audit_marks.c.sequence).where(
            audit_marks.c.tenant == tenant, audit_marks.c.mark == mark
        )
        spoken = audit_events.c.sequence.in_(marked)
        rows = _rows(connection, tenant, spoken)
        signed = next((r for r in rows if r.kind == "referral.signed"), None)
        if signed is not None and signed.context:
            visit = and_(
                audit_events.c.context == signed.context,
                audit_events.c.sequence < signed.sequence,
            )
            rows = _rows(connection, tenant, or_(spoken, visit))
    others = (_entry(row) for row in rows)
    return [e for e in others if e.referral in ("", referral)]


def opener(engine: Engine, tenant: str, context: str) -> str:
    """Who opened a launch; "" where the trail does not tell."""
    found = page(
        engine, tenant, Wanted(context=context, kind="launch.completed"), size=1
    )
    return found.entries[0].actor if found.entries else ""


def length(engine: Engine, tenant: str) -> tuple[int, int]:
    """The numbers of the first and the newest record; (0, 0) for none."""
    ends = select(
        func.min(audit_events.c.sequence), func.max(audit_events.c.sequence)
    ).where(audit_events.c.tenant == tenant)
    with reading(engine) as connection:
        first, last = connection.execute(ends).one()
    return (first or 0, last or 0)


def newest(engine: Engine, tenant: str, kind: str) -> Entry | None:
    """The newest record of a kind."""
    found = page(engine, tenant, Wanted(kind=kind), size=1).entries
    return found[0] if found else None


def _rows(connection: Connection, tenant: str, condition: Any) -> Sequence[Any]:
    mine = select(audit_events).where(audit_events.c.tenant == tenant, condition)
    return connection.execute(mine.order_by(audit_events.c.sequence)).all()


def _asked(
    tenant: str, wanted: Wanted, where: Key | None, *, backwards: bool
) -> Select[Any]:
    if wanted.program:
        return _of_program(tenant, wanted, where, backwards=backwards)
    place = (audit_events.c.at, audit_events.c.sequence)
    rows = select(audit_events).where(
        audit_events.c.tenant == tenant, *_conditions(wanted)
    )
    return _from(rows, place, wanted, where, backwards=backwards)


def _of_program(
    tenant: str, wanted: Wanted, where: Key | None, *, backwards: bool
) -> Select[Any]:
    place = (audit_marks.c.at, audit_marks.c.sequence)
    rows = (
        select(audit_events)
        .join(
            audit_marks,
            and_(
                audit_marks.c.tenant == audit_events.c.tenant,
                audit_marks.c.sequence == audit_events.c.sequence,
            ),
        )
        .where(
            audit_marks.c.tenant == tenant,
            audit_marks.c.mark == f"{PROGRAM}:{wanted.program}",
            *_conditions(wanted),
        )
    )
    return _from(rows, place, wanted, where, backwards=backwards)


def _from(
    rows: Select[Any],
    place: tuple[Any, Any],
    wanted: Wanted,
    where: Key | None,
    *,
    backwards: bool,
) -> Select[Any]:
    at, sequence = place
    if wanted.since is not None:
        rows = rows.where(at >= micros(wanted.since))
    if wanted.until is not None:
        rows = rows.where(at < micros(wanted.until))
    if where is not None:
        here, there = tuple_(at, sequence), tuple_(where.at, where.sequence)
        rows = rows.where(here > there if backwards else here < there)
    if backwards:
        return rows.order_by(at, sequence)
    return rows.order_by(at.desc(), sequence.desc())


def _conditions(wanted: Wanted) -> Iterator[Any]:
    for column, value in (
        (audit_events.c.actor, wanted.actor),
        (audit_events.c.outcome, wanted.outcome),
        (audit_events.c.kind, wanted.kind),
        (audit_events.c.context, wanted.context),
    ):
        if value:
            yield column == value
    if len(wanted.patients) == 1:
        yield audit_events.c.patient == wanted.patients[0]
    elif wanted.patients:
        yield audit_events.c.patient.in_(wanted.patients)


def _entry(row: Any) -> Entry:
    told: dict[str, Any] = orjson.loads(row.canonical)
    return Entry(
        tenant=row.tenant,
        sequence=row.sequence,
        kind=row.kind,
        at=moment(row.at),
        actor=row.actor,
        patient=row.patient,
        context=row.context,
        outcome=row.outcome,
        detail=told["detail"],
        digest=row.chain.hex(),
        sealed=row.identity,
    )
