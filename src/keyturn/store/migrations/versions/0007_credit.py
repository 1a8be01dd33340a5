"""Credit: the ledger, grants, codes; what was used before is charged in one entry for each account and month."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_OPENING_USAGE = """
INSERT INTO monthly_usage (account_id, month, key_id, model, requests, input_tokens, output_tokens, cost_nano_usd)
SELECT p.account_id, strftime('%Y-%m', r.start, 'unixepoch'), r.key_id, r.model, sum(r.requests), sum(r.input_tokens),
    sum(r.output_tokens), sum(r.cost_nano_usd)
FROM rollups r JOIN keys k ON k.id = r.key_id JOIN projects p ON p.id = k.project_id
WHERE r.period = 'day'
GROUP BY 1, 2, 3, 4
"""
_OPENING_CHARGES = """
INSERT INTO ledger (account_id, seq, at, month, kind, amount, balance, requests, note, actor)
SELECT account_id,
    row_number() OVER (PARTITION BY account_id ORDER BY month),
    1000 * min(unixepoch(month || '-01', '+1 month') - 1, unixepoch()),
    month, 'charge', -cost, -sum(cost) OVER (PARTITION BY account_id ORDER BY month), requests,
    'Usage before there was a ledger', 'ingest'
FROM (
    SELECT account_id, month, sum(cost_nano_usd) AS cost, sum(requests) AS requests
    FROM monthly_usage GROUP BY account_id, month
)
WHERE cost > 0
"""
_APPEND_ONLY = """
CREATE TRIGGER ledger_no_{change} BEFORE {change} ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is only ever added to'); END
"""


def upgrade() -> None:
    """Add what credit is kept in."""
    op.create_table(
        "ledger",
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("grant_id", sa.String(length=40), server_default=sa.text("''"), nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("actor", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_ledger_account_id")),
        sa.PrimaryKeyConstraint("account_id", "seq", name=op.f("pk_ledger")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_ledger_other",
        "ledger",
        ["account_id", "month", "seq"],
        unique=False,
        sqlite_where=sa.text("kind <> 'charge'"),
    )
    op.create_index(
        "ix_ledger_reference",
        "ledger",
        ["account_id", "reference"],
        unique=True,
        sqlite_where=sa.text("reference IS NOT NULL"),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_grants_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_index("ix_grants_account_id", "grants", ["account_id", "id"], unique=False)
    op.create_index(
        "ix_grants_open", "grants", ["account_id"], unique=False, sqlite_where=sa.text("remaining > 0")
    )
    op.create_index(
        "ix_grants_expires_at",
        "grants",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("remaining > 0 AND expires_at IS NOT NULL"),
    )
    _usage_and_codes()
    op.execute(_OPENING_USAGE)
    op.execute(_OPENING_CHARGES)
    for change in ("update", "delete"):
        op.execute(_APPEND_ONLY.format(change=change))


def _usage_and_codes() -> None:
    op.create_table(
        "monthly_usage",
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "month", "key_id", "model", name=op.f("pk_monthly_usage")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "codes",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("credit_days", sa.Integer(), nullable=True),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("display", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_codes")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_codes_created_at", "codes", ["created_at"], unique=False)
    op.create_table(
        "redemptions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("grant_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("hash", "account_id", name=op.f("pk_redemptions")),
        sqlite_with_rowid=False,
    )
