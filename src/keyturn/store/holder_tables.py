"""The table of whoever has signed in with a key alone."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, String, Table

from keyturn.store.tables import metadata

holder_sessions = Table(
    "holder_sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("key_id", String(40), ForeignKey("keys.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("secret_id", String(40), nullable=False),  # the one that was shown: the session ends with it
    Column("csrf", String(32), nullable=False),  # what forms must carry
    Column("created_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)
