"""`neuron.gui2`: NEURON's pictures for notebooks; here `PlotShape(False).plot(plotly)` and matplotlib make them."""

from __future__ import annotations

__all__ = ["set_backend"]


def set_backend(backend: str) -> None:
    """Nothing: pictures are drawn by the library that is given to `plot`."""
