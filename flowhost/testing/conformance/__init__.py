"""The tests every connector has to pass, as classes to inherit: a vendor's test file is a few lines.

```python
class TestRead(SourceConformance):
    node_type = AcmeRead
    connection_type = AcmeDevice

    @pytest.fixture
    def connection_config(self, target): return {"host": target.proxy.host, "port": target.proxy.port}
```

Nodes are driven by the contract of `flowhost.sdk`, as the engine drives them, against a real target.
"""

from flowhost.testing.conformance.config import ConfigConformance
from flowhost.testing.conformance.connection import ConnectionConformance
from flowhost.testing.conformance.life import CANARY
from flowhost.testing.conformance.sink import SinkConformance
from flowhost.testing.conformance.source import SourceConformance
from flowhost.testing.conformance.target import ProxiedTarget, SinkTarget, SourceTarget
from flowhost.testing.conformance.transform import StatefulTransformConformance, TransformConformance

__all__ = [
    "CANARY",
    "ConfigConformance",
    "ConnectionConformance",
    "ProxiedTarget",
    "SinkConformance",
    "SinkTarget",
    "SourceConformance",
    "SourceTarget",
    "StatefulTransformConformance",
    "TransformConformance",
]
