"""No hook at all."""

ANSWER = 42
