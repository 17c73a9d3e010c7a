"""Exchange in boxes whose volume fraction or permeability is part of the state: what it adds to that of the box as it was made.

In: graphs that say where in the state both properties are. Out: rates, and their derivatives, for what these are now. Between
two voxels ``alpha / lambda^2`` counts as ``2 a b / (a + b)`` of their volume fractions times the permeability of the higher
one, as in NEURON; exchange of the box as it was made, with a permeability of 1, is in the constant part of the Jacobian.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from rxd.discretize.records import Discretization

__all__ = ["ENTRIES", "TissueEdges", "tissue_edges"]

ENTRIES: Final = 10
"""Derivatives of an edge: both rates by both concentrations, both volume fractions and the permeability."""


class _Now(NamedTuple):
    """Edges as they are: conductance, its derivatives by volume fractions and permeability, growth of both volumes."""

    conductance: np.ndarray
    by_fraction: np.ndarray
    by_permeability: np.ndarray
    grown: np.ndarray


class TissueEdges(NamedTuple):
    """Edges between voxels of boxes that change.

    Attributes
    ----------
    ends : ndarray of int, shape (2, m)
        State positions of both voxels, the lower one first.
    was : ndarray, shape (m,), um3/ms
        Conductance of the box as it was made, with a permeability of 1.
    per_volume : ndarray, shape (2, m), 1/um3
        One over the volumes of both as they were.
    fraction : ndarray of int, shape (2, m)
        Where in the state the volume fractions of both are; -1 where these do not change.
    made_with : ndarray, shape (2, m)
        What they were.
    permeability : ndarray of int, shape (m,)
        Where that of the second is; -1 where it does not change.
    """

    ends: np.ndarray
    was: np.ndarray
    per_volume: np.ndarray
    fraction: np.ndarray
    made_with: np.ndarray
    permeability: np.ndarray

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.was)

    @property
    def entries(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of what `slopes` gives, shape (m * ENTRIES,) each; what does not change stands on the diagonal."""
        rows = np.repeat(self.ends, ENTRIES // 2, axis=0)
        columns = rows.copy()
        for side in range(2):
            places = *self.ends, *self.fraction, self.permeability
            columns[5 * side : 5 * side + 5] = [np.where(at < 0, self.ends[side], at) for at in places]
        return rows.T.ravel(), columns.T.ravel()

    def _now(self, y: np.ndarray) -> _Now:
        changes = self.fraction[0] >= 0
        alpha = np.where(changes, y[self.fraction], self.made_with)
        was = 2.0 * self.made_with.prod(axis=0) / self.made_with.sum(axis=0)
        permeability = np.where(self.permeability < 0, 1.0, y[self.permeability])
        share = 2.0 * alpha.prod(axis=0) / alpha.sum(axis=0) / was
        by_fraction = changes * 2.0 * (alpha[::-1] / alpha.sum(axis=0)) ** 2 / was
        by_permeability = (self.permeability >= 0) * self.was * share
        return _Now(
            self.was * share * permeability, self.was * permeability * by_fraction, by_permeability, alpha / self.made_with
        )

    def add(self, y: np.ndarray, f: np.ndarray) -> None:
        """Add to ``f`` what flows along every edge beyond what flowed in the box as it was made."""
        now, difference = self._now(y), y[self.ends[1]] - y[self.ends[0]]
        rate = (now.conductance / now.grown - self.was) * self.per_volume * difference
        rate[1] *= -1.0
        f += np.bincount(self.ends.ravel(), rate.ravel(), len(f))

    def slopes(self, y: np.ndarray) -> np.ndarray:
        """Derivatives of that, in the order of `entries`."""
        now, difference = self._now(y), y[self.ends[1]] - y[self.ends[0]]
        found = np.empty((ENTRIES, self.n))
        for side, sign in enumerate((1.0, -1.0)):
            per_volume = sign * self.per_volume[side]
            along = (now.conductance / now.grown[side] - self.was) * per_volume
            flow, own = difference * per_volume / now.grown[side], found[5 * side : 5 * side + 5]
            own[:2] = -along, along
            own[2:4], own[4] = flow * now.by_fraction, flow * now.by_permeability
            # its own volume grows with its volume fraction
            own[2 + side] -= (self.fraction[0] >= 0) * flow * now.conductance / (now.grown[side] * self.made_with[side])
        return found.T.ravel()


def tissue_edges(discretization: Discretization) -> TissueEdges | None:
    """Edges of all graphs whose properties are part of the state; None in most models."""
    parts = []
    for graph in discretization.graphs:
        if graph.tissue is None:
            continue
        indptr, indices, conductance = graph.listed()
        row = np.repeat(np.arange(graph.n), np.diff(indptr))
        once = row < indices
        both, tissue = np.stack([row[once], indices[once]]).astype(np.int64), graph.tissue
        none = np.full(both.shape, -1, dtype=np.int64)
        parts.append(
            TissueEdges(
                ends=graph.start + both,
                was=conductance[once],
                per_volume=1.0 / discretization.capacity[graph.start + both],
                fraction=none if tissue.fraction is None else tissue.fraction[both],
                made_with=tissue.made_with[both],
                permeability=none[0] if tissue.permeability is None else tissue.permeability[both[1]],
            )
        )
    return TissueEdges(*(np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True))) if parts else None
