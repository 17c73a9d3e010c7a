"""Arrays over the voxels of a species that read and write through.

In: a species in a box. Out: an ndarray of its concentrations: it follows the model, and what is assigned to its elements
reaches the model.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

__all__ = ["GridView"]


class GridView(np.ndarray):
    """Concentrations (nx, ny, nz); `view[...] = value` also sets them in the model. It does not keep the species alive."""

    _target: tuple[weakref.ref[Any], Any] | None

    @classmethod
    def of(cls, species: Any, region: Any) -> GridView:
        """The present concentrations, and those to come as long as somebody looks."""
        view = species.values(region).reshape(region.shape).view(cls)
        view._target = (weakref.ref(species), region)
        species.session.chemistry.views.append(weakref.ref(view))
        return view

    def __array_finalize__(self, source: Any) -> None:
        self._target = getattr(source, "_target", None) if source is not None and np.shares_memory(self, source) else None

    @property
    def target(self) -> tuple[Any, Any] | None:
        """The species, as long as it is there, and the region."""
        if self._target is None:
            return None
        species, region = self._target
        return None if (found := species()) is None else (found, region)

    def __setitem__(self, index: Any, value: Any) -> None:
        target = self.target
        if target is not None:
            target[0].values(target[1])
        super().__setitem__(index, value)
        if target is not None:
            target[0].touched(target[1])

    def __iadd__(self, other: Any) -> GridView:  # type: ignore[misc]
        self[...] = np.asarray(self) + other
        return self

    def __isub__(self, other: Any) -> GridView:  # type: ignore[override,misc]
        self[...] = np.asarray(self) - other
        return self

    def __imul__(self, other: Any) -> GridView:  # type: ignore[misc]
        self[...] = np.asarray(self) * other
        return self

    def __itruediv__(self, other: Any) -> GridView:  # type: ignore[override,misc]
        self[...] = np.asarray(self) / other
        return self
