"""Guards around every test: the same that FlowHost ships for authors of plugins; packages are in pyproject.toml."""

pytest_plugins = ["flowhost.testing.pytest_plugin", "servers.postgres", "servers.volume"]
