"""Owners, restrictions, rotation, audit, events."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what keys with a whole life need."""
    _add_tables()
    _add_key_columns()
    _add_other_columns()


def _add_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_target"), "audit", ["target"], unique=False)
    op.create_index("ix_audit_action", "audit", ["action", "at"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_key_id", "events", ["key_id", "id"], unique=False)
    op.create_index("ix_events_kind", "events", ["kind", "id"], unique=False)
    op.create_table(
        "foreign_shapes",
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("prefix", "length", name=op.f("pk_foreign_shapes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_idempotency_begun_at"), "idempotency", ["begun_at"], unique=False)
    op.create_table(
        "reminders",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "subject", name=op.f("pk_reminders")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "retiring_uses",
        sa.Column("secret_id", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("secret_id", "address", name=op.f("pk_retiring_uses")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("suspended_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("metadata", sa.Text(), server_default="{}", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_users_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index("ix_users_account_id", "users", ["account_id", "id"], unique=False)
    op.create_index("ix_users_email", "users", ["email"], unique=False)
    op.create_table(
        "members",
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_members_project_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id")),
        sa.PrimaryKeyConstraint("project_id", "user_id", name=op.f("pk_members")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"], unique=False)
    op.create_table(
        "claims",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("secret_id", sa.String(length=40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("claimed_from", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_claims_key_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_claims")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_claims_key_id"), "claims", ["key_id"], unique=False)


def _add_key_columns() -> None:
    op.add_column("keys", sa.Column("user_id", sa.String(length=40), nullable=True))
    op.add_column("keys", sa.Column("environment", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("keys", sa.Column("not_before", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("models", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("keys", sa.Column("endpoints", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("keys", sa.Column("ip", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("keys", sa.Column("origins", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("keys", sa.Column("locations", sa.Text(), nullable=True))
    op.add_column("keys", sa.Column("recoverable", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("keys", sa.Column("decoy", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("keys", sa.Column("delete_protected", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("keys", sa.Column("rotate_every_days", sa.Integer(), nullable=True))
    op.add_column("keys", sa.Column("overlap_hours", sa.Integer(), server_default="168", nullable=False))
    op.add_column("keys", sa.Column("next_rotation_at", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("self_rotation", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("keys", sa.Column("sealing_key", sa.LargeBinary(), nullable=True))
    op.add_column("keys", sa.Column("sink", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("keys", sa.Column("frozen_at", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("tags", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("keys", sa.Column("metadata", sa.Text(), server_default="{}", nullable=False))
    op.create_index(op.f("ix_keys_expires_at"), "keys", ["expires_at"], unique=False)
    op.create_index("ix_keys_name", "keys", ["name"], unique=False)
    op.create_index(op.f("ix_keys_next_rotation_at"), "keys", ["next_rotation_at"], unique=False)
    op.create_index("ix_keys_project_id", "keys", ["project_id", "id"], unique=False)
    op.create_index("ix_keys_user_id", "keys", ["user_id", "id"], unique=False)
    listing = ["deleted_at", "id", "project_id", "user_id", "kind", "environment", "enabled", "revoked_at"]
    listing += ["expires_at", "tags", "name", "description"]
    op.create_index("ix_keys_listing", "keys", listing, unique=False)


def _add_other_columns() -> None:
    op.add_column("accounts", sa.Column("suspended_at", sa.BigInteger(), nullable=True))
    op.add_column("accounts", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.add_column("accounts", sa.Column("metadata", sa.Text(), server_default="{}", nullable=False))
    op.add_column("accounts", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.add_column(
        "projects", sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("projects", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.add_column("projects", sa.Column("policy", sa.Text(), server_default="{}", nullable=False))
    op.add_column("projects", sa.Column("metadata", sa.Text(), server_default="{}", nullable=False))
    op.add_column("projects", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.create_index("ix_projects_account_id", "projects", ["account_id", "id"], unique=False)
    op.create_index("ix_request_blocks_last_id", "request_blocks", ["last_id"], unique=False)
    op.add_column("secrets", sa.Column("activated_at", sa.BigInteger(), nullable=True))
    op.add_column("secrets", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("secrets", sa.Column("revoked_at", sa.BigInteger(), nullable=True))
    op.add_column("secrets", sa.Column("last_used_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "secrets", sa.Column("last_address", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("secrets", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.create_index(op.f("ix_secrets_display"), "secrets", ["display"], unique=False)
    op.add_column("secrets", sa.Column("overlap_hours", sa.Integer(), nullable=True))
    op.create_index(
        "ix_secrets_expires_at", "secrets", ["expires_at"], sqlite_where=sa.text("expires_at IS NOT NULL")
    )
    op.create_index(
        "ix_secrets_pending", "secrets", ["created_at"], sqlite_where=sa.text("activated_at IS NULL")
    )
    # Secrets that were there before are their keys' only ones, and in use.
    op.execute("UPDATE secrets SET activated_at = created_at")
