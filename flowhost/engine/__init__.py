"""Runs one flow: compiles it to stages, moves batches, keeps the ledger."""
