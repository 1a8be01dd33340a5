"""Usage by more dimensions, with durations, and summed up over all keys as well."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

NO_HISTOGRAM = sa.text("X''")
_OLD = "requests, input_tokens, output_tokens, cached_tokens, cost_nano_usd, estimated, recovered, unpriced"
_SUMS = ", ".join(f"sum({name})" for name in _OLD.split(", "))
_RANKED = ("requests", "input_tokens", "output_tokens", "cost_nano_usd", "errors")
_ERRORS = "CASE WHEN status = 0 OR (status >= 400 AND status <> 499) THEN requests ELSE 0 END"
"""Near enough: a stream that broke off after a good beginning was not told apart."""


def upgrade() -> None:
    """Give what requests have in common a number, and move the sums over."""
    op.rename_table("rollups", "rollups_before")
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("key_id", "model", "status", "operation", "upstream", name="uq_series"),
    )
    op.create_table(
        "rollups",
        sa.Column("period", sa.String(length=6), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint("period", "start", "series_id", name=op.f("pk_rollups")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "overall",
        sa.Column("period", sa.String(length=6), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint(
            "period", "start", "model", "status", "operation", "upstream", name=op.f("pk_overall")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "totals",
        sa.Column("period", sa.String(length=6), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint("period", "start", name=op.f("pk_totals")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "key_sums",
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _RANKED),
        sa.PrimaryKeyConstraint("period", "start", "key_id", name=op.f("pk_key_sums")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_horizons",
        sa.Column("period", sa.String(length=6), nullable=False),
        sa.Column("complete_from", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_usage_horizons")),
        sqlite_with_rowid=False,
    )
    _move()
    op.drop_table("rollups_before")


def _sums() -> list[sa.Column[int] | sa.Column[bytes]]:
    numbers = (
        "requests",
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "reasoning_tokens",
        "cost_nano_usd",
        "errors",
        "estimated",
        "recovered",
        "unpriced",
    )
    histograms = ("durations", "first_bytes")
    return [
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in numbers),
        *(
            sa.Column(name, sa.LargeBinary(), server_default=NO_HISTOGRAM, nullable=False)
            for name in histograms
        ),
    ]


def _move() -> None:
    op.execute(
        "INSERT INTO series (key_id, model, status, operation, upstream) "
        "SELECT DISTINCT key_id, model, status, '', '' FROM rollups_before"
    )
    op.execute(
        f"INSERT INTO rollups (period, start, series_id, {_OLD}, reasoning_tokens, errors) "  # noqa: S608 -- constants
        f"SELECT r.period, r.start, s.id, {_OLD}, 0, {_ERRORS.replace('status', 'r.status')} "
        "FROM rollups_before r JOIN series s ON s.key_id = r.key_id AND s.model = r.model AND s.status = r.status"
    )
    op.execute(
        f"INSERT INTO overall (period, start, model, status, operation, upstream, {_OLD}, reasoning_tokens, errors) "  # noqa: S608
        f"SELECT period, start, model, status, '', '', {_SUMS}, 0, sum({_ERRORS}) "
        "FROM rollups_before GROUP BY period, start, model, status"
    )
    op.execute(
        f"INSERT INTO totals (period, start, {_OLD}, reasoning_tokens, errors) "  # noqa: S608 -- constants
        f"SELECT period, start, {_SUMS}, 0, sum(errors) FROM overall GROUP BY period, start"
    )
    for period, days in (("day", 1), ("six_days", 6)):
        op.execute(
            f"INSERT INTO key_sums (period, start, key_id, {', '.join(_RANKED)}) "  # noqa: S608 -- constants
            f"SELECT '{period}', start / {days * 86_400} * {days * 86_400}, key_id, "
            f"{', '.join(f'sum({name})' for name in _RANKED)} "
            "FROM rollups JOIN series ON id = series_id WHERE period = 'day' GROUP BY 2, 3"
        )
    # What was kept until now: minutes for 2 days, hours for 60.
    for period, days in (("minute", 2), ("hour", 60)):
        op.execute(
            "INSERT INTO usage_horizons (period, complete_from) "  # noqa: S608 -- constants
            f"SELECT '{period}', (CAST(strftime('%s', 'now') AS INTEGER) / 3600 + 1) * 3600 - {days} * 86400 "
            "WHERE EXISTS (SELECT 1 FROM rollups_before)"
        )
