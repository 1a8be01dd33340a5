"""Usage summed up by whose the keys are."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_COUNTS = (
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
_HISTOGRAMS = ("durations", "first_bytes")


def upgrade() -> None:
    """Add the table, and sum up what is kept."""
    op.create_table(
        "owner_sums",
        sa.Column("period", sa.String(length=6), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        *(
            sa.Column(name, sa.LargeBinary(), server_default=sa.text("X''"), nullable=False)
            for name in _HISTOGRAMS
        ),
        sa.PrimaryKeyConstraint("period", "start", "project_id", "user_id", name=op.f("pk_owner_sums")),
        sqlite_with_rowid=False,
    )
    counts = ", ".join(f"sum(r.{name})" for name in _COUNTS)
    # Histograms are added up by standing one behind the other; this makes them short.
    histograms = ", ".join(
        f"combine_histograms(CAST(group_concat(CAST(r.{name} AS TEXT), '') AS BLOB), X'')"
        for name in _HISTOGRAMS
    )
    insert = sa.text(
        f"INSERT INTO owner_sums (period, start, project_id, user_id, {', '.join((*_COUNTS, *_HISTOGRAMS))}) "  # noqa: S608 -- constants
        f"SELECT r.period, r.start, coalesce(k.project_id, ''), coalesce(k.user_id, ''), {counts}, {histograms} "
        "FROM rollups r JOIN series s ON s.id = r.series_id LEFT JOIN keys k ON k.id = s.key_id "
        "WHERE r.period = :period AND r.start = :start GROUP BY 1, 2, 3, 4"
    )
    # One at a time: all at once would be sorted in memory.
    connection = op.get_bind()
    kept = connection.execute(
        sa.text("SELECT period, start FROM totals WHERE period IN ('hour', 'day')")
    ).all()
    for period, start in kept:
        connection.execute(insert, {"period": period, "start": start})
