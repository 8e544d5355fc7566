"""A flow as plain data: its document, text form and lint."""
