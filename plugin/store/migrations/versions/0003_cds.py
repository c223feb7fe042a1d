"""The CDS service: tokens that were used, cards shown, what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cds_tokens",
        sa.Column("issuer_hash", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer_hash", "token_hash", name="pk_cds_tokens"),
    )
    op.create_index("ix_cds_tokens_expires_at", "cds_tokens", ["expires_at"])
    op.create_table(
        "cds_cards",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("topics", sa.Text(), nullable=False),
        sa.Column("programs", sa.Text(), nullable=False),
        sa.Column("suggestions", sa.Text(), nullable=False),
        sa.Column("shown_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('warning', 'groups', 'adjunct', 'refer', 'complete')",
            name=op.f("ck_cds_cards_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cds_cards"),
    )
    op.create_index(
        "ix_cds_cards_patient", "cds_cards", ["tenant", "patient", "shown_at"]
    )
    op.create_index("ix_cds_cards_actor", "cds_cards", ["tenant", "actor", "shown_at"])
    op.create_index("ix_cds_cards_shown_at", "cds_cards", ["tenant", "shown_at"])
    op.create_table(
        "cds_feedback",
        sa.Column("card_id", sa.String(length=36), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("outcome_at", sa.BigInteger(), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("reason_system", sa.String(length=255), nullable=False),
        sa.Column("suggestions", sa.Text(), nullable=False),
        sa.Column("comment", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'overridden', 'opened')",
            name=op.f("ck_cds_feedback_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["card_id"],
            ["cds_cards.id"],
            name=op.f("fk_cds_feedback_card_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "card_id", "outcome", "outcome_at", name="pk_cds_feedback"
        ),
    )
    op.create_index(
        "ix_cds_feedback_recorded_at", "cds_feedback", ["tenant", "recorded_at"]
    )


def downgrade() -> None:
    """The tables go with all that is in them."""
    op.drop_table("cds_feedback")
    op.drop_table("cds_cards")
    op.drop_table("cds_tokens")
