"""Arrays over the voxels of a species that write through.

In: a species in a box. Out: an ndarray of its concentrations; assignments to its elements reach the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["GridView"]


class GridView(np.ndarray):
    """Concentrations (nx, ny, nz); `view[...] = value` also sets them in the model."""

    _target: tuple[Any, Any] | None

    @classmethod
    def of(cls, species: Any, region: Any) -> GridView:
        """The present concentrations."""
        view = species.values(region).reshape(region.shape).view(cls)
        view._target = (species, region)
        return view

    def __array_finalize__(self, source: Any) -> None:
        self._target = getattr(source, "_target", None) if source is not None and np.shares_memory(self, source) else None

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._target is not None:
            species, region = self._target
            species.values(region)
            super().__setitem__(index, value)
            species.touched(region)
        else:
            super().__setitem__(index, value)
