"""What a device may answer instead of values, in words (Modbus Application Protocol V1.1b3, 7)."""

from __future__ import annotations

from flowhost.sdk import NodeError, TemporaryError

ILLEGAL_ADDRESS = 2

EXCEPTIONS: dict[int, tuple[str, str]] = {
    1: ("illegal function", "the device does not offer this table: check `table` in its manual"),
    2: ("illegal data address", "no such address in this table: addresses count from zero, check `address` and `type`"),
    3: ("illegal data value", "the device refuses this many at once: lower `max_registers` or `max_bits`"),
    4: ("device failure", "the device failed while answering: look at its own diagnosis"),
    5: ("acknowledge", "the device has begun something long: it answers later"),
    6: ("device busy", "the device is busy: it is asked again at the next scan"),
    7: ("negative acknowledge", "the device cannot do this now: check its mode"),
    8: ("memory parity error", "the device finds its memory damaged: have it checked"),
    10: ("gateway path unavailable", "the gateway is misconfigured or overloaded: check its route to this unit"),
    11: ("gateway target did not respond", "the device behind the gateway is silent: check unit id, power and wiring"),
}
"""Name and next step by exception code."""

INPUT_REFERENCES = range(30_001, 40_000)
HOLDING_REFERENCES = range(40_001, 50_000)


class RefusedError(NodeError):
    """The device answered, but refused.

    Args:
        code: exception code, 1 to 11.
        place: table and address that were asked for.
        address: first address asked for.
    """

    def __init__(self, code: int, place: str, address: int = 0) -> None:
        name, step = EXCEPTIONS.get(code, ("unknown exception", "see the device's manual"))
        super().__init__(f"{place}: {name} (exception {code}); {step}{_reference_hint(code, address)}")
        self.code = code


class WrongAnswerError(NodeError):
    """The device answered with fewer values than it was asked for."""


class SilentError(TemporaryError):
    """No answer in time: the unit is off, unreachable or has another id."""


def _reference_hint(code: int, address: int) -> str:
    """Manuals often print 40101 for the holding register with protocol address 100."""
    if code != ILLEGAL_ADDRESS or not (address in INPUT_REFERENCES or address in HOLDING_REFERENCES):
        return ""
    table = "holding" if address in HOLDING_REFERENCES else "input"
    protocol = address % 10_000 - 1
    return f"; if {address} is a reference number of the manual, write `table: {table}`, `address: {protocol}`"
