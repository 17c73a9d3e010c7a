"""FUNCTION_TABLEs of mod files: what scripts put into them.

In: numbers as NEURON's `table_name` takes them. Out: a function of expressions or of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy

from geometry.records import dataclass
from rxd.declare.tables import interpolated
from rxd.nmodl.syntax import NmodlError

__all__ = ["FunctionTable"]


@dataclass(frozen=True, slots=True, eq=False)
class FunctionTable:
    """Values on a grid, linear between its points and flat beyond; without a grid one value everywhere.

    Attributes
    ----------
    values : ndarray, shape (len(grids[0]), ...) or ()
    grids : tuple of ndarray
        Increasing.

    Raises
    ------
    NmodlError
        If sizes differ, or a grid does not increase.
    """

    values: np.ndarray
    grids: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        shape = tuple(len(grid) for grid in self.grids)
        if self.values.shape != shape or any(size < 2 for size in shape):
            raise NmodlError(
                f"a FUNCTION_TABLE of {self.values.shape} values cannot be on a grid of {shape} points, 2 or more."
            )
        if any(np.any(np.diff(grid) <= 0) for grid in self.grids):
            raise NmodlError("the points of a FUNCTION_TABLE increase.")

    def check(self, name: str, count: int) -> None:
        """Refuse a table for another number of arguments."""
        if self.grids and len(self.grids) != count:
            raise NmodlError(f"{name} has {count} arguments; this is a table of {len(self.grids)}.")

    def symbolic(self, arguments: Sequence[Any]) -> Any:
        """An expression."""
        return interpolated(arguments, self.grids, self.values) if self.grids else sympy.Float(float(self.values))

    def number(self, arguments: Sequence[float]) -> float:
        """A number."""
        block = self.values
        for x, grid in zip(arguments if self.grids else (), self.grids, strict=True):
            k = int(np.clip(np.searchsorted(grid, x, side="right") - 1, 0, len(grid) - 2))
            weight = min(max((x - grid[k]) / (grid[k + 1] - grid[k]), 0.0), 1.0)
            block = block[k] + weight * (block[k + 1] - block[k])
        return float(block)
