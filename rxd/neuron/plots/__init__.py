"""Pictures: RangeVarPlot, PlotShape, Graph.

In: sections and variables. Out: data, and drawings on matplotlib or plotly; NEURON's own windows are not there.
"""

from __future__ import annotations

from rxd.neuron.plots.graph import Graph
from rxd.neuron.plots.profile import RangeVarPlot
from rxd.neuron.plots.shape import PlotShape

__all__ = ["PLOT_CLASSES", "Graph", "PlotShape", "RangeVarPlot"]

PLOT_CLASSES = (Graph, PlotShape, RangeVarPlot)
