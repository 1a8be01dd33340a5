"""The tables of how people sign in. Times are integer milliseconds since 1970 UTC; hashes are SHA-256."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from keyturn.store.tables import EMPTY, metadata

logins = Table(
    "logins",
    metadata,
    # What a user signs in with; a user without a row can't. Their role stands with them.
    Column("user_id", String(40), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(10), nullable=False),  # owner, admin, member, viewer
    Column("password_hash", Text, nullable=False, server_default=EMPTY),  # argon2id; empty: none was set
    Column("password_set_at", BigInteger),
    Column("totp_sealed", LargeBinary),  # the seed, sealed; NULL: none
    Column("totp_confirmed_at", BigInteger),  # from then on it is asked for
    Column(
        "totp_step", BigInteger, nullable=False, server_default="0"
    ),  # the last one used: none works twice
    Column("email_verified_at", BigInteger),
    Column("terms_accepted_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("last_sign_in_at", BigInteger),
    sqlite_with_rowid=False,
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("user_id", String(40), ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    sqlite_with_rowid=False,
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", LargeBinary, primary_key=True),  # as the authenticator gave it
    Column("user_id", String(40), ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),  # COSE
    Column("sign_count", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    sqlite_with_rowid=False,
)

identities = Table(
    "identities",
    metadata,
    # Who a user is at an OpenID provider.
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("user_id", String(40), ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("user_id", String(40), ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", String(32), nullable=False),  # what forms must carry
    Column("created_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("proved_at", BigInteger, nullable=False),  # when they last showed that it is them
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),  # as the browser calls itself, cut
    Index("ix_sessions_last_seen_at", "last_seen_at"),
)

links = Table(
    "links",
    metadata,
    # What works once and leads somebody in: setup, invitation, verification of an address, a new password.
    Column("token_hash", LargeBinary, primary_key=True),
    Column("purpose", String(20), nullable=False),  # setup, invite, invite by letter, verify, reset
    Column(
        "user_id", String(40), nullable=False, server_default=EMPTY
    ),  # whom it is for; empty: the node's first
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("created_by", Text, nullable=False),
    sqlite_with_rowid=False,
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    # By address and by whom they tried to be (a hash): how often in the window that began then.
    Column("subject", LargeBinary, primary_key=True),
    Column("began_at", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)

node_settings = Table(
    "node_settings",
    metadata,
    # Settings that were changed while the node runs; they stand above the file's.
    Column("path", Text, primary_key=True),  # such as ``auth.required``
    Column("value", Text, nullable=False),  # JSON
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    sqlite_with_rowid=False,
)
