"""The one discretised space: nodes with volumes, joined by faces.

In: arrays, from `geometry.tree` (segments of a region) or `geometry.voxelize` (voxels). Out: `Mesh`, and its blocks, which keep
the structure that fast solvers need.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.records import dataclass

__all__ = ["GridBlock", "Mesh", "TreeBlock", "check_mesh"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class TreeBlock:
    """A forest in which every node knows its parent, ready for elimination in Hines order.

    Attributes
    ----------
    parent : ndarray of int, shape (n + n_junctions,)
        Parent node, -1 at a root.
    kappa : ndarray, shape (n + n_junctions,), um
        Face area over distance to the parent; 0 at a root.
    order : ndarray of int, shape (n + n_junctions,)
        All nodes, parents before their children.
    """

    parent: IntArray
    kappa: FloatArray
    order: IntArray

    def __post_init__(self) -> None:
        for array in (self.parent, self.kappa, self.order):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.parent)

    def __repr__(self) -> str:
        return f"<TreeBlock: {len(self)} nodes in {int(np.sum(self.parent < 0))} trees>"


@dataclass(frozen=True, slots=True, eq=False)
class GridBlock:
    """A regular grid of voxels, of which some are nodes.

    Attributes
    ----------
    shape : tuple of int
        Number of voxels along x, y, z.
    spacing : tuple of float, um
        Edges of a voxel.
    origin : tuple of float, um
        Lowest corner of the grid.
    active : ndarray of bool, shape `shape`
        Which voxels are nodes; nodes are numbered in C order of the active voxels.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    active: BoolArray

    def __post_init__(self) -> None:
        if self.active.shape != self.shape:
            raise GeometryError(f"A grid of shape {self.shape} has a mask of active voxels of shape {self.active.shape}.")
        self.active.setflags(write=False)

    def __len__(self) -> int:
        return int(np.count_nonzero(self.active))

    def __repr__(self) -> str:
        return f"<GridBlock: {len(self)} of {' x '.join(map(str, self.shape))} voxels of {self.spacing} um>"


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A finite-volume graph: `V dc/dt = sum D face_area / distance (c_neighbour - c)`.

    Attributes
    ----------
    volume : ndarray, shape (n,), um3
        Volume of each node; zeros throughout for an area shape, whose nodes hold amounts per `membrane_area`.
    membrane_area : ndarray, shape (n,), um2
        Membrane of each node.
    owner : ndarray of int, shape (n,)
        Segment each node lies in; -1 where there is none (extracellular space).
    position : ndarray, shape (n, 3), um
        Middle of each node.
    edges : ndarray of int, shape (m, 2)
        Pairs of nodes that exchange; numbers from n on are junctions.
    face_area : ndarray, shape (m,), um2
        Face between the two; for trees the harmonic mean along the way between the middles.
    distance : ndarray, shape (m,), um
        Way between the two.
    n_junctions : int
        Branch points: nodes without volume, where the fluxes sum to zero.
    blocks : tuple of TreeBlock or GridBlock
        Structure of the graph that solvers may use.
    """

    volume: FloatArray
    membrane_area: FloatArray
    owner: IntArray
    position: FloatArray
    edges: IntArray
    face_area: FloatArray
    distance: FloatArray
    n_junctions: int = 0
    blocks: tuple[TreeBlock | GridBlock, ...] = ()

    def __post_init__(self) -> None:
        check_mesh(self)
        for array in (self.volume, self.membrane_area, self.owner, self.position, self.edges, self.face_area, self.distance):
            array.setflags(write=False)

    @property
    def n(self) -> int:
        """Number of nodes, junctions not counted."""
        return len(self.volume)

    def __len__(self) -> int:
        return len(self.volume)

    @property
    def kappa(self) -> FloatArray:
        """Face area over distance of each edge, shape (m,), um."""
        return self.face_area / self.distance

    @property
    def capacity(self) -> FloatArray:
        """What concentrations are per: `volume`, or `membrane_area` for the mesh of an area shape, shape (n,)."""
        return self.volume if np.any(self.volume) else self.membrane_area

    @property
    def tree(self) -> TreeBlock:
        """The only tree block.

        Raises
        ------
        GeometryError
            If the mesh is not one tree block.
        """
        if len(self.blocks) == 1 and isinstance(self.blocks[0], TreeBlock):
            return self.blocks[0]
        raise GeometryError(f"This mesh is not one forest of segments; its blocks are {self.blocks}.")

    def __repr__(self) -> str:
        blocks = ", ".join("tree" if isinstance(block, TreeBlock) else "grid" for block in self.blocks) or "none"
        return (
            f"<Mesh: {self.n} nodes, {self.n_junctions} junctions, {len(self.edges)} edges, "
            f"volume {self.volume.sum():.6g} um3, membrane {self.membrane_area.sum():.6g} um2, blocks: {blocks}>"
        )


def check_mesh(mesh: Mesh) -> None:
    """Check the invariants of a mesh.

    Raises
    ------
    GeometryError
        If shapes disagree, a size is negative or not finite, a node holds nothing, an edge leads nowhere or to itself,
        or a tree block is not a forest in the stated order.
    """
    n, m, total = mesh.n, len(mesh.edges), mesh.n + mesh.n_junctions
    _require(mesh.membrane_area.shape == mesh.owner.shape == (n,), "membrane_area and owner have one entry per node")
    _require(mesh.position.shape == (n, 3), "position has the shape (n, 3)")
    _require(mesh.edges.shape == (m, 2), "edges has the shape (m, 2)")
    _require(mesh.face_area.shape == mesh.distance.shape == (m,), "face_area and distance have one entry per edge")
    for name in ("volume", "membrane_area", "face_area", "distance"):
        values = getattr(mesh, name)
        _require(bool(np.all(np.isfinite(values) & (values >= 0))), f"{name} is finite and not negative")
    _require(bool(np.all(mesh.capacity > 0)), "every node has a volume (or, in an area shape, an area)")
    _require(bool(np.all((mesh.edges >= 0) & (mesh.edges < total))), "edges join nodes that exist")
    _require(bool(np.all(mesh.edges[:, 0] != mesh.edges[:, 1])), "no edge joins a node with itself")
    _require(bool(np.all(mesh.distance > 0)), "no two joined nodes coincide")
    for block in mesh.blocks:
        if isinstance(block, TreeBlock):
            _check_tree(block, total)


def _check_tree(block: TreeBlock, total: int) -> None:
    sizes = {len(block.parent), len(block.kappa), len(block.order)}
    _require(sizes == {total}, "a tree block covers all nodes and junctions")
    _require(np.array_equal(np.sort(block.order), np.arange(total)), "the order of a tree block has every node once")
    rank = np.empty(total, dtype=np.int64)
    rank[block.order] = np.arange(total)
    child = np.flatnonzero(block.parent >= 0)
    _require(bool(np.all(rank[block.parent[child]] < rank[child])), "parents precede their children")
    _require(bool(np.all(np.isfinite(block.kappa) & (block.kappa >= 0))), "kappa is finite and not negative")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise GeometryError(f"This is not a mesh: it must hold that {sentence}.")
