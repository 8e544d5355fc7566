"""A bottling line that does not exist: its values over OPC UA, Modbus TCP and MQTT, for demo, gallery and tests.

`python -m flowhost_sim` runs it; `flowhost_sim.program.SimProgram` runs it inside another program;
`flowhost_sim.line.Line` is the process alone, without a server.
"""

__version__ = "0.1.0"
