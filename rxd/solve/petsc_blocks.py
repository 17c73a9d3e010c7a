"""What PETSc is told about the structure of a system: which rows are one field, and how the field is spread over space.

In: `Equations`. Out: a `Structure`: the pattern, and a list of `Block` of kind "tree" (exchange along branches), "grid"
(exchange with neighbouring voxels) or "local" (none: gates, states, species that do not diffuse).
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import numpy as np

from geometry.records import dataclass
from rxd.discretize.records import Discretization
from rxd.solve.equations import Equations
from rxd.solve.petsc_box import Box, box_of
from rxd.solve.petsc_shell import Forest

Kind = Literal["tree", "grid", "local"]
SHARED: Final = 100
"""An unknown with more neighbours, as in a well-stirred bath, is not local: eliminated, it would tie them all together."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The rows of one field.

    Attributes
    ----------
    name : str
        As PETSc's options know it: ``ca_cyt`` for ``ca[cyt]``.
    kind : "tree", "grid" or "local"
    rows : ndarray of int, shape (n,)
        Rows of the system; on a tree node k of the forest is ``rows[k]``.
    rank : ndarray, shape (n,)
        Rows of a smaller rank are better eliminated first: twigs before trunks; rows of one place share it.
    scale : float
        Typical size of the field. Errors of different fields are weighed by it.
    forest : Forest or None
        On a tree.
    weight : ndarray, shape (n,), or None
        On a grid: capacities over their mean, by which rows are multiplied: exchange is symmetric then, as multigrid wants it.
    box : Box or None
        On a grid of equal voxels in a box with closed sides.
    """

    name: str
    kind: Kind
    rows: np.ndarray
    rank: np.ndarray
    scale: float
    forest: Forest | None = None
    weight: np.ndarray | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """A sparse matrix before it has values.

    Attributes
    ----------
    indptr, indices, diagonal : ndarray of int
        CSR pattern, columns ascending, and the entry of each row's diagonal.
    typical : ndarray, shape (nnz,)
        Values for a first setup (of ``shift I - J``, as J); only their pattern and order of magnitude matter.
    blocks : tuple of Block
        Every row is in one of them.
    """

    indptr: np.ndarray
    indices: np.ndarray
    diagonal: np.ndarray
    typical: np.ndarray
    blocks: tuple[Block, ...]

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    def of_kind(self, kind: Kind) -> tuple[Block, ...]:
        """The blocks of a kind, in order."""
        return tuple(block for block in self.blocks if block.kind == kind)


def structure_of(equations: Equations) -> Structure:
    """Structure of a compiled model."""
    discretization, assembly = equations.discretization, equations.assembly
    transports = {transport.label: transport for transport in discretization.transports}
    in_voxels = {graph.label for graph in discretization.graphs}
    easing = {graph.label for graph in discretization.graphs if graph.tissue and graph.tissue.permeability is not None}
    degree = np.maximum(np.diff(assembly.indptr), np.bincount(assembly.indices, minlength=assembly.size))
    rank, taken = _ranks(discretization), set[str]()
    blocks = []
    for label, layout in discretization.layout.blocks.items():
        rows = np.arange(layout.start, layout.stop)
        transport = transports.get(label)
        forest = None if transport is None else _forest(transport, rows, assembly)
        shared = label in in_voxels or bool(np.any(degree[rows] > SHARED))
        kind: Kind = "tree" if forest else "grid" if shared else "local"
        largest = float(np.max(np.abs(discretization.initial[layout.start : layout.stop]), initial=0.0))
        capacity = discretization.capacity[rows]
        weight = capacity / capacity.mean() if label in in_voxels else None
        equal = weight is not None and label not in easing  # where permeabilities change, other rates follow than these
        box = box_of(assembly.indptr, assembly.indices, assembly.exchange, rows) if equal else None
        blocks.append(Block(option_name(label, taken), kind, rows, rank[layout.segment], largest or 1.0, forest, weight, box))
    return Structure(assembly.indptr, assembly.indices, assembly.diagonal, assembly.exchange, tuple(blocks))


def _ranks(discretization: Discretization) -> np.ndarray:
    """When each segment is eliminated, shape (n_segments + 1,); extracellular voxels, whose segment is -1, come last."""
    cable = discretization.cable
    order = np.empty(cable.plan.n)
    order[cable.plan.node] = -np.arange(cable.plan.n)
    rank = np.ones(discretization.segments.n + 1)
    rank[discretization.layout[cable.label].segment] = order[: cable.n]
    return rank


def _forest(transport: Any, rows: np.ndarray, assembly: Any) -> Forest:
    return Forest(
        plan=transport.plan,
        conductance=transport.conductance,
        capacity=np.ascontiguousarray(transport.capacity[: transport.n]),
        leaving=-assembly.exchange[assembly.diagonal[rows]],
    )


def option_name(label: str, taken: set[str]) -> str:
    """A label as part of an option's name, ``ca[cyt]`` as ``ca_cyt``, unlike those ``taken``, to which it is added."""
    plain = name = re.sub(r"\W+", "_", label).strip("_") or "field"
    number = 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name)
    return name
