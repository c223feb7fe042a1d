"""A part of one chain, read record by record, up to the first that is not whole."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Select, select

from plugin.audit.keys import AuditKeys
from plugin.audit.removed import Erased
from plugin.store.audit_tables import audit_events, audit_marks

CHECKPOINT = "audit.checkpoint"

_PAGE = 2000  # rows in memory at a time

_COLUMNS = (
    audit_events.c.sequence,
    audit_events.c.kind,
    audit_events.c.at,
    audit_events.c.actor,
    audit_events.c.patient,
    audit_events.c.context,
    audit_events.c.outcome,
    audit_events.c.key_id,
    audit_events.c.identity,
    audit_events.c.canonical,
    audit_events.c.chain,
)
# The columns that repeat a part of `canonical`, and must agree with it.
_REPEATED = ("sequence", "kind", "at", "actor", "patient", "context", "outcome")


@dataclass(frozen=True, slots=True)
class Asked:
    """From the record after `after`, whose chain value is `previous`, to `until`."""

    tenant: str
    after: int
    previous: bytes
    until: int | None
    first: bool  # whether nothing may stand before it
    erased: Mapping[int, Erased]
    checkpointed: int  # the record whose chain value is wanted; 0 for none


@dataclass(frozen=True, slots=True)
class Segment:
    """`last` is the last good record; `wrong` says what is wrong with the next one."""

    last: int
    newest_said: int  # the newest checkpoint that the records themselves tell of
    at_checkpoint: bytes | None
    wrong: str


def read_segment(connection: Connection, keys: AuditKeys, asked: Asked) -> Segment:
    reader = _Reader(keys, asked)
    for page in _pages(connection, asked):
        if not reader.take(page, _marks(connection, asked.tenant, page)):
            break
    return Segment(reader.last, reader.newest_said, reader.at_checkpoint, reader.wrong)


def identity_digest(sealed: bytes | None) -> str:
    """What a record keeps of the sealed identity, which may one day be erased."""
    return hashlib.sha256(sealed).hexdigest() if sealed else ""


def _pages(connection: Connection, asked: Asked) -> Iterator[Sequence[Any]]:
    rows = select(*_COLUMNS).where(audit_events.c.tenant == asked.tenant)
    if not asked.first:
        rows = rows.where(audit_events.c.sequence > asked.after)
    if asked.until is not None:
        rows = rows.where(audit_events.c.sequence <= asked.until)
    yield from _raw(connection, rows.order_by(audit_events.c.sequence))


def _raw(
    connection: Connection, statement: Select[Any], named: str = "segment"
) -> Iterator[Sequence[Any]]:
    """Pages of plain tuples from the driver itself, as SQLAlchemy's rows cost more than
    an HMAC.

    Takes: `named`, the name of a cursor that PostgreSQL keeps; without, all is fetched.
    """
    compiled = statement.compile(
        dialect=connection.dialect, compile_kwargs={"literal_binds": True}
    )
    driver: Any = connection.connection.driver_connection
    kept = {"name": named, "binary": True}  # as bytes, not as hexadecimal text
    on_server = kept if connection.dialect.name == "postgresql" else {}
    cursor = driver.cursor(**on_server)
    try:
        cursor.execute(str(compiled))
        while rows := cursor.fetchmany(_PAGE):
            yield rows
    finally:
        cursor.close()


def _marks(
    connection: Connection, tenant: str, page: Sequence[Any]
) -> dict[int, list[str]]:
    mine = (
        select(audit_marks.c.sequence, audit_marks.c.mark)
        .where(
            audit_marks.c.tenant == tenant,
            audit_marks.c.sequence.between(page[0][0], page[-1][0]),
        )
        .order_by(audit_marks.c.sequence)
    )
    found: dict[int, list[str]] = {}
    for rows in _raw(connection, mine, named=""):
        for sequence, mark in rows:
            found.setdefault(sequence, []).append(mark)
    return found


class _Reader:
    """One chain while it is being read."""

    def __init__(self, keys: AuditKeys, asked: Asked) -> None:
        self.keys = keys
        self.asked = asked
        self.last = asked.after
        self.previous = asked.previous.hex()
        self.newest_said = 0
        self.at_checkpoint: bytes | None = None
        self.wrong = ""

    def take(self, page: Sequence[Any], marks: Mapping[int, list[str]]) -> bool:
        """Whether each record of the page follows the one before, unchanged.

        The text was written by us, so its parts stand in this order: what begins and
        ends with them says the same, without being read as JSON.
        """
        keys, tenant = self.keys.chain_keys, self.asked.tenant
        digest, dumps, sha256 = hmac.digest, orjson.dumps, hashlib.sha256
        last, previous = self.last, self.previous
        checkpointed, said_of = self.asked.checkpointed, marks.get
        # fmt: off
        for row in page:
            (sequence, kind, at, actor, patient, context,
             outcome, key_id, identity, canonical, chain) = row
            # fmt: on
            said = said_of(sequence, _NONE)
            head = dumps({"actor": actor, "at": at, "context": context})
            tail = dumps(
                {
                    "identity": sha256(identity).hexdigest() if identity else "",
                    "key_id": key_id,
                    "kind": kind,
                    "marks": said if len(said) < 2 else sorted(said),
                    "outcome": outcome,
                    "patient": patient,
                    "previous": previous,
                    "sequence": sequence,
                    "tenant": tenant,
                }
            )
            last += 1
            if (
                sequence != last
                or key_id not in keys
                or digest(keys[key_id], canonical, "sha256") != chain
                or kind == CHECKPOINT
                or last == checkpointed
                or not canonical.startswith(head[:-1])
                or not canonical.endswith(tail[1:])
            ):
                self.last, self.previous = last - 1, previous
                self.wrong = self._wrong(row, said)
                if self.wrong:
                    return False
            previous = chain.hex()
        self.last, self.previous = last, previous
        return True

    def _wrong(self, row: Any, marks: Sequence[str]) -> str:
        """What is wrong with a record that is not like most; "" for nothing."""
        sequence, kind, key_id = row[0], row[1], row[7]
        canonical, chain = row[9:]
        if sequence != self.last + 1:
            return f"missing: the next record is number {sequence}"
        if not self.keys.knows(key_id):
            return f"its key {key_id} is not in the ring"
        if self.keys.chain(canonical, key_id) != chain:
            erased = self.asked.erased.get(sequence)
            if erased is None or not erased.fits(canonical, chain):
                return "changed, or not written with the key"
        told: dict[str, Any] = orjson.loads(canonical)
        wrong = self._disagreement(row, told, marks)
        if not wrong and kind == CHECKPOINT:
            self.newest_said = max(self.newest_said, int(told["detail"]["number"]))
        if not wrong and sequence == self.asked.checkpointed:
            self.at_checkpoint = chain
        return wrong

    def _disagreement(
        self, row: Any, told: Mapping[str, Any], marks: Sequence[str]
    ) -> str:
        if told["previous"] != self.previous:
            return "does not follow the record before it"
        for name, value in zip(_REPEATED, row, strict=False):
            if told[name] != value:
                return f"its column {name} was changed"
        if told["identity"] != identity_digest(row[8]):
            return "its column identity was changed"
        if told["marks"] != sorted(marks):
            return "its marks were changed"
        return "" if told["tenant"] == self.asked.tenant else "is another tenant's"


_NONE: list[str] = []
