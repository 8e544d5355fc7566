"""Files for FlowHost."""
