"""The flow editor: a canvas of our own in plain ES modules, dialogs in Python."""

from flowhost.ui.editor.element import FlowEditor

__all__ = ["FlowEditor"]
