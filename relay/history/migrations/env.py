"""What alembic runs: the migrations, over the connection that the relay has opened."""

from __future__ import annotations

from alembic import context

from relay.history.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
