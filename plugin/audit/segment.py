"""A part of one chain, read record by record, up to the first that is not whole."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, select

from plugin.audit.keys import AuditKeys
from plugin.audit.marks import marks_of, may_have_marks
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
    rows = rows.order_by(audit_events.c.sequence)
    yield from connection.execution_options(yield_per=_PAGE).execute(rows).partitions()


def _marks(
    connection: Connection, tenant: str, page: Sequence[Any]
) -> dict[int, set[str]]:
    mine = select(audit_marks.c.sequence, audit_marks.c.mark).where(
        audit_marks.c.tenant == tenant,
        audit_marks.c.sequence.between(page[0].sequence, page[-1].sequence),
    )
    found: dict[int, set[str]] = {}
    for sequence, mark in connection.execute(mine):
        found.setdefault(sequence, set()).add(mark)
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

    def take(self, page: Sequence[Any], marks: dict[int, set[str]]) -> bool:
        """Whether each record of the page follows the one before, unchanged."""
        for row in page:
            self.wrong = self._wrong(row, marks.get(row[0], _NONE))
            if self.wrong:
                return False
            self.last += 1
            self.previous = row[-1].hex()
            if self.last == self.asked.checkpointed:
                self.at_checkpoint = row[-1]
        return True

    def _wrong(self, row: Any, marks: Set[str]) -> str:
        sequence, kind, at, actor, patient, context, outcome = row[:7]
        key_id, identity, canonical, chain = row[7:]
        if sequence != self.last + 1:
            return f"missing: the next record is number {sequence}"
        if not self.keys.knows(key_id):
            return f"its key {key_id} is not in the ring"
        if self.keys.chain(canonical, key_id) != chain:
            erased = self.asked.erased.get(sequence)
            if erased is None or not erased.fits(canonical, chain):
                return "changed, or not written with the key"
        # The text was written by us, so its parts stand in this order: what begins and
        # ends with them says the same, without being read as JSON.
        head = orjson.dumps({"actor": actor, "at": at, "context": context})
        tail = orjson.dumps(
            {
                "identity": identity_digest(identity),
                "key_id": key_id,
                "kind": kind,
                "outcome": outcome,
                "patient": patient,
                "previous": self.previous,
                "sequence": sequence,
                "tenant": self.asked.tenant,
            }
        )
        if not (canonical.startswith(head[:-1]) and canonical.endswith(tail[1:])):
            return self._disagreement(row)
        if kind == CHECKPOINT:
            said = orjson.loads(canonical)["detail"]["number"]
            self.newest_said = max(self.newest_said, int(said))
        return _wrong_marks(canonical, marks)

    def _disagreement(self, row: Any) -> str:
        told: dict[str, Any] = orjson.loads(row.canonical)
        if told["previous"] != self.previous:
            return "does not follow the record before it"
        for name in _REPEATED:
            if told[name] != getattr(row, name):
                return f"its column {name} was changed"
        if told["identity"] != identity_digest(row.identity):
            return "its column identity was changed"
        return "is another tenant's"


def _wrong_marks(canonical: bytes, marks: Set[str]) -> str:
    if not marks and not may_have_marks(canonical):
        return ""
    if marks != marks_of(orjson.loads(canonical)["detail"]):
        return "its marks were changed"
    return ""


_NONE: Set[str] = frozenset()
