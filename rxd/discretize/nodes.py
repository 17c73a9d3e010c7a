"""Nodes: what an initial value or parameter function sees, as arrays over the nodes of one region."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from geometry import Segments
from geometry.records import dataclass
from rxd.errors import DiscretizationError

NAMES: Final = ("region", "segment", "section", "section_name", "kind", "x", "path_distance", "position", "diam")
"""What nodes have."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes of a region (all arrays of shape (n,)) or, in a fall-back, one node (all scalars).

    What a function does not ask for is not made: a million voxels would hold a hundred megabytes of it.

    Attributes
    ----------
    segments : Segments
    region : str
    segment : ndarray of int
        Segment of each node; -1 in extracellular space, where nodes only have a position.
    place : callable
        Gives `position`.
    """

    segments: Segments
    region: str
    segment: Any
    place: Callable[[], np.ndarray]

    def __len__(self) -> int:
        return int(np.size(self.segment))

    @property
    def section(self) -> Any:
        """Index of each node's section; ``section_name`` gives names."""
        return np.where(self.segment < 0, -1, self.segments.section[self.segment])[()]

    @property
    def section_name(self) -> Any:
        """Name of each node's section."""
        return np.array([*self.segments.morphology.names, "outside"], dtype=object)[self.section]

    @property
    def kind(self) -> Any:
        """Kind of each node's section."""
        return np.array([*self.segments.morphology.kinds, "outside"], dtype=object)[self.section]

    @property
    def x(self) -> Any:
        """Position on the section, 0 to 1."""
        return self._of_segments(self.segments.x)

    @property
    def path_distance(self) -> Any:
        """Way along the tree from the root, um."""
        return self._of_segments(self.segments.path_distance)

    @property
    def diam(self) -> Any:
        """Diameter of the segment, um."""
        return self._of_segments(self.segments.diam)

    @property
    def position(self) -> Any:
        """Of the segment's middle, or of the voxel, shape (n, 3), um."""
        return self.place()

    def _of_segments(self, array: np.ndarray) -> Any:
        return np.where(self.segment < 0, 0.0, array[self.segment])[()]

    def each(self) -> Iterator[Nodes]:
        """The same view of every single node."""
        position = self.position
        for segment, place in zip(self.segment, position, strict=True):
            yield Nodes(self.segments, self.region, segment, partial(np.asarray, place))


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
        return np.array([float(function(node)) for node in nodes.each()])
    except AttributeError as error:
        message = f"{what}: the function asks a node for something it does not have: {error}. Nodes have: {', '.join(NAMES)}."
        raise DiscretizationError(message) from error
    except Exception as error:
        message = f"{what}: the function failed both on all nodes at once and on one node: {error!r}."
        raise DiscretizationError(message) from error
