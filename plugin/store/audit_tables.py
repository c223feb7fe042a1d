"""The table of the audit trail: rows are added, and never changed."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
)

from plugin.store.schema import metadata

# What is sealed in is `canonical`; the other columns repeat parts of it, so that a
# reviewer can ask for them, and are compared with it when the trail is verified.
audit_events = Table(
    "audit_events",
    metadata,
    Column("tenant", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),  # from 1, without a gap
    Column("kind", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("patient", String(64), nullable=False),  # a pseudonym, "" for none
    Column("context", String(64), nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("canonical", LargeBinary, nullable=False),
    Column("identity", LargeBinary),  # the patient's id, sealed
    Column("key_id", String(32), nullable=False),
    Column("chain", LargeBinary, nullable=False),  # HMAC-SHA256
    PrimaryKeyConstraint("tenant", "sequence"),
    Index("ix_audit_events_patient", "tenant", "patient", "sequence"),
    Index("ix_audit_events_kind", "tenant", "kind", "sequence"),
    Index("ix_audit_events_at", "tenant", "at"),
)
