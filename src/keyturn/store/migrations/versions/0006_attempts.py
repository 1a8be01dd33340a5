"""Calls of models that may be sent again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what says which calls were made, and their answers."""
    op.create_table(
        "attempts",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("fate", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_attempts_begun_at"), "attempts", ["begun_at"], unique=False)
    op.create_index(
        "ix_attempts_under_way", "attempts", ["worker"], unique=False, sqlite_where=sa.text("fate = ''")
    )
    op.create_table(
        "attempt_answers",
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_attempt_answers")),
    )
    op.create_index(
        "ix_attempt_answers_begun_at_length", "attempt_answers", ["begun_at", "length"], unique=False
    )
