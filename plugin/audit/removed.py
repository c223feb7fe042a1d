"""What was removed from a chain by right: its oldest records, and erased contents.

A removal is itself a record of the chain, so nobody can forge one who lacks the key.
It keeps what the chain needs of what is gone: the chain value of the last record that
was purged, and of each record that was erased, with a digest of what is left of it.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, select

from plugin.audit.keys import AuditKeys
from plugin.store.audit_tables import audit_events

PURGED = "audit.purged"
ERASED = "audit.erased"


@dataclass(frozen=True, slots=True)
class Erased:
    """`chain` is of the record as it was written, `digest` of what is left of it."""

    chain: bytes
    digest: str

    def fits(self, canonical: bytes, chain: bytes) -> bool:
        return hmac.compare_digest(chain, self.chain) and hmac.compare_digest(
            hashlib.sha256(canonical).hexdigest(), self.digest
        )


@dataclass(frozen=True, slots=True)
class Removed:
    """`through` is the last record that was purged, and `chain` its chain value."""

    through: int = 0
    chain: bytes = b""
    erased: Mapping[int, Erased] = field(default_factory=dict)


def removed_of(connection: Connection, tenant: str, keys: AuditKeys) -> Removed:
    """What the chain tells of removals. A record that is not ours tells nothing."""
    through, chain = 0, b""
    erased: dict[int, Erased] = {}
    for kind, detail in _told(connection, tenant, keys):
        if kind == PURGED:
            through, chain = detail["through"], bytes.fromhex(detail["chain"])
        else:
            for number, written, digest in detail["records"]:
                erased[number] = Erased(bytes.fromhex(written), digest)
    return Removed(through, chain, erased)


def _told(
    connection: Connection, tenant: str, keys: AuditKeys
) -> Iterator[tuple[str, dict[str, Any]]]:
    removals = (
        select(audit_events.c.canonical, audit_events.c.chain, audit_events.c.key_id)
        .where(audit_events.c.tenant == tenant)
        .where(audit_events.c.kind.in_((PURGED, ERASED)))
        .order_by(audit_events.c.sequence)
    )
    for row in connection.execute(removals):
        if not keys.knows(row.key_id):
            continue
        if hmac.compare_digest(keys.chain(row.canonical, row.key_id), row.chain):
            told = orjson.loads(row.canonical)
            yield told["kind"], told["detail"]
