"""Every spoilt class of `faults.py` in the kit's hands; run beside the connector it spoils."""

import faults
import pytest
from test_conformance import OnDevice, TestDevice, TestRead, TestScale, TestWrite

from flowhost.testing.conformance import StatefulTransformConformance, TransformConformance

KITS = [
    (faults.AcmeRead, TestRead, "node_type"),
    (faults.AcmeWrite, TestWrite, "node_type"),
    (faults.AcmeDevice, TestDevice, "connection_type"),
    (faults.AcmeScale, TestScale, "node_type"),
    (faults.Tally, StatefulTransformConformance, "node_type"),
    (faults.Totals, TransformConformance, "node_type"),
]


class WithoutPoison:
    @pytest.fixture
    def poison(self):
        return None


for name, spoilt in vars(faults).copy().items():
    if not isinstance(spoilt, type) or not hasattr(spoilt, "FOUND_BY"):
        continue
    spoilt.__doc__ = spoilt.__doc__ or "Spoilt."
    kit, attribute = next((kit, attribute) for base, kit, attribute in KITS if issubclass(spoilt, base))
    parts = {attribute: spoilt, "repeats": getattr(spoilt, "REPEATS", False), "patience_s": 4}
    if hasattr(spoilt, "LISTS"):
        parts["lists"] = spoilt.LISTS
    bases = (kit,) if getattr(spoilt, "POISON", True) else (WithoutPoison, kit)
    globals()[f"Test{name}"] = type(f"Test{name}", bases, parts)

# the sound ones have a run of their own
del TestDevice, TestRead, TestScale, TestWrite, OnDevice
