"""Prices that hold from a day on: the figures that stood on models become prices of the operator."""

import sqlalchemy as sa
from alembic import op

from keyturn import system
from keyturn.domain import ids

revision = "0005"
down_revision = "0004"

_PRICED = """
SELECT name, input_nano_usd, output_nano_usd, cached_input_nano_usd, created_at FROM models
WHERE input_nano_usd IS NOT NULL AND output_nano_usd IS NOT NULL
    AND NOT (upstream = 'demo' AND (input_nano_usd, output_nano_usd, ifnull(cached_input_nano_usd, -1))
        IN (VALUES (150000000, 600000000, -1), (150000000, 600000000, 75000000), (20000000, 0, -1)))
ORDER BY name
"""
"""What operators have said; the demo's own prices are in the table of shipped ones."""


def upgrade() -> None:
    """Add the table, fill it, and drop the columns."""
    op.create_table(
        "prices",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.BigInteger(), nullable=False),
        sa.Column("priced", sa.Boolean(), nullable=False),
        sa.Column("input_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("output_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("cache_write_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("reasoning_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("image_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("second_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("million_characters_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_prices")),
        sa.UniqueConstraint("id", name=op.f("uq_prices_id")),
    )
    op.create_index("ix_prices_model", "prices", ["model", "seq"], unique=False)
    connection = op.get_bind()
    stored = connection.execute(sa.text(_PRICED)).all()
    for model in stored:
        connection.execute(
            sa.text(
                "INSERT INTO prices (id, model, effective_from, priced, input_nano_usd, output_nano_usd,"
                " cached_input_nano_usd, image_nano_usd, second_nano_usd, million_characters_nano_usd, note,"
                " created_at, created_by) VALUES (:id, :name, :created_at, 1, :input_nano_usd, :output_nano_usd,"
                " :cached_input_nano_usd, 0, 0, 0, '', :created_at, 'upgrade')"
            ),
            {"id": system.new_id(ids.PRICE), **model._asdict()},
        )
    for column in ("input_nano_usd", "output_nano_usd", "cached_input_nano_usd"):
        op.drop_column("models", column)
