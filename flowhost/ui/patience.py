"""How long the pages wait for the machine."""

RESPONSE_S = 30.0
"""A page may take so long to build: on a small or busy machine a late page is better than an error."""
