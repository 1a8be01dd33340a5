"""More than one target for a model; what a provider may be asked at once."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add them."""
    with op.batch_alter_table("models") as table:
        table.add_column(sa.Column("targets", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_table(
        "upstream_rooms",
        sa.Column("upstream_id", sa.String(length=40), nullable=False),
        sa.Column("max_concurrency", sa.Integer(), nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upstream_id"],
            ["upstreams.id"],
            name=op.f("fk_upstream_rooms_upstream_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("upstream_id", name=op.f("pk_upstream_rooms")),
    )
