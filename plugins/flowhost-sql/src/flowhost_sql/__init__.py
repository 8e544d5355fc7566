"""SQL databases for FlowHost: a connection to a database, and writing messages into a table."""
