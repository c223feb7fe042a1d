"""Tables of launches: contexts, their grants, spent states, drafts, signing keys."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
)

from plugin.store.schema import metadata

contexts = Table(
    "contexts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("patient", String(64), nullable=False),
    Column("fhir_user", String(255), nullable=False),
    Column("subject", String(255), nullable=False),  # the id_token's sub
    Column("secret_hash", String(64), nullable=False),  # of the cookie's secret
    Column("sealed", LargeBinary, nullable=False),  # the whole context
    Column("launched_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("ended_reason", String(64)),
    Index("ix_contexts_whose", "tenant", "patient", "subject", "launched_at"),
    Index("ix_contexts_expires_at", "expires_at"),
)

grants = Table(
    "grants",
    metadata,
    Column(
        "context_id",
        String(64),
        ForeignKey("contexts.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("tenant", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("usable_until", BigInteger),  # null: it can be refreshed
    Column("dead_reason", String(64)),
    Column("updated_at", BigInteger, nullable=False),
)

spent_states = Table(
    "spent_states",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("state_hash", String(64), primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
    Index("ix_spent_states_expires_at", "expires_at"),
)

drafts = Table(
    "drafts",
    metadata,
    Column(
        "context_id",
        String(64),
        ForeignKey("contexts.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("name", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("active_from", BigInteger, nullable=False),
    Column("retire_at", BigInteger),
)
