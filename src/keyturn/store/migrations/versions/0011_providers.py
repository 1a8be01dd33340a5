"""Who an upstream's provider is, and further credentials to take turns with the first."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add both; upstreams that are there go on as servers that speak the OpenAI API, or as OpenAI itself."""
    with op.batch_alter_table("upstreams") as table:
        table.add_column(
            sa.Column("provider", sa.String(length=40), nullable=False, server_default="compatible")
        )
        table.add_column(sa.Column("further_credentials", sa.LargeBinary(), nullable=True))
    op.execute("UPDATE upstreams SET provider = 'openai' WHERE base_url = 'https://api.openai.com/v1'")
