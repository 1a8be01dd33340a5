"""The tables of what was used, summed up by the minute, the hour and the day (UTC)."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, Text, UniqueConstraint, text

from keyturn.store.tables import metadata

NO_HISTOGRAM = text("X''")


def _sums() -> list[Column[int] | Column[bytes]]:
    return [
        Column("requests", BigInteger, nullable=False),
        Column("input_tokens", BigInteger, nullable=False),
        Column("output_tokens", BigInteger, nullable=False),
        Column("cached_tokens", BigInteger, nullable=False),
        Column("reasoning_tokens", BigInteger, nullable=False),
        Column("cost_nano_usd", BigInteger, nullable=False),
        Column("errors", BigInteger, nullable=False),  # requests that neither ended well nor were left
        Column("estimated", BigInteger, nullable=False),  # requests whose figures nobody reported
        Column("recovered", BigInteger, nullable=False),  # requests settled at their reservation
        Column("unpriced", BigInteger, nullable=False),  # requests to models without a price
        # domain.latency: how long requests took, and how long until the upstream began to answer.
        Column("durations", LargeBinary, nullable=False, server_default=NO_HISTOGRAM),
        Column("first_bytes", LargeBinary, nullable=False, server_default=NO_HISTOGRAM),
    ]


series = Table(
    "series",
    metadata,
    # What requests have in common that are summed up together. A number stands for it in each of its rows.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("key_id", String(40), nullable=False),
    Column("model", Text, nullable=False),  # the name the client used
    Column("status", Integer, nullable=False),
    Column("operation", Text, nullable=False),
    Column("upstream", Text, nullable=False),
    UniqueConstraint("key_id", "model", "status", "operation", "upstream", name="uq_series"),
)

rollups = Table(
    "rollups",
    metadata,
    Column("period", String(6), primary_key=True),  # minute, hour, day
    Column("start", BigInteger, primary_key=True),  # seconds since 1970 UTC
    Column("series_id", BigInteger, primary_key=True),
    *_sums(),
    sqlite_with_rowid=False,
)

overall = Table(
    "overall",
    metadata,
    # The same sums over all keys: what the whole node did is read from some dozen rows an hour, however many keys.
    Column("period", String(6), primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("status", Integer, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("upstream", Text, primary_key=True),
    *_sums(),
    sqlite_with_rowid=False,
)

totals = Table(
    "totals",
    metadata,
    # The same sums over everything: a course of time over a month is read from one row an hour.
    Column("period", String(6), primary_key=True),
    Column("start", BigInteger, primary_key=True),
    *_sums(),
    sqlite_with_rowid=False,
)

key_sums = Table(
    "key_sums",
    metadata,
    # What keys are ranked by, and nothing else: ten of these rows at most make up a month of a key.
    Column("period", String(8), primary_key=True),  # day, six_days
    Column("start", BigInteger, primary_key=True),
    Column("key_id", String(40), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_nano_usd", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

owner_sums = Table(
    "owner_sums",
    metadata,
    # The same sums by the hour and the day for those whose the keys are, which neither change: 10,000 keys may have few owners.
    Column("period", String(6), primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("project_id", String(40), primary_key=True),  # empty: nobody knows the key
    Column("user_id", String(40), primary_key=True),  # empty: the key is nobody's own
    *_sums(),
    sqlite_with_rowid=False,
)

usage_horizons = Table(
    "usage_horizons",
    metadata,
    # From when on the sums of a period are all there: what was kept long enough before that is gone.
    Column("period", String(6), primary_key=True),
    Column("complete_from", BigInteger, nullable=False),  # seconds since 1970 UTC
    sqlite_with_rowid=False,
)
