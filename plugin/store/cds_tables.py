"""Tables of the CDS service: tokens used, cards shown, what became of them."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
)

from plugin.store.schema import metadata

# Every token that was taken, until it expires: it opens one call, on whichever replica.
cds_tokens = Table(
    "cds_tokens",
    metadata,
    Column("issuer_hash", String(64), primary_key=True),
    Column("token_hash", String(64), primary_key=True),  # of the jti
    Column("expires_at", BigInteger, nullable=False),
    Index("ix_cds_tokens_expires_at", "expires_at"),
)

# What was shown. The words of a card are not kept: they follow from its topics.
cds_cards = Table(
    "cds_cards",
    metadata,
    Column("id", String(36), primary_key=True),  # the card's uuid
    Column("tenant", String(64), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("actor", String(255), nullable=False),  # context.userId
    Column("service", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("topics", Text, nullable=False),  # needs or rules, with a blank between
    Column("programs", Text, nullable=False),  # those named on the card
    Column("suggestions", Text, nullable=False),  # their uuids
    Column("shown_at", BigInteger, nullable=False),
    CheckConstraint(
        "kind IN ('warning', 'groups', 'adjunct', 'refer', 'complete')", name="kind"
    ),
    Index("ix_cds_cards_patient", "tenant", "patient", "shown_at"),
    Index("ix_cds_cards_actor", "tenant", "actor", "shown_at"),
    Index("ix_cds_cards_shown_at", "tenant", "shown_at"),
)

# What became of a card. The same report may come twice, and is kept once.
cds_feedback = Table(
    "cds_feedback",
    metadata,
    Column(
        "card_id",
        String(36),
        ForeignKey("cds_cards.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("outcome", String(16), primary_key=True),
    Column("outcome_at", BigInteger, primary_key=True),  # as the EHR says
    Column("tenant", String(64), nullable=False),
    Column("reason", String(64), nullable=False),  # code, "" for none
    Column("reason_system", String(255), nullable=False),
    Column("suggestions", Text, nullable=False),  # uuids of those accepted
    Column("comment", LargeBinary),  # sealed: a clinician's own words
    Column("recorded_at", BigInteger, nullable=False),
    # "opened": the app was launched from the card.
    CheckConstraint("outcome IN ('accepted', 'overridden', 'opened')", name="outcome"),
    Index("ix_cds_feedback_recorded_at", "tenant", "recorded_at"),
)
