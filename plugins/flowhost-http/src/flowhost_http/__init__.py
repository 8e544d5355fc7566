"""HTTP for FlowHost."""
