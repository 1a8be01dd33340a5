"""Run by Alembic for every command: works on the connection it was given."""

from alembic import context

from keyturn.store.alert_tables import alert_rules

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=alert_rules.metadata,
    render_as_batch=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
