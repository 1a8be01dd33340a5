"""Alerts: who wants to hear of what, what each key has used, and what somebody has seen to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables, filled with what the rollups know."""
    op.create_table(
        "alert_rules",
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_alert_rules")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "throttled_keys",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_throttled_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "key_models",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "model", name=op.f("pk_key_models")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO key_models (key_id, model, first_at, last_at) "
        "SELECT key_id, model, min(start) * 1000, max(start) * 1000 FROM rollups "
        "WHERE period = 'day' GROUP BY key_id, model"
    )
    op.add_column(
        "keys", sa.Column("case_id", sa.String(length=40), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("events", sa.Column("acknowledged_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "events", sa.Column("acknowledged_by", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
