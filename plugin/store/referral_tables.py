"""Tables of referrals: what was signed, its write jobs, decisions and outcomes."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from plugin.store.schema import metadata

referrals = Table(
    "referrals",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("context_id", String(64), nullable=False),
    Column("author", String(255), nullable=False),  # fhirUser
    Column("subject", String(255), nullable=False),  # the id_token's sub
    Column("request_key", String(255), nullable=False),  # the Idempotency-Key
    Column("request_digest", String(64), nullable=False),
    Column("signed", LargeBinary, nullable=False),  # SignedReferral, as JSON
    Column("signed_at", BigInteger, nullable=False),
    UniqueConstraint(
        "tenant", "subject", "patient", "request_key", name="uq_referrals_request"
    ),
    Index("ix_referrals_patient", "tenant", "patient", "signed_at"),
    Index("ix_referrals_signed_at", "tenant", "signed_at"),
)

write_jobs = Table(
    "write_jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column(
        "referral_id",
        String(36),
        ForeignKey("referrals.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("position", Integer, nullable=False),  # written in this order, from 1
    Column("tenant", String(64), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("kind", String(64), nullable=False),  # the resource type
    # 1 is the signing, 2 the cancelling; each has its own order. "update" changes the
    # status of `takes_back`, as it stands in the EHR; and by whom, where another
    # person than the signer acts.
    Column("act", Integer, nullable=False, default=1, server_default="1"),
    Column("action", String(8), nullable=False, server_default="create"),
    Column("takes_back", String(255), nullable=False, server_default=text("''")),
    Column("by_subject", String(255), nullable=False, server_default=text("''")),
    Column("by_context", String(64), nullable=False, server_default=text("''")),
    Column("identifier_system", Text, nullable=False),
    Column("identifier", String(64), nullable=False),  # "" for a Provenance
    Column("targets", String(255), nullable=False),  # types it may point at; "" for all
    Column("payload", LargeBinary, nullable=False),
    Column("payload_digest", String(160), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("reference", String(255), nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    # When it may next be taken, by whomever: while it is leased, the lease's end. And
    # the moment before which the EHR wants no call.
    Column("due", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False, default=0),
    # How often it must be searched for, in vain, before it may be sent again.
    Column("looks_owed", Integer, nullable=False, default=0),
    # The EHR said that it is done, but not where: it is never sent again.
    Column("answered", Boolean, nullable=False, default=False),
    # Nothing can be sent until the signer opens this patient again, in a launch later
    # than the newest one that was tried.
    Column("needs_launch", Boolean, nullable=False, default=False),
    Column("tried_launch", BigInteger, nullable=False, default=0),
    Column("confirmed_at", BigInteger, nullable=False),  # signed, or confirmed again
    Column("fence", Integer, nullable=False, default=0),
    Column("sending", Boolean, nullable=False, default=False),
    Column("changed_at", BigInteger, nullable=False),
    UniqueConstraint("referral_id", "position", name="uq_write_jobs_position"),
    CheckConstraint(
        "status IN ('waiting', 'leased', 'written', 'refused', 'unknown', 'held', "
        "'cancelled')",
        name="status",
    ),
    Index("ix_write_jobs_due", "due"),
    Index("ix_write_jobs_patient", "tenant", "patient"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("context_id", String(64), nullable=False),
    Column("author", String(255), nullable=False),
    Column("decision", String(16), nullable=False),
    Column("reason", String(64)),
    Column("red_unresolved", Boolean, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    CheckConstraint("decision IN ('handout_only', 'declined')", name="decision"),
    Index("ix_decisions_patient", "tenant", "patient", "recorded_at"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column(
        "referral_id",
        String(36),
        ForeignKey("referrals.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("tenant", String(64), nullable=False),
    Column("author", String(255), nullable=False),
    Column("attended", String(8), nullable=False),
    Column("told", LargeBinary, nullable=False),  # the outcome, as JSON
    Column("recorded_at", BigInteger, nullable=False),
    CheckConstraint("attended IN ('yes', 'no', 'unknown')", name="attended"),
    Index("ix_outcomes_referral_id", "referral_id", "recorded_at"),
)
