"""The script that Alembic runs for each command, on a connection inside a transaction."""

from alembic import context

from fleet.migrations.run import full_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=full_metadata(),
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
