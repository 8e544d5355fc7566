"""Pages in the browser. They talk to `flowhost.services` alone; `install` puts them on an app."""

from flowhost.ui.install import install

__all__ = ["install"]
