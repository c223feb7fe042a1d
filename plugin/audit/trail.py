"""The trail: one hash chain for each tenant, extended with every act.

An event is appended in the transaction of the act that it tells of. If it cannot be,
the act does not happen.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
    TextClause,
    bindparam,
    select,
    text,
)

from plugin.audit.keys import AuditKeys
from plugin.audit.marks import marks_of
from plugin.audit.segment import identity_digest
from plugin.clock import Clock
from plugin.store.audit_tables import audit_events
from plugin.store.engine import writing
from plugin.store.schema import micros
from smart_launch.sealing import Seal

# What the first record of a chain stands upon.
GENESIS = bytes(32)

# The tenant of an event that belongs to none, such as a launch by an unknown issuer.
NO_TENANT = "-"

_LOCK_SPACE = 0x41554454  # PostgreSQL advisory locks of the trail: "AUDT"
_COLUMN_LENGTHS = {"actor": 255, "context": 64, "outcome": 64, "kind": 64, "tenant": 64}


@dataclass(frozen=True, slots=True)
class Event:
    """One act. `patient` is the FHIR id: the trail itself makes the pseudonym.

    `detail` is JSON-able and holds no token, no secret and no name.
    """

    tenant: str
    kind: str
    actor: str = ""
    patient: str = ""
    context: str = ""
    outcome: str = "done"
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trail:
    """Appends; nothing else. See `verify` for reading."""

    keys: AuditKeys
    clock: Clock
    _seal: Seal = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_seal", self.keys.seal())

    def record(self, engine: Engine, *events: Event) -> int:
        """Append in a transaction of their own. Gives the number of the last record."""
        with writing(engine) as connection:
            return [self.append(connection, event) for event in events][-1]

    def append(self, connection: Connection, event: Event) -> int:
        """Append in the caller's transaction. Gives the record's number.

        Call it last: on PostgreSQL it holds the tenant's chain until the transaction
        ends.
        """
        event = _storable(event)
        lock_chain(connection, event.tenant)
        sequence, previous = last_of(connection, event.tenant)
        row = self.row(event, sequence + 1, previous)
        _write(connection, row, marks_of(event.detail))
        return sequence + 1

    def row(self, event: Event, sequence: int, previous: bytes) -> dict[str, Any]:
        """The record of this number, after the one whose chain is `previous`."""
        key_id = self.keys.current
        sealed = self._sealed(event, sequence)
        columns: dict[str, Any] = {
            "tenant": event.tenant,
            "sequence": sequence,
            "kind": event.kind,
            "at": micros(self.clock()),
            "actor": event.actor,
            "patient": self.keys.pseudonym(event.tenant, event.patient),
            "context": event.context,
            "outcome": event.outcome,
            "key_id": key_id,
        }
        canonical = orjson.dumps(
            columns
            | {
                "detail": event.detail,
                "identity": identity_digest(sealed),
                "marks": marks_of(event.detail),
                "previous": previous.hex(),
            },
            option=orjson.OPT_SORT_KEYS,
        )
        return columns | {
            "canonical": canonical,
            "identity": sealed,
            "chain": self.keys.chain(canonical, key_id),
        }

    def _sealed(self, event: Event, sequence: int) -> bytes | None:
        if not event.patient:
            return None
        return self._seal.seal(
            event.patient.encode(), **_identity_place(event.tenant, sequence)
        )

    def identity(self, row: RowMapping | Mapping[str, Any]) -> str:
        """The FHIR id behind a record's pseudonym. Who asks records that they asked.

        Raises: SealBroken for a record that was moved or changed.
        """
        if row["identity"] is None:
            return ""
        place = _identity_place(row["tenant"], row["sequence"])
        return self._seal.open(row["identity"], **place).decode()


# Texts, as SQLAlchemy puts an insert of several rows together each time anew: that
# costs more than to run it.
_COLUMNS = audit_events.c.keys()
_INTO_EVENTS = f"INSERT INTO audit_events ({', '.join(_COLUMNS)})"
_INSERT = text(f"{_INTO_EVENTS} VALUES ({', '.join(f':{one}' for one in _COLUMNS)})")
_INTO_MARKS = "INSERT INTO audit_marks (tenant, sequence, at, mark)"
_NEWEST = (
    select(audit_events.c.sequence, audit_events.c.chain)
    .where(audit_events.c.tenant == bindparam("tenant"))
    .order_by(audit_events.c.sequence.desc())
    .limit(1)
)
_LOCK = text("SELECT pg_advisory_xact_lock(:space, :chain)")


@lru_cache
def _insert_with(marks: int) -> TextClause:
    """One statement for a record and its marks, as PostgreSQL takes it."""
    return text(f"WITH written AS ({_INSERT}) {_insert_marks(marks)}")


@lru_cache
def _insert_marks(count: int) -> TextClause:
    rows = (f"(:tenant, :sequence, :at, :mark_{n})" for n in range(count))
    return text(f"{_INTO_MARKS} VALUES {', '.join(rows)}")


def _write(connection: Connection, row: dict[str, Any], marks: Sequence[str]) -> None:
    """Each exchange with the server costs as much as all that is done here."""
    values = row | {f"mark_{n}": mark for n, mark in enumerate(marks)}
    if marks and connection.dialect.name == "postgresql":
        connection.execute(_insert_with(len(marks)), values)
        return
    connection.execute(_INSERT, row)
    if marks:
        connection.execute(_insert_marks(len(marks)), values)


def last_of(connection: Connection, tenant: str) -> tuple[int, bytes]:
    """The number and the chain value of a tenant's newest record; 0 for none."""
    row = connection.execute(_NEWEST, {"tenant": tenant}).first()
    return (row.sequence, row.chain) if row else (0, GENESIS)


def lock_chain(connection: Connection, tenant: str) -> None:
    """Hold a tenant's chain until the transaction ends."""
    # SQLite has one writer at a time. On PostgreSQL two transactions would read the
    # same newest record, and one of them would fail.
    if connection.dialect.name != "postgresql":
        return
    chain = zlib.crc32(tenant.encode()) - 2**31
    connection.execute(_LOCK, {"space": _LOCK_SPACE, "chain": chain})


def _identity_place(tenant: str, sequence: int) -> dict[str, str]:
    return {
        "tenant": tenant,
        "table": "audit_events",
        "row": str(sequence),
        "column": "identity",
    }


def _storable(event: Event) -> Event:
    """The same event in text that both databases take, cut to the columns' lengths."""
    columns = {
        name: storable_text(getattr(event, name))[:length]
        for name, length in _COLUMN_LENGTHS.items()
    }
    return Event(**columns, patient=event.patient, detail=_storable_json(event.detail))


def storable_text(value: str) -> str:
    """Without U+0000, which PostgreSQL refuses, and lone surrogates (no UTF-8)."""
    whole = value.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _storable_json(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping):
        return {storable_text(str(k)): _storable_json(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_storable_json(item) for item in items]
    return value
