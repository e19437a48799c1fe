"""What Alembic runs to bring a database up to date; :func:`imgtools.fleet.database.upgrade` gives it a connection."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
