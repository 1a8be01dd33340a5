"""The tables. Times are integer milliseconds since 1970 UTC, money is integer nano-dollars."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", String(40), ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project_id", String(40), ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("kind", String(20), nullable=False),
    Column("preset", String(20), nullable=False),
    Column("permissions", Text, nullable=False),  # space-separated, sorted
    Column("enabled", Boolean, nullable=False),
    Column("revoked_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("deleted_at", BigInteger),  # the row stays, so that its usage keeps a name
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("version", Integer, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key_id", String(40), ForeignKey("keys.id"), nullable=False, index=True),
    Column("verifier", LargeBinary, nullable=False, unique=True),
    Column("binding", LargeBinary, nullable=False),
    Column("pepper_id", String(40), nullable=False),
    Column("display", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

upstreams = Table(
    "upstreams",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("base_url", Text, nullable=False),
    Column("sealed_credential", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("upstream", Text, ForeignKey("upstreams.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("upstream_model", Text, nullable=False),
    Column("input_nano_usd", BigInteger),  # per million tokens; both or neither
    Column("output_nano_usd", BigInteger),
    Column("cached_input_nano_usd", BigInteger),
    Column("created_at", BigInteger, nullable=False),
)

key_usage = Table(
    "key_usage",
    metadata,
    Column("key_id", String(40), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_nano_usd", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("last_address", Text, nullable=False),
    Column("seen_in_url", Boolean, nullable=False),
)

rollups = Table(
    "rollups",
    metadata,
    Column("period", String(6), primary_key=True),  # minute, hour, day (UTC)
    Column("start", BigInteger, primary_key=True),  # seconds since 1970 UTC
    Column("key_id", String(40), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("status", Integer, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cost_nano_usd", BigInteger, nullable=False),
    Column("estimated", BigInteger, nullable=False),  # requests whose figures nobody reported
    Column("recovered", BigInteger, nullable=False),  # requests settled at their reservation
    Column("unpriced", BigInteger, nullable=False),  # requests to models without a price
    sqlite_with_rowid=False,
)

request_blocks = Table(
    "request_blocks",
    metadata,
    # Requests that have ended, dozens to a row: a row each would cost four times the CPU. A block holds
    # requests of one ``store.requests.stretch`` only, so that the one with a given identifier is found in a short range.
    Column("first_id", String(40), primary_key=True),  # the least request_id inside
    Column("last_id", String(40), primary_key=True),  # the greatest
    Column("records", LargeBinary, nullable=False),  # a MessagePack array of domain.journal.Served
    sqlite_with_rowid=False,
)

admissions = Table(
    "admissions",
    metadata,
    Column("request_id", String(40), primary_key=True),
    Column("journal", Text, nullable=False, index=True),  # the worker's name: its files share the stem
    Column("record", LargeBinary, nullable=False),  # domain.journal.Admitted as MessagePack
    sqlite_with_rowid=False,
)

journals = Table(
    "journals",
    metadata,
    Column("name", Text, primary_key=True),  # file name
    Column("position", BigInteger, nullable=False),  # bytes ingested
    Column("finished", Boolean, nullable=False),  # everything is in: the file may go
)

milestones = Table(
    "milestones",
    metadata,
    Column("name", String(40), primary_key=True),  # what happens once in the life of a database
    Column("reached_at", BigInteger, nullable=False),
)
