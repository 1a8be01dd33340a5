"""Run by Alembic for every command: works on the connection it was given."""

from alembic import context

from keyturn.store import (  # noqa: F401 -- add their tables
    alert_tables,
    attempt_tables,
    body_tables,
    credit_tables,
    holder_tables,
    people_tables,
    price_tables,
    routing_tables,
    usage_tables,
)
from keyturn.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
