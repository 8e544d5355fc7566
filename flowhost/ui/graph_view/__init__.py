"""The picture of a flow: laid out and described here, drawn by the ES modules beside this file."""

from flowhost.ui.graph_view.element import GraphView
from flowhost.ui.graph_view.figures import figures_text
from flowhost.ui.graph_view.picture import describe

__all__ = ["GraphView", "describe", "figures_text"]
