"""Servers that tests of several packages, and the benchmarks, start as programs of their own."""
