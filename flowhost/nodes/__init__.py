"""Built-in node types, written against the sdk alone and found through the same entry point as any plugin."""
