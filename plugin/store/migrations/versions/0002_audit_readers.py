"""Let reviewers ask for events by what they speak of, and sign in to do so."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BY = ("kind", "actor", "patient", "context", "outcome")
_BEFORE = {
    "ix_audit_events_at": ["tenant", "at"],
    "ix_audit_events_kind": ["tenant", "kind", "sequence"],
    "ix_audit_events_patient": ["tenant", "patient", "sequence"],
}


def upgrade() -> None:
    for name in _BEFORE:
        op.drop_index(name, "audit_events")
    op.create_index("ix_audit_events_at", "audit_events", ["tenant", "at", "sequence"])
    for column in _BY:
        op.create_index(
            f"ix_audit_events_{column}",
            "audit_events",
            ["tenant", column, "at", "sequence"],
        )
    op.create_table(
        "audit_marks",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "sequence", "mark", name=op.f("pk_audit_marks")
        ),
    )
    op.create_index(
        "ix_audit_marks_mark", "audit_marks", ["tenant", "mark", "at", "sequence"]
    )
    op.create_table(
        "audit_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_sessions")),
    )
    op.create_index("ix_audit_sessions_expires_at", "audit_sessions", ["expires_at"])


def downgrade() -> None:
    op.drop_table("audit_sessions")
    op.drop_table("audit_marks")
    for name in ("ix_audit_events_at", *(f"ix_audit_events_{one}" for one in _BY)):
        op.drop_index(name, "audit_events")
    for name, columns in _BEFORE.items():
        op.create_index(name, "audit_events", columns)
