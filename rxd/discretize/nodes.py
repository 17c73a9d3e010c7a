"""Nodes: what an initial value or parameter function sees, as arrays over the nodes of one region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from geometry import Segments
from rxd.errors import DiscretizationError


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes of a region (all arrays of shape (n,)) or, in a fall-back, one node (all scalars).

    Attributes
    ----------
    region : str
    segment : ndarray of int
        Segment of each node.
    section : ndarray of int
        Index of its section; ``section_name`` gives names.
    x : ndarray
        Position on the section, 0 to 1.
    path_distance : ndarray, um
        Way along the tree from the root.
    position : ndarray, shape (n, 3), um
        Of the segment's middle, or of the voxel.
    diam : ndarray, um
    """

    region: str
    segment: Any
    section: Any
    section_name: Any
    kind: Any
    x: Any
    path_distance: Any
    position: Any
    diam: Any

    def __len__(self) -> int:
        return int(np.size(self.x))

    def one(self, index: int) -> Nodes:
        """The same view of a single node."""
        return Nodes(
            self.region,
            *(
                getattr(self, name)[index]
                for name in ("segment", "section", "section_name", "kind", "x", "path_distance", "position", "diam")
            ),
        )


def make_nodes(segments: Segments, segment: np.ndarray, region: str, position: np.ndarray) -> Nodes:
    """View of nodes in the given segments, shape (n,); -1 for nodes of extracellular space, which only have a position."""
    outside = segment < 0
    section = np.where(outside, -1, segments.section[segment])
    names = np.array([*segments.morphology.names, "outside"], dtype=object)
    kinds = np.array([*segments.morphology.kinds, "outside"], dtype=object)

    def values(array: np.ndarray) -> np.ndarray:
        return np.where(outside, 0.0, array[segment])

    return Nodes(
        region=region,
        segment=segment,
        section=section,
        section_name=names[section],
        kind=kinds[section],
        x=values(segments.x),
        path_distance=values(segments.path_distance),
        position=position,
        diam=values(segments.diam),
    )


def evaluate(value: Any, nodes: Nodes, what: str) -> np.ndarray:
    """Numbers for nodes from a number or a function of `Nodes`.

    A function is tried on the arrays first; one written for a single node (``if node.x < 0.5``, ``"apic" in
    node.section_name``) is called node by node.

    Raises
    ------
    DiscretizationError
        If the function fails, gives another shape, or any value is not finite (the place is named).
    """
    if not callable(value):
        result = np.full(len(nodes), float(value))
    else:
        result = _called(value, nodes, what)
    bad = np.flatnonzero(~np.isfinite(result))
    if bad.size:
        place = f"{nodes.section_name[bad[0]]}({nodes.x[bad[0]]:.4g})"
        message = f"{what} is {result[bad[0]]} at {place} ({bad.size} of {len(nodes)} nodes); it must be finite everywhere."
        raise DiscretizationError(message)
    return result


def _called(function: Callable[[Any], Any], nodes: Nodes, what: str) -> np.ndarray:
    try:
        values = np.asarray(function(nodes), dtype=float)
    except (ValueError, TypeError, AttributeError):
        values = _one_by_one(function, nodes, what)
    # One number for all is a constant, or the answer of an array to a question about one node: `"soma" in node.section_name`.
    if values.ndim == 0:
        values = _one_by_one(function, nodes, what)
    if values.shape != (len(nodes),):
        message = (
            f"{what}: the function must return one number per node, shape ({len(nodes)},); it returned shape {values.shape}."
        )
        raise DiscretizationError(message)
    return values.copy()


def _one_by_one(function: Callable[[Any], Any], nodes: Nodes, what: str) -> np.ndarray:
    try:
        return np.array([float(function(nodes.one(i))) for i in range(len(nodes))])
    except AttributeError as error:
        message = (
            f"{what}: the function asks a node for something it does not have: {error}. "
            f"Nodes have: {', '.join(Nodes.__slots__)}."
        )
        raise DiscretizationError(message) from error
    except Exception as error:
        message = f"{what}: the function failed both on all nodes at once and on one node: {error!r}."
        raise DiscretizationError(message) from error
