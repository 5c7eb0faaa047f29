"""Alembic runs inside the upgrade's own transaction and connection."""

from alembic import context

connection = context.config.attributes["connection"]
if connection is not None:
    context.configure(connection=connection, version_table_schema="app", transactional_ddl=False)
    connection.exec_driver_sql("set local lock_timeout = '10s'")
    context.run_migrations()
