"""A part of one chain, read record by record, up to the first that is not whole."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, select

from plugin.audit.keys import AuditKeys
from plugin.audit.removed import Erased
from plugin.store.audit_tables import audit_events, audit_marks

CHECKPOINT = "audit.checkpoint"

_PAGE = 500  # rows in memory at a time

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
    marks = _Marks(connection, asked.tenant)
    for page in _pages(connection, asked):
        if not reader.take(page, marks.of(page)):
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
    compiled = rows.order_by(audit_events.c.sequence).compile(
        dialect=connection.dialect, compile_kwargs={"literal_binds": True}
    )
    # PostgreSQL keeps a cursor that has a name, and sends what it is asked for.
    cursor = _driver_cursor(connection, name="segment")
    try:
        cursor.execute(str(compiled))
        while page := cursor.fetchmany(_PAGE):
            yield page
    finally:
        cursor.close()


def _driver_cursor(connection: Connection, **named: str) -> Any:
    """Of the driver itself: SQLAlchemy's rows cost more than an HMAC."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "postgresql":
        return driver.cursor()
    return driver.cursor(**named, binary=True)  # as bytes, not as hexadecimal text


class _Marks:
    """The marks of a tenant's records, a page at a time.

    The question is put together once: that costs more than to ask it.
    """

    def __init__(self, connection: Connection, tenant: str) -> None:
        self.connection = connection
        self.asked = (
            select(audit_marks.c.sequence, audit_marks.c.mark)
            .where(
                audit_marks.c.tenant == tenant,
                audit_marks.c.sequence.between(bindparam("first"), bindparam("last")),
            )
            .compile(dialect=connection.dialect)
        )

    def of(self, page: Sequence[Any]) -> Mapping[int, list[str]]:
        ends = {"first": page[0][0], "last": page[-1][0]}
        values: Any = self.asked.construct_params(ends)
        if self.asked.positiontup is not None:
            values = [values[name] for name in self.asked.positiontup]
        found: dict[int, list[str]] = {}
        cursor = _driver_cursor(self.connection)
        try:
            cursor.execute(str(self.asked), values)
            for sequence, mark in cursor.fetchall():
                found.setdefault(sequence, []).append(mark)
        finally:
            cursor.close()
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
        ends with them says the same, without being read as JSON. That holds for parts
        that JSON writes as they are; a record with others is read with more care.
        """
        pads, tenant = self.keys.chain_pads, self.asked.tenant
        sha256, nothing = hashlib.sha256, _NO_PADS
        last, previous = self.last, self.previous
        checkpointed, said_of = self.asked.checkpointed, marks.get
        # fmt: off
        for row in page:
            (sequence, kind, at, actor, patient, context,
             outcome, key_id, identity, canonical, chain) = row
            # fmt: on
            said = said_of(sequence, _NONE)
            words = f"{actor}{context}{kind}{outcome}{patient}"
            listed = ""
            if said:
                words += "".join(said)
                listed = _quoted(said)
            sealed = sha256(identity).hexdigest() if identity else ""
            head = f'{{"actor":"{actor}","at":{at},"context":"{context}",'.encode()
            tail = (
                f',"identity":"{sealed}","key_id":"{key_id}","kind":"{kind}",'
                f'"marks":[{listed}],"outcome":"{outcome}","patient":"{patient}",'
                f'"previous":"{previous}","sequence":{sequence},"tenant":"{tenant}"}}'
            ).encode()
            inner, outer = pads.get(key_id, nothing)
            last += 1
            if (
                sequence != last
                or sha256(outer + sha256(inner + canonical).digest()).digest() != chain
                or not canonical.startswith(head)
                or not canonical.endswith(tail)
                or '"' in words  # it would end before its end
                or "\\" in words
                or kind == CHECKPOINT
                or last == checkpointed
                or key_id not in pads
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
_NO_PADS = b"", b""


def _quoted(marks: Sequence[str]) -> str:
    joined = '","'.join(marks if len(marks) < 2 else sorted(marks))
    return f'"{joined}"'
