"""Alembic's entry for `app.db`; the connection comes from `flowhost.store.migrate`."""

from alembic import context

from flowhost.store.app_tables import AppTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=AppTable.metadata,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
