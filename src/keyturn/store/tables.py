"""The tables. Times are integer milliseconds since 1970 UTC, money is integer nano-dollars."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

EMPTY = text("''")

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
    Column("suspended_at", BigInteger),  # its keys are refused from then on
    Column("deleted_at", BigInteger),  # only when nothing in it lives; the row stays for its usage
    Column("metadata", Text, nullable=False, server_default="{}"),  # a JSON object of strings
    Column("version", Integer, nullable=False, server_default="1"),
    Column("limits", Text, nullable=False, server_default="[]"),  # domain.limits as JSON
    Column("plan_id", String(40), index=True),
    Column("time_zone", Text, nullable=False, server_default="UTC"),  # where its days and months begin
    Column("prepaid", Boolean, nullable=False, server_default="0"),  # without credit nothing is served
    Column("trial_ends_at", BigInteger),
)

plans = Table(
    "plans",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),  # unique while not deleted
    Column("description", Text, nullable=False, server_default=EMPTY),
    Column("tier", Integer, nullable=False, server_default="0"),  # a higher one is a better one
    Column("limits", Text, nullable=False, server_default="[]"),  # counted for each account that has the plan
    Column("prepaid", Boolean, nullable=False, server_default="0"),
    Column(
        "trial_nano_usd", BigInteger, nullable=False, server_default="0"
    ),  # granted once, to a new account
    Column("trial_days", Integer),  # how long that lasts; NULL: until it is used
    Column(
        "monthly_nano_usd", BigInteger, nullable=False, server_default="0"
    ),  # granted each month, for the month
    Column("created_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Column("metadata", Text, nullable=False, server_default="{}"),
    Column("version", Integer, nullable=False, server_default="1"),
)

projects = Table(
    "projects",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", String(40), ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("description", Text, nullable=False, server_default=EMPTY),
    Column("deleted_at", BigInteger),
    Column("policy", Text, nullable=False, server_default="{}"),  # domain.policies.ProjectPolicy as JSON
    Column("metadata", Text, nullable=False, server_default="{}"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("limits", Text, nullable=False, server_default="[]"),
    Index("ix_projects_account_id", "account_id", "id"),
)

users = Table(
    "users",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", String(40), ForeignKey("accounts.id"), nullable=False),
    Column("email", Text, nullable=False),  # in lower case; unique within an account while not deleted
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("suspended_at", BigInteger),  # their personal keys are refused from then on
    Column("deleted_at", BigInteger),
    Column("metadata", Text, nullable=False, server_default="{}"),
    Column("version", Integer, nullable=False, server_default="1"),
    Index("ix_users_account_id", "account_id", "id"),
    Index("ix_users_email", "email"),
)

members = Table(
    "members",
    metadata,
    Column("project_id", String(40), ForeignKey("projects.id"), primary_key=True),
    Column("user_id", String(40), ForeignKey("users.id"), primary_key=True, index=True),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
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
    Column("expires_at", BigInteger, index=True),
    Column("deleted_at", BigInteger),  # the row stays, so that its usage keeps a name
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("user_id", String(40)),  # a personal key's holder; NULL for a service key
    Column("environment", Text, nullable=False, server_default=EMPTY),
    Column("not_before", BigInteger),
    Column("models", Text, nullable=False, server_default=EMPTY),  # space-separated patterns; empty: all
    Column("endpoints", Text, nullable=False, server_default=EMPTY),
    Column("ip", Text, nullable=False, server_default=EMPTY),  # networks in CIDR notation
    Column("origins", Text, nullable=False, server_default=EMPTY),
    Column("locations", Text),  # space-separated; NULL: the project's policy
    Column("recoverable", Boolean, nullable=False, server_default="0"),
    Column("decoy", Boolean, nullable=False, server_default="0"),
    Column("delete_protected", Boolean, nullable=False, server_default="0"),
    Column("rotate_every_days", Integer),  # NULL: only when asked
    Column("overlap_hours", Integer, nullable=False, server_default="168"),
    Column("next_rotation_at", BigInteger, index=True),
    Column("self_rotation", Boolean, nullable=False, server_default="0"),  # the holder may rotate it
    Column("sealing_key", LargeBinary),  # an X25519 public key: successors are returned sealed to it
    Column("sink", Text, nullable=False, server_default=EMPTY),  # a file that successors are written to
    Column("frozen_at", BigInteger),  # somebody else seems to have the secret; refused until it is enabled
    Column("tags", Text, nullable=False, server_default=EMPTY),  # space-separated, sorted
    Column("metadata", Text, nullable=False, server_default="{}"),
    Column("limits", Text, nullable=False, server_default="[]"),
    Column("case_id", String(40), nullable=False, server_default=EMPTY),  # the event it was frozen for
    Index("ix_keys_project_id", "project_id", "id"),
    Index("ix_keys_user_id", "user_id", "id"),
    Index("ix_keys_name", "name"),
    # Few are disabled, and those are what is looked for.
    Index(
        "ix_keys_disabled",
        "deleted_at",
        "enabled",
        "id",
        "revoked_at",
        "expires_at",
        sqlite_where=text("enabled IS 0"),
    ),
    # All that lists are narrowed by, and no texts: those are found by ``key_texts``, and would make it three times as long.
    Index(
        "ix_keys_listing",
        "deleted_at",
        "id",
        "enabled",
        "revoked_at",
        "expires_at",
        "kind",
        "environment",
        "project_id",
        "user_id",
        "tags",
    ),
)

SEARCHED = ("key_texts", "key_terms")
"""Virtual tables: the letters of names and descriptions, three by three, of the keys by their numbers. Triggers keep them."""

key_numbers = Table(
    "key_numbers",
    metadata,
    Column("number", Integer, primary_key=True),  # keys have rows whose numbers SQLite may change
    Column("key_id", String(40), nullable=False, unique=True),
)

secrets = Table(
    "secrets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key_id", String(40), ForeignKey("keys.id"), nullable=False, index=True),
    Column("verifier", LargeBinary, nullable=False, unique=True),
    Column("binding", LargeBinary, nullable=False),
    Column("pepper_id", String(40), nullable=False),
    Column("display", Text, nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("activated_at", BigInteger),  # first use, or creation for a key's first secret; NULL: pending
    Column("expires_at", BigInteger),  # end of its overlap; NULL: with the key
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("last_address", Text, nullable=False, server_default=EMPTY),
    Column("sealed", LargeBinary),  # the text itself, of a recoverable key
    Column("overlap_hours", Integer),  # of those before it, from its first use; NULL: as the key says
    # The scheduler asks for these every minute; nearly all secrets are neither.
    Index("ix_secrets_expires_at", "expires_at", sqlite_where=text("expires_at IS NOT NULL")),
    Index("ix_secrets_pending", "created_at", sqlite_where=text("activated_at IS NULL")),
)

retiring_uses = Table(
    "retiring_uses",
    metadata,
    # From where secrets in their overlap are still used.
    Column("secret_id", String(40), primary_key=True),
    Column("address", String(45), primary_key=True),
    Column("last_used_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

claims = Table(
    "claims",
    metadata,
    # Secrets that wait to be taken over by whoever has the link, once.
    Column("token_hash", LargeBinary, primary_key=True),  # SHA-256
    Column("key_id", String(40), ForeignKey("keys.id"), nullable=False, index=True),
    Column("secret_id", String(40), nullable=False),
    Column("sealed", LargeBinary),  # NULL once it was claimed or ran out
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("claimed_at", BigInteger),
    Column("claimed_from", Text, nullable=False, server_default=EMPTY),
    sqlite_with_rowid=False,
)

reminders = Table(
    "reminders",
    metadata,
    # What has been said, so that it is said once.
    Column("key_id", String(40), primary_key=True),
    Column("subject", Text, primary_key=True),  # such as ``rotation 7 2026-11-20``
    Column("sent_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

foreign_shapes = Table(
    "foreign_shapes",
    metadata,
    # What imported secrets look like: only such texts are looked up beside our own.
    Column("prefix", Text, primary_key=True),
    Column("length", Integer, primary_key=True),
    sqlite_with_rowid=False,
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("id", LargeBinary, primary_key=True),  # SHA-256 over who asked, the path and the key they chose
    Column("fingerprint", LargeBinary, nullable=False),  # SHA-256 of the request's body
    Column("begun_at", BigInteger, nullable=False, index=True),
    Column("run", Text, nullable=False),  # the control process that began it
    Column("changed_at", BigInteger),  # when it first changed something; set in the transaction of the change
    Column("sealed", LargeBinary),  # status, headers and body; NULL while it is being worked on
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),  # from 1, without a gap
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),  # operator, scheduler, or the identifier of a key or user
    Column("address", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("action", Text, nullable=False),  # noun.verb: key.create, account.suspend
    Column("target", Text, nullable=False, index=True),  # an identifier
    Column("before", Text, nullable=False),  # canonical JSON; secrets as fingerprints
    Column("after", Text, nullable=False),
    Column("previous", LargeBinary, nullable=False),  # the hash of the entry before; 32 zeros for the first
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_action", "action", "at"),
)

events = Table(
    "events",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(60), nullable=False),
    Column("severity", String(10), nullable=False),  # info, warning, critical
    Column("account_id", String(40), nullable=False),
    Column("project_id", String(40), nullable=False),
    Column("key_id", String(40), nullable=False),
    Column("address", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("details", Text, nullable=False),  # a JSON object of strings
    Column("acknowledged_at", BigInteger),  # somebody has seen to it
    Column("acknowledged_by", Text, nullable=False, server_default=EMPTY),
    Index("ix_events_key_id", "key_id", "id"),
    Index("ix_events_kind", "kind", "id"),
    Index("ix_events_open", "kind", "account_id", "project_id", sqlite_where=text("acknowledged_at IS NULL")),
)

upstreams = Table(
    "upstreams",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("base_url", Text, nullable=False),
    Column("sealed_credential", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    Column("provider", String(40), nullable=False, server_default=text("'compatible'")),
    Column("further_credentials", LargeBinary),  # a MessagePack array of sealed values
)

models = Table(
    "models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("upstream", Text, ForeignKey("upstreams.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("upstream_model", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column(
        "targets", Text, nullable=False, server_default=EMPTY
    ),  # all as JSON; empty: the one above, without terms
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

request_blocks = Table(
    "request_blocks",
    metadata,
    # Requests that have ended or were refused, dozens to a row: a row each would cost four times the CPU. A block
    # holds requests of one ``store.requests.stretch`` only, so that the one with a given identifier is found in a
    # short range.
    Column("first_id", String(40), primary_key=True),  # the least request_id inside
    Column("last_id", String(40), primary_key=True),  # the greatest
    Column(
        "records", LargeBinary, nullable=False
    ),  # a MessagePack array of domain.journal.Served and Refused
    Index("ix_request_blocks_last_id", "last_id"),  # newest first, and what is old enough to go
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
