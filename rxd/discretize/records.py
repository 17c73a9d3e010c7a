"""Records of the discretised model: who owns which offset, which arrays kernels read, how nodes exchange."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

import numpy as np

from cable.hines import HinesPlan
from geometry import Segments
from geometry.records import dataclass
from rxd.discretize.graph_rows import Rows, Triple
from rxd.discretize.space import node_positions

PART = 8192
"""Nodes whose neighbours are listed at once."""
LANES = 16
"""Width of a kernel's inner loop: two AVX-512 or four AVX2 vectors of doubles."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Where one unknown lives in the state vector.

    Attributes
    ----------
    label, unit : str
    start, stop : int
        Its slice of the state.
    segment : ndarray of int, shape (n,)
        Segment of each node in storage order; -1 in extracellular space.
    tree_order : ndarray of int, shape (n_tree,)
        State positions of those that are segments, in segment order.
    """

    label: str
    unit: str
    start: int
    stop: int
    segment: np.ndarray
    tree_order: np.ndarray
    n_tree: int = 0
    """Nodes that are segments; the nodes after them are voxels."""
    region: str | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def order(self) -> np.ndarray:
        """State positions of the nodes in segment order, voxels last: ``y[order]`` reads like the morphology."""
        first = self.start + len(self.tree_order)
        if first == self.stop:
            return self.tree_order
        return np.concatenate([self.tree_order, np.arange(first, self.stop)])

    @property
    def ordered(self) -> slice | np.ndarray:
        """The same, as a slice where the nodes are stored in segment order: for indexing without a list of all."""
        return self.order if len(self.tree_order) else slice(self.start, self.stop)

    @property
    def owners(self) -> np.ndarray:
        """Segment of each node, in segment order."""
        return self.segment[self.order - self.start] if len(self.tree_order) else self.segment


@dataclass(frozen=True, slots=True, eq=False)
class StateLayout:
    """The only owner of offsets in the state vector: ``layout["ca[cyt]"]`` is a `Block`."""

    blocks: Mapping[str, Block]
    size: int

    def __getitem__(self, label: str) -> Block:
        try:
            return self.blocks[label]
        except KeyError:
            message = f"No unknown is called '{label}'. There are: {', '.join(self.blocks)}."
            raise KeyError(message) from None

    def locate(self, position: int) -> tuple[str, int]:
        """Label and segment behind a position of the state vector."""
        for block in self.blocks.values():
            if block.start <= position < block.stop:
                return block.label, int(block.segment[position - block.start])
        message = f"Position {position} is outside the state of size {self.size}."
        raise IndexError(message)


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """State positions one after the other."""

    start: int


@dataclass(frozen=True, slots=True, eq=False)
class Through:
    """State positions by the segments of nodes: ``place (n_segments,)``."""

    place: np.ndarray


Row = Along | Through | np.ndarray
"""State positions of one unknown of a group."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Nodes that share equations.

    Attributes
    ----------
    name : str
        Of the `LocalSystem`.
    segment : ndarray of int, shape (n,)
    rows : tuple of Row
        State positions of each unknown, in the group's order, v first. Voxels are many, and nearly all that would be listed is
        one number after the other.
    contiguous : bool
        True if every row of ``position`` counts up by one (section groups).
    fields : ndarray, shape (n_chunks, n_fields, LANES)
        Numbers that kernels read, padded with copies of the last node.
    """

    name: str
    segment: np.ndarray
    rows: tuple[Row, ...]
    contiguous: bool
    fields: np.ndarray
    table: np.ndarray | None = None
    """All of ``rows``, which are then parts of it: where there are not many nodes."""

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.segment)

    def row(self, unknown: int) -> np.ndarray:
        """State positions of one unknown, shape (n,)."""
        row = self.rows[unknown]
        if isinstance(row, Along):
            return np.arange(row.start, row.start + self.n)
        return row.place[self.segment] if isinstance(row, Through) else row

    @property
    def position(self) -> np.ndarray:
        """State positions by unknown and node, shape (n_unknowns, n); made anew where there are many nodes."""
        if self.table is not None:
            return self.table
        return np.stack([self.row(unknown) for unknown in range(len(self.rows))])


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """Exchange between the nodes of one unknown: ``capacity dy/dt = sum conductance (y_k - y)`` on a forest.

    Node k is state position ``start + k``; nodes from n on are junctions without capacity.

    Attributes
    ----------
    capacity : ndarray, shape (N,)
        nF for v, um3 for species; 0 at junctions.
    parent : ndarray of int, shape (N,)
        Parent node, -1 at a root.
    conductance : ndarray, shape (N,)
        To the parent: uS for v, um3/ms for species; 0 at a root.
    plan : HinesPlan
    late : bool
        Whether a step that goes part by part does this after everything else.
    """

    label: str
    start: int
    n: int
    capacity: np.ndarray
    parent: np.ndarray
    conductance: np.ndarray
    plan: HinesPlan
    late: bool = False

    @property
    def branches(self) -> bool:
        """Whether there are junctions."""
        return len(self.parent) > self.n


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """Where in the state the properties of a box's voxels are, shape (n,) each; None: they do not change.

    ``made_with``: the volume fractions that conductances and capacities were made with; the permeability is 1 in them if it
    changes.
    """

    fraction: np.ndarray | None
    permeability: np.ndarray | None
    made_with: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class GraphTransport:
    """Exchange between nodes that are (partly) voxels: ``capacity dy/dt = sum conductance (y_k - y)`` on any graph.

    Attributes
    ----------
    label, start, n
        As in `Transport`.
    capacity : ndarray, shape (n,), um3
    rows : Rows
        Neighbours of every node in order and face over distance to each, um; symmetric. Branch points are eliminated. Species
        of one region share them.
    diffusion : float, um2/ms
        Conductance over kappa.
    held : ndarray of int, shape (m,)
        Nodes that also exchange with a reservoir of constant concentration, each once: ``+ held_conductance (held_value - y)``.
    held_conductance, held_value : ndarray, shape (m,), um3/ms and mM
    cut : ndarray of int
        Voxels that a membrane or an open end cuts: explicit steps may slow down exchange with them (`rxd.solve.graph_kernels`).
    whole_rate : float, 1/ms
        Conductance over capacity of a whole voxel inside the cell, sum over its faces.
    lattice : ndarray of int, shape (n, 3) or (0, 3)
        Place of every node on a lattice, if it is to be stepped along the lines of that (`rxd.solve.sweeps`); in such a step
        held nodes take their values.
    tied : ndarray of int, shape (m, 3)
        Nodes of a lattice, and positions in the state outside of it, that exchange at the start of each such step; positions
        where the latter's values before that are kept.
    tied_rate : ndarray, shape (m, 2), 1/ms
        Conductance over the capacity of either.
    changing : bool
        Whether somebody changes capacities and conductances between steps: those of all species with these rows alike.
    tissue : Tissue or None
        Of variable steps in a box whose properties change.
    """

    label: str
    start: int
    n: int
    capacity: np.ndarray
    rows: Rows
    diffusion: float = 1.0
    held: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    held_conductance: np.ndarray = field(default_factory=lambda: np.zeros(0))
    held_value: np.ndarray = field(default_factory=lambda: np.zeros(0))
    cut: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    whole_rate: float = 0.0
    lattice: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), dtype=np.int32))
    tied: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), dtype=np.int64))
    tied_rate: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    changing: bool = False
    tissue: Tissue | None = None

    @property
    def neighbours(self) -> int:
        """How many neighbours all nodes have together, counted anew."""
        return sum(int(indptr[-1]) for _, (indptr, *_) in self.in_parts())

    def in_parts(self) -> Iterator[tuple[int, Triple]]:
        """First nodes of parts of the graph, and the rows of their nodes: so that nobody holds all."""
        for first in range(0, self.n, PART):
            yield first, self.rows.of(np.arange(first, min(first + PART, self.n), dtype=np.int32))

    def listed(self) -> Triple:
        """Compressed rows of all nodes, made anew: where each begins, neighbours, conductance to each (um3/ms)."""
        indptr, indices, kappa = self.rows.of(np.arange(self.n, dtype=np.int32))
        kappa *= self.diffusion
        return indptr, indices, kappa


@dataclass(frozen=True, slots=True, eq=False)
class Discretization:
    """A system laid out on a morphology.

    Attributes
    ----------
    segments : geometry.Segments
    regions : mapping of region name to RegionNodes
        Segments and voxels of each region.
    voxels : VoxelGrid or None
        The model's one voxel grid.
    layout : StateLayout
    groups : tuple of Group
        Same order as ``system.groups``.
    transports : tuple of Transport
        The cable first, then species that diffuse on segments only.
    graphs : tuple of GraphTransport
        Species that diffuse in voxels (and the segments joined to them).
    capacity : ndarray, shape (size,)
        Diagonal of the mass matrix: nF, um3, 1 for states.
    initial : ndarray, shape (size,)
        Initial values as declared; gates are filled in by the kernels.
    point_segment : ndarray of int
        Segment of each point process.
    """

    segments: Segments
    regions: Mapping[str, Any]
    voxels: Any
    layout: StateLayout
    groups: tuple[Group, ...]
    transports: tuple[Transport, ...]
    graphs: tuple[GraphTransport, ...]
    capacity: np.ndarray
    initial: np.ndarray
    point_segment: np.ndarray

    @property
    def cable(self) -> Transport:
        """Exchange of charge along the cable, the first of the transports."""
        return self.transports[0]

    def place_of(self, block: Block) -> np.ndarray:
        """Where the nodes of an unknown are, in segment order, shape (n, 3), um: middles of segments or of voxels."""
        region = self.regions.get(block.region) if block.region else None
        return node_positions(block.owners, block.n_tree, region, self.segments, self.voxels)

    def place(self, segment: int) -> str:
        """A segment in words: ``dend[3](0.5)``."""
        if segment < 0:
            return "extracellular space"
        section = self.segments.section[segment]
        return f"{self.segments.morphology.names[section]}({self.segments.x[segment]:.4g})"
