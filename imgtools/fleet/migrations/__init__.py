"""The steps by which a fleet's database came to be as it is: Alembic runs those that it has not had yet."""
