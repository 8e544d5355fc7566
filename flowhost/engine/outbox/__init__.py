"""The outbox: messages, cursors, node state and dead letters on disk, in one SQLite file per worker slot."""
