"""How alembic runs here: inside the connection and the transaction that `schema.upgrade` gives it."""

from alembic import context

from workflow.store.schema import REVISION_TABLE
from workflow.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, version_table=REVISION_TABLE, transactional_ddl=False
)
context.run_migrations()
