"""What lists of keys are searched by: the letters of names and descriptions, three by three, and whether one is disabled."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_LISTING = [
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
]
# A text ends with two line breaks, so that its last letters begin a triple as well.
_FILL = """
INSERT INTO key_texts (rowid, text)
SELECT number, name || char(10) || description || char(10) || char(10)
FROM keys JOIN key_numbers ON key_numbers.key_id = keys.id ORDER BY number
"""
_ADDED = """
CREATE TRIGGER key_texts_added AFTER INSERT ON keys BEGIN
  INSERT INTO key_numbers (key_id) VALUES (new.id);
  INSERT INTO key_texts (rowid, text)
  SELECT number, new.name || char(10) || new.description || char(10) || char(10)
  FROM key_numbers WHERE key_id = new.id;
END
"""
_CHANGED = """
CREATE TRIGGER key_texts_changed AFTER UPDATE OF name, description ON keys BEGIN
  INSERT INTO key_texts (key_texts, rowid, text)
  SELECT 'delete', number, old.name || char(10) || old.description || char(10) || char(10)
  FROM key_numbers WHERE key_id = old.id;
  INSERT INTO key_texts (rowid, text)
  SELECT number, new.name || char(10) || new.description || char(10) || char(10)
  FROM key_numbers WHERE key_id = new.id;
END
"""
_REMOVED = """
CREATE TRIGGER key_texts_removed AFTER DELETE ON keys BEGIN
  INSERT INTO key_texts (key_texts, rowid, text)
  SELECT 'delete', number, old.name || char(10) || old.description || char(10) || char(10)
  FROM key_numbers WHERE key_id = old.id;
  DELETE FROM key_numbers WHERE key_id = old.id;
END
"""


def upgrade() -> None:
    """Add the index of texts and what keeps it up to date."""
    op.create_table(
        "key_numbers",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_key_numbers")),
        sa.UniqueConstraint("key_id", name=op.f("uq_key_numbers_key_id")),
    )
    op.drop_index("ix_keys_listing", table_name="keys")
    op.create_index("ix_keys_listing", "keys", _LISTING, unique=False)
    op.create_index(
        "ix_keys_disabled",
        "keys",
        ["deleted_at", "enabled", "id", "revoked_at", "expires_at"],
        unique=False,
        sqlite_where=sa.text("enabled IS 0"),
    )
    op.execute("CREATE VIRTUAL TABLE key_texts USING fts5(text, content = '', tokenize = 'trigram')")
    op.execute("CREATE VIRTUAL TABLE key_terms USING fts5vocab(key_texts, row)")
    op.execute("INSERT INTO key_numbers (key_id) SELECT id FROM keys ORDER BY id")
    for statement in (_FILL, _ADDED, _CHANGED, _REMOVED):
        op.execute(statement)
