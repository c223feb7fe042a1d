"""What alembic runs: the connection and its transaction are the caller's."""

from alembic import context

from plugin.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
