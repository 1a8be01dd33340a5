"""What was asked and answered, in projects that want it kept."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add where bodies are kept."""
    op.create_table(
        "request_bodies",
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_request_bodies")),
    )
