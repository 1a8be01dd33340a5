"""Limits, plans, and accounts that pay in advance."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what says how much may be used."""
    op.create_table(
        "plans",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("tier", sa.Integer(), server_default="0", nullable=False),
        sa.Column("limits", sa.Text(), server_default="[]", nullable=False),
        sa.Column("prepaid", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("trial_nano_usd", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("trial_days", sa.Integer(), nullable=True),
        sa.Column("monthly_nano_usd", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("metadata", sa.Text(), server_default="{}", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    for table in ("keys", "projects", "accounts"):
        op.add_column(table, sa.Column("limits", sa.Text(), server_default="[]", nullable=False))
    op.add_column("accounts", sa.Column("plan_id", sa.String(length=40), nullable=True))
    op.add_column("accounts", sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False))
    op.add_column("accounts", sa.Column("prepaid", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("accounts", sa.Column("trial_ends_at", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_accounts_plan_id"), "accounts", ["plan_id"], unique=False)
