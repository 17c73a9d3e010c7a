"""The passive cable as numbers: capacitances of segments, conductances between them.

In: `geometry.Segments` (and the tree of the cell), Ra and cm, uniform or per segment. Out: `CableOperator`, which is all the
cable equation needs of the cell besides its membrane:

    C dv/dt = -matvec(v) - membrane current + electrode current.

The same record gives the small forms that tests and direct solvers read: branch points eliminated, symmetric, rows sum to zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cable.constants import MOHM_PER_OHM_CM_PER_UM, NF_PER_DENSITY
from cable.errors import CableError
from cable.hines import solve_reference
from geometry.mesh import TreeBlock
from geometry.records import dataclass
from geometry.segments import Segments
from geometry.shapes import Halves, Shape
from geometry.tree import cell_tree

__all__ = ["CableOperator", "build_operator", "core_operator"]


@dataclass(frozen=True, slots=True, eq=False)
class CableOperator:
    """Capacitance and axial conductance of a cell.

    Attributes
    ----------
    capacitance : ndarray, shape (n,), nF
        Of each segment.
    conductance : ndarray, shape (n + n_junctions,), uS
        Between each node and its parent; zero at a root. Nodes from n on are branch points, without capacitance.
    tree : TreeBlock
        Who is whose parent.
    """

    capacitance: np.ndarray
    conductance: np.ndarray
    tree: TreeBlock

    def __post_init__(self) -> None:
        total, n = self.tree.parent.size, self.capacitance.size
        if self.conductance.shape != (total,) or self.capacitance.shape != (n,) or n > total:
            raise CableError(
                f"A tree of {total} nodes has {total} conductances to the parent and at most {total} capacitances, not arrays "
                f"of shape {self.conductance.shape} and {self.capacitance.shape}."
            )
        if np.any(self.conductance[self.tree.parent < 0] != 0.0):
            raise CableError("A root has no parent: its conductance is zero.")
        for name in ("capacitance", "conductance"):
            values = getattr(self, name)
            bad = np.flatnonzero(~((values >= 0.0) & (values < np.inf)))
            if bad.size:
                raise CableError(f"The {name} of node {bad[0]} is {values[bad[0]]:g}; it must be finite and not negative.")
            values.flags.writeable = False

    @property
    def n(self) -> int:
        """Number of segments."""
        return self.capacitance.size

    @property
    def n_junctions(self) -> int:
        """Number of branch points."""
        return self.conductance.size - self.n

    def extend(self, v: np.ndarray) -> np.ndarray:
        """Return the voltage of segments and branch points, shape (n + n_junctions,), mV, from that of the segments.

        At a branch point the axial currents sum to zero.
        """
        full = np.concatenate([np.asarray(v, dtype=float), np.zeros(self.n_junctions)])
        if not self.n_junctions:
            return full
        parent, g = self.tree.parent, self.conductance
        # The branch points are a forest of their own, tied to segments of known voltage.
        own, rhs = np.zeros(full.size), np.zeros(full.size)
        node = np.flatnonzero(parent >= 0)
        for here, there in ((node, parent[node]), (parent[node], node)):
            known = there < self.n
            np.add.at(own, here[known], g[node[known]])
            np.add.at(rhs, here[known], g[node[known]] * full[there[known]])
        among = parent - self.n
        inner = np.where(among >= 0, among, -1)[self.n :]
        order = self.tree.order[self.tree.order >= self.n] - self.n
        full[self.n :] = solve_reference(inner, order, g[self.n :], own[self.n :], rhs[self.n :])
        return full

    def matvec(self, v: np.ndarray) -> np.ndarray:
        """Return the current that leaves each segment along the cable, nA, shape (n,).

        Parameters
        ----------
        v : ndarray, shape (n,) or (n + n_junctions,), mV
            Voltage of the segments; that of the branch points follows (Kirchhoff) unless it is given too.
        """
        v = np.asarray(v, dtype=float)
        full = v if v.size == self.conductance.size else self.extend(v)
        node = np.flatnonzero(self.tree.parent >= 0)
        up = self.tree.parent[node]
        current = self.conductance[node] * (full[node] - full[up])
        leaving = np.zeros(full.size)
        np.add.at(leaving, node, current)
        np.subtract.at(leaving, up, current)
        return leaving[: self.n]

    def csr(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the matrix of `matvec` with the branch points eliminated: `(data, indices, indptr)`, uS.

        Symmetric, rows sum to zero, in the order `scipy.sparse.csr_matrix((data, indices, indptr), shape=(n, n))` takes. A
        branch point with conductances g_1 .. g_m becomes the mesh of conductances g_i g_j / sum g (star-mesh transform).
        """
        neighbours: list[dict[int, float]] = [{} for _ in range(self.conductance.size)]
        for node in self.tree.order.tolist():
            up = int(self.tree.parent[node])
            if up >= 0:
                neighbours[node][up] = neighbours[up][node] = float(self.conductance[node])
        for junction in range(self.n, self.conductance.size):
            arms = sorted(neighbours[junction].items())
            total = sum(g for _, g in arms)
            for i, (a, g_a) in enumerate(arms):
                del neighbours[a][junction]
                for b, g_b in arms[:i]:
                    g = neighbours[a].get(b, 0.0) + (g_a * g_b / total if total > 0.0 else 0.0)
                    neighbours[a][b] = neighbours[b][a] = g
        data, indices, indptr = [], [], [0]
        for node, others in enumerate(neighbours[: self.n]):
            row = sorted([*((other, -g) for other, g in others.items()), (node, sum(others.values()))])
            indices += [column for column, _ in row]
            data += [value for _, value in row]
            indptr.append(len(data))
        return np.array(data), np.array(indices, dtype=np.int32), np.array(indptr, dtype=np.int32)

    def dense(self) -> np.ndarray:
        """Return the matrix of `matvec` as an array, shape (n, n), uS: for small cells and tests."""
        data, indices, indptr = self.csr()
        matrix = np.zeros((self.n, self.n))
        matrix[np.repeat(np.arange(self.n), np.diff(indptr)), indices] = data
        return matrix


