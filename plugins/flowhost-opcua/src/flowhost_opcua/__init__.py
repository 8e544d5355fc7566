"""OPC UA (IEC 62541) for FlowHost."""
