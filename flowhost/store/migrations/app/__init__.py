"""Alembic migrations; run at start by `flowhost.store.migrate`."""
