"""The tables of the audit trail: rows are added, and never changed.

Beside them, the sessions of those who read it.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
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

# Where AuditEvents are sent to a repository: how far each tenant's chain has come. A
# row is taken as a write job is, by one process at a time, until `due`.
audit_sendings = Table(
    "audit_sendings",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("through", BigInteger, nullable=False),  # the last record that was sent
    Column("due", BigInteger, nullable=False),
    Column("fence", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),  # in vain, since the last
    Column("reason", String(64), nullable=False, default=""),
    Column("changed_at", BigInteger, nullable=False),
    Index("ix_audit_sendings_due", "due"),
)

# AuditEvents that the repository refuses, whatever is tried: a person has to look.
audit_unsent = Table(
    "audit_unsent",
    metadata,
    Column("id", String(36), primary_key=True),  # the AuditEvent's
    Column("tenant", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("refused_at", BigInteger, nullable=False),
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