@dataclass(frozen=True, slots=True, eq=False)
class _Core(Shape):
    """The core conductor as a shape whose `half_rho` is a resistance in Mohm, so that its `kappa` is a conductance in uS.

    This leaves to `geometry` alone how sections join; Ra may differ from one half of an edge to the other.
    """

    Ra: np.ndarray

    @property
    def is_area(self) -> bool:
        return False

    def volumes(self, segments: Segments, index: np.ndarray) -> np.ndarray:
        return segments.volume[index]

    def membrane_areas(self, segments: Segments, index: np.ndarray) -> np.ndarray:
        return segments.area[index]

    def half_rho(self, segments: Segments, index: np.ndarray) -> Halves:
        factor = MOHM_PER_OHM_CM_PER_UM * self.Ra[index]
        return factor * segments.rho_left[index], factor * segments.rho_right[index]


def build_operator(
    segments: Segments, Ra: ArrayLike = 100.0, cm: ArrayLike = 1.0, tree: TreeBlock | None = None
) -> CableOperator:
    """Build the operator of a whole cell.

    Parameters
    ----------
    segments : Segments
        Segments of the cell.
    Ra : array_like, scalar or shape (n,), ohm cm
        Axial resistivity of each segment.
    cm : array_like, scalar or shape (n,), uF/cm2
        Specific membrane capacitance of each segment.
    tree : TreeBlock, optional
        The tree of the cell, `region_mesh(segments).tree`, if it is at hand.

    Returns
    -------
    CableOperator

    Raises
    ------
    CableError
        If Ra or cm has a wrong shape or is not positive and finite (the section is named), or the tree is another cell's.
    """
    found = core_operator(segments, Ra, cm)
    tree = cell_tree(segments) if tree is None else tree
    if not np.array_equal(tree.parent, found.tree.parent):
        raise CableError(
            f"The tree given has {tree.parent.size} nodes and is not that of these segments, with {found.tree.parent.size}. "
            "Give region_mesh(segments).tree, or leave it out."
        )
    return CableOperator(found.capacitance, found.conductance, tree)


def core_operator(segments: Segments, Ra: ArrayLike, cm: ArrayLike) -> CableOperator:
    """The same with the tree of the core conductor, whose ``kappa`` are the conductances."""
    resistivity = _per_segment("Ra", "ohm cm", Ra, segments)
    specific = _per_segment("cm", "uF/cm2", cm, segments)
    core = cell_tree(segments, _Core(resistivity))
    return CableOperator(NF_PER_DENSITY * specific * segments.area, core.kappa, core)


def _per_segment(name: str, unit: str, value: ArrayLike, segments: Segments) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    if array.shape not in {(), (segments.n,)}:
        raise CableError(f"{name} is one number or one per segment, shape ({segments.n},), not {array.shape}.")
    array = np.broadcast_to(array, (segments.n,))
    bad = np.flatnonzero(~((array > 0.0) & (array < np.inf)))
    if bad.size:
        place = segments.location(int(bad[0]))
        raise CableError(f"{name} at {place!r} is {array[bad[0]]:g} {unit}; it must be positive and finite.")
    return array
