"""The tables of the audit trail: rows are added, and never changed.

Beside them, the sessions of those who read it.
"""

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
# reviewer can ask for them, and are compared with it when the trail is verified. Each
# index ends in time and number: whatever is asked for is read newest first, page by
# page, without sorting.
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
    Index("ix_audit_events_at", "tenant", "at", "sequence"),
    Index("ix_audit_events_kind", "tenant", "kind", "at", "sequence"),
    Index("ix_audit_events_actor", "tenant", "actor", "at", "sequence"),
    Index("ix_audit_events_patient", "tenant", "patient", "at", "sequence"),
    Index("ix_audit_events_context", "tenant", "context", "at", "sequence"),
    Index("ix_audit_events_outcome", "tenant", "outcome", "at", "sequence"),
)

# What an event speaks of, besides its patient: "referral:<id>", "program:<id>". All of
# it stands in `canonical` too, and is compared with it.
audit_marks = Table(
    "audit_marks",
    metadata,
    Column("tenant", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("mark", String(80), nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "sequence", "mark"),
    Index("ix_audit_marks_mark", "tenant", "mark", "at", "sequence"),
)

# A reviewer who is signed in. The cookie's secret is kept as its digest alone.
audit_sessions = Table(
    "audit_sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("subject", String(255), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("ix_audit_sessions_expires_at", "expires_at"),
)
