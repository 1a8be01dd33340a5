"""Sessions of whoever has signed in with a key alone."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "holder_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("secret_id", sa.String(length=40), nullable=False),
        sa.Column("csrf", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["keys.id"], name=op.f("fk_holder_sessions_key_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_holder_sessions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_holder_sessions_key_id"), "holder_sessions", ["key_id"], unique=False)
    op.create_index(
        op.f("ix_holder_sessions_last_seen_at"), "holder_sessions", ["last_seen_at"], unique=False
    )
