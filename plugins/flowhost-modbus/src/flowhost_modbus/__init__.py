"""Modbus for FlowHost: a connection to a device or gateway, and polling by a tag table."""
