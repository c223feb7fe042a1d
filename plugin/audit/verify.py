"""Is the trail whole? If not: which record is the first bad one, and what is wrong.

Works on the database alone, also while the app is stopped. What a thief of the database
could still do, cut off the newest records, is found by comparing with a checkpoint that
lies elsewhere.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, RowMapping, select

from plugin.audit.checkpoint import Checkpoint
from plugin.audit.keys import AuditKeys
from plugin.audit.trail import GENESIS, identity_digest
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading

_PAGE = 2000  # rows in memory at a time

# The columns that repeat a part of `canonical`, and must agree with it.
_REPEATED = (
    "tenant",
    "sequence",
    "kind",
    "at",
    "actor",
    "patient",
    "context",
    "outcome",
    "key_id",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a chain stops being what was written. `sequence` is the first bad one."""

    tenant: str
    sequence: int
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`counts` are the records that were read for each tenant."""

    counts: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        return not self.findings


def verify(
    engine: Engine,
    keys: AuditKeys,
    *,
    tenant: str | None = None,
    checkpoints: Mapping[str, Checkpoint] | None = None,
) -> Verdict:
    """Read every record of one tenant, or of all.

    Takes: `checkpoints`, the newest one of each tenant; None where none are kept. With
           a mapping given, a tenant that says it was checkpointed must be in it.
    """
    counts: dict[str, int] = {}
    findings: list[Finding] = []
    with reading(engine) as connection:
        names = set(checkpoints or {}) | set(_tenants(connection))
        for name in sorted(names if tenant is None else {tenant}):
            chain = _Chain(name, keys, checkpoints)
            for row in _records(connection, name):
                if not chain.take(row):
                    break
            findings += chain.findings()
            counts[name] = chain.count
    return Verdict(counts, tuple(findings))


def _tenants(connection: Connection) -> list[str]:
    return list(connection.scalars(select(audit_events.c.tenant).distinct()))


def _records(connection: Connection, tenant: str) -> Iterator[RowMapping]:
    rows = (
        select(audit_events)
        .where(audit_events.c.tenant == tenant)
        .order_by(audit_events.c.sequence)
    )
    streamed = connection.execution_options(yield_per=_PAGE).execute(rows)
    yield from streamed.mappings()


class _Chain:
    """One tenant's chain while it is being read."""

    def __init__(
        self,
        tenant: str,
        keys: AuditKeys,
        checkpoints: Mapping[str, Checkpoint] | None,
    ) -> None:
        self.tenant = tenant
        self.keys = keys
        self.checked = checkpoints is not None
        self.checkpoint = (checkpoints or {}).get(tenant)
        self.count = 0
        self.previous = GENESIS
        self.at_checkpoint: bytes | None = None
        self.newest_said = 0  # the newest checkpoint that the trail itself tells of
        self.broken: Finding | None = None

    def take(self, row: RowMapping) -> bool:
        """Whether this record follows the one before, unchanged."""
        wrong = self._wrong(row)
        if wrong:
            self.broken = Finding(self.tenant, self.count + 1, wrong)
            return False
        self.count += 1
        self.previous = row["chain"]
        if self.checkpoint and self.count == self.checkpoint.sequence:
            self.at_checkpoint = row["chain"]
        return True

    def _wrong(self, row: RowMapping) -> str:
        if row["sequence"] != self.count + 1:
            return f"missing: the next record is number {row['sequence']}"
        if not self.keys.knows(row["key_id"]):
            return f"its key {row['key_id']} is not in the ring"
        expected = self.keys.chain(row["canonical"], row["key_id"])
        if not hmac.compare_digest(expected, row["chain"]):
            return "changed, or not written with the key"
        told: dict[str, Any] = orjson.loads(row["canonical"])
        if told["previous"] != self.previous.hex():
            return "does not follow the record before it"
        for name in _REPEATED:
            if told[name] != row[name]:
                return f"its column {name} was changed"
        if told["identity"] != identity_digest(row["identity"]):
            return "its column identity was changed"
        if told["kind"] == "audit.checkpoint":
            self.newest_said = max(self.newest_said, int(told["detail"]["number"]))
        return ""

    def findings(self) -> list[Finding]:
        if self.broken:
            return [self.broken]
        missing = self._against_checkpoint()
        return [Finding(self.tenant, self.count + 1, missing)] if missing else []

    def _against_checkpoint(self) -> str:
        if not self.checked:
            return ""
        kept = self.checkpoint
        if kept is None:
            if not self.newest_said:
                return ""
            return f"checkpoint {self.newest_said} was made and is not in the file"
        if kept.number < self.newest_said:
            return (
                f"the file ends with checkpoint {kept.number}, but {self.newest_said} "
                "was made: the file was replaced by an older one"
            )
        if self.count < kept.sequence:
            return (
                f"the tail is missing: checkpoint {kept.number} saw "
                f"{kept.sequence} records"
            )
        if not hmac.compare_digest(self.at_checkpoint or b"", kept.chain):
            return f"record {kept.sequence} is not the one checkpoint {kept.number} saw"
        return ""
