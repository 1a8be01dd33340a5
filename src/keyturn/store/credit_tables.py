"""The tables of credit. Times are integer milliseconds since 1970 UTC, money is integer nano-dollars."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from keyturn.store.tables import EMPTY, metadata

ledger = Table(
    "ledger",
    metadata,
    # Triggers of the revision that made it refuse to change or to delete a row.
    Column("account_id", String(40), ForeignKey("accounts.id"), primary_key=True),
    Column(
        "seq", BigInteger, primary_key=True, autoincrement=False
    ),  # from 1 for each account, without a gap
    Column("at", BigInteger, nullable=False),
    Column("month", String(7), nullable=False),  # 2026-11: the statement it is on
    Column("kind", String(12), nullable=False),  # domain.ledger.EntryKind
    Column("amount", BigInteger, nullable=False),  # negative: used or taken off
    Column("balance", BigInteger, nullable=False),  # behind this entry
    Column("grant_id", String(40), nullable=False, server_default=EMPTY),
    Column("requests", BigInteger, nullable=False, server_default="0"),
    Column("note", Text, nullable=False, server_default=EMPTY),
    Column("actor", Text, nullable=False, server_default=EMPTY),
    Column("reference", Text),  # what must not happen twice in an account
    # Nearly all entries are charges; a statement lists the others.
    Index("ix_ledger_other", "account_id", "month", "seq", sqlite_where=text("kind <> 'charge'")),
    Index(
        "ix_ledger_reference",
        "account_id",
        "reference",
        unique=True,
        sqlite_where=text("reference IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

grants = Table(
    "grants",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", String(40), ForeignKey("accounts.id"), nullable=False),
    Column("source", String(12), nullable=False),  # domain.ledger.Source
    Column("amount", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),  # NULL: never
    Column("note", Text, nullable=False, server_default=EMPTY),
    Index("ix_grants_account_id", "account_id", "id"),
    Index("ix_grants_open", "account_id", sqlite_where=text("remaining > 0")),
    Index(
        "ix_grants_expires_at",
        "expires_at",
        sqlite_where=text("remaining > 0 AND expires_at IS NOT NULL"),
    ),
)

monthly_usage = Table(
    "monthly_usage",
    metadata,
    # What was charged, by the months of the account's time zone: no rollup knows them.
    Column("account_id", String(40), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("key_id", String(40), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_nano_usd", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

codes = Table(
    "codes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the code
    Column("amount", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),  # of the code itself; NULL: never
    Column("credit_days", Integer),  # how long its credit lasts; NULL: until it is used
    Column("max_uses", Integer, nullable=False),  # by so many accounts, once each
    Column("uses", Integer, nullable=False),
    Column("note", Text, nullable=False, server_default=EMPTY),
    Column("display", Text, nullable=False),  # its first letters
    Index("ix_codes_created_at", "created_at"),
    sqlite_with_rowid=False,
)

redemptions = Table(
    "redemptions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("account_id", String(40), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("grant_id", String(40), nullable=False),
    sqlite_with_rowid=False,
)
