"""An index of the events that nobody has acknowledged: they are counted for every page of the dashboard."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add it."""
    op.create_index(
        "ix_events_open",
        "events",
        ["kind", "account_id", "project_id"],
        unique=False,
        sqlite_where=sa.text("acknowledged_at IS NULL"),
    )
