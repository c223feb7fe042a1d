"""Write jobs that take back what an earlier one wrote: whose act, and of what."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("act", sa.Integer(), nullable=False, server_default="1"),
        sa.Column(
            "action", sa.String(length=8), nullable=False, server_default="create"
        ),
        sa.Column(
            "takes_back",
            sa.String(length=255),
            nullable=False,
            server_default=sa.text("''"),
        ),
        sa.Column(
            "by_subject",
            sa.String(length=255),
            nullable=False,
            server_default=sa.text("''"),
        ),
        sa.Column(
            "by_context",
            sa.String(length=64),
            nullable=False,
            server_default=sa.text("''"),
        ),
    ):
        op.add_column("write_jobs", column)


def downgrade() -> None:
    for name in ("by_context", "by_subject", "takes_back", "action", "act"):
        op.drop_column("write_jobs", name)
