r"""Linear algebra on trees: one elimination shared by the voltage and by every diffusing species.

In: a `HinesPlan` (from the tree, once), edge conductances, a diagonal and a right-hand side per step. Out: the solution, in
place.

The matrix is `diag(d) + L`: `d` is what a node has of its own (capacity / time, membrane conductance) and `L` the graph
Laplacian of the tree, whose edge from node k to its parent p has conductance g_k. The kernels take `d` alone. The elimination
from the leaves keeps the *excess* of a row over its Laplacian part,

    e_p += g_k e_k / (e_k + g_k),        b_p += g_k b_k / (e_k + g_k),

with sums of positive numbers only: nothing cancels, however much stronger the coupling is than the diagonal (Grassmann, Taksar
and Heyman 1985, https://doi.org/10.1287/opre.33.5.1107; from the leaves to the root as in Hines 1984,
https://doi.org/10.1016/0020-7101(84)90008-4). A node without capacity (a branch point) is a row with d = 0 and b = 0.

Arrays stay in node order: the kernels walk through index arrays. The split stepper sweeps several stretches of the cable side
by side (`cable.lane_order`, `rxd.solve.cable_sweeps`), and species that diffuse on one tree (`rxd.solve.tree_lanes`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import numpy as np

from cable.elimination import EliminationOrder, elimination_order
from cable.errors import CableError
from geometry.compiled import QuickCompiler
from geometry.kernel_files import kept_kernel
from geometry.records import dataclass

__all__ = [
    "HinesPlan",
    "factor",
    "factor_and_solve",
    "plan_elimination",
    "resolve",
    "solve_reference",
]

# Contraction and reciprocals only: no assumption about NaN or infinity, since steppers look for them to refuse a step.
_options: Final = MappingProxyType({"pipeline_class": QuickCompiler, "error_model": "numpy", "_nrt": False})
_kernel = kept_kernel(nogil=True, no_cfunc_wrapper=True, fastmath={"contract", "nsz", "arcp"}, **_options)


@dataclass(frozen=True, slots=True)
class HinesPlan:
    """In what order a tree, or a forest, is eliminated: last position first, roots before their branches.

    Attributes
    ----------
    node : ndarray of uint32, shape (N,)
        Node at each position. A node's elimination parent always stands at an earlier position.
    parent : ndarray of uint32, shape (N,)
        Node to which the node at that position is tied; itself at a root, where the coupling is zero.
    edge : ndarray of int64, shape (N,)
        Index into "conductance to the parent" arrays of the edge that ties them; -1 at a root. The elimination may hang the
        tree up at another root than the cell does, so that this is not always the node itself.
    """

    node: np.ndarray
    parent: np.ndarray
    edge: np.ndarray

    @property
    def n(self) -> int:
        """Number of nodes, those without capacity included."""
        return self.node.size

    def coupling(self, conductance: np.ndarray) -> np.ndarray:
        """Bring conductances to the parent into elimination order, as the kernels want them.

        Parameters
        ----------
        conductance : ndarray, shape (N,) or (m, N)
            Conductance of the edge of each node to its parent in the tree; the value at a root is ignored.

        Returns
        -------
        ndarray, shape (N,) or (m, N)
            Conductance by position, zero at roots; C-contiguous.

        Raises
        ------
        CableError
            If the last axis is not the number of nodes or a conductance is negative or not finite.
        """
        conductance = np.asarray(conductance, dtype=float)
        if conductance.shape[-1:] != (self.n,):
            raise CableError(
                f"The tree has {self.n} nodes, so conductances to the parent have shape ({self.n},) or (m, {self.n}), "
                f"not {conductance.shape}."
            )
        taken = np.where(self.edge < 0, 0.0, conductance[..., self.edge])
        bad = np.argwhere(~((taken >= 0.0) & (taken < np.inf)))
        if bad.size:
            position = bad[0][-1]
            raise CableError(
                f"The edge between nodes {self.node[position]} and {self.parent[position]} conducts {taken[tuple(bad[0])]:g}. "
                "Conductances are finite and not negative: look at lengths, diameters and Ra (or D) there."
            )
        return np.ascontiguousarray(taken)


def plan_elimination(parent: np.ndarray, order: np.ndarray | None = None) -> HinesPlan:
    """Choose the elimination order of a tree.

    The tree is hung up at its centre, which halves the chain of dependent divisions of an unbranched cable, and branches are
    interleaved, so that neighbouring positions seldom wait for each other (`cable.elimination`).

    Parameters
    ----------
    parent : ndarray of int, shape (N,)
        Parent node of each node, -1 at a root; `TreeBlock.parent`.
    order : ndarray of int, shape (N,), optional
        All nodes, parents first; `TreeBlock.order`. By default 0 .. N - 1.

    Returns
    -------
    HinesPlan

    Raises
    ------
    CableError
        If `order` does not hold every node once with parents first.
    """
    parent = np.ascontiguousarray(parent, dtype=np.int64)
    order = np.arange(parent.size, dtype=np.int64) if order is None else np.ascontiguousarray(order, dtype=np.int64)
    _check_tree(parent, order)
    found: EliminationOrder = elimination_order(parent, order)
    plan = HinesPlan(found.node.astype(np.uint32), found.parent.astype(np.uint32), found.edge)
    for array in (plan.node, plan.parent, plan.edge):
        array.flags.writeable = False
    return plan


def _check_tree(parent: np.ndarray, order: np.ndarray) -> None:
    n = parent.size
    if parent.ndim != 1 or order.shape != parent.shape or not np.array_equal(np.sort(order), np.arange(n)):
        raise CableError(f"The order of a tree of {n} nodes holds each of 0 .. {n - 1} once.")
    outside = np.flatnonzero((parent < -1) | (parent >= n))
    if outside.size:
        raise CableError(f"Node {outside[0]} has parent {parent[outside[0]]}; parents are -1 (a root) or 0 .. {n - 1}.")
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    late = np.flatnonzero((parent >= 0) & (rank[parent] >= rank))
    if late.size:
        raise CableError(f"Node {late[0]} stands before its parent {parent[late[0]]}. In `order` parents come first.")


def solve_reference(
    parent: np.ndarray, order: np.ndarray, conductance: np.ndarray, diagonal: np.ndarray, rhs: np.ndarray
) -> np.ndarray:
    """Solve `(diag(d) + L) x = b` on a tree: the oracle of the kernels, as plain as possible.

    Parameters
    ----------
    parent, order : ndarray of int, shape (N,)
        Parent of each node (-1 at a root); all nodes, parents first.
    conductance, diagonal, rhs : ndarray, shape (N,)
        Conductance to the parent, own diagonal d and right-hand side b; d = 0, b = 0 at a node without capacity.

    Returns
    -------
    ndarray, shape (N,)
    """
    coupling = np.where(parent < 0, 0.0, conductance)
    excess, x = np.array(diagonal, dtype=float), np.array(rhs, dtype=float)
    for k in order[::-1]:
        if parent[k] >= 0:
            share = coupling[k] / (excess[k] + coupling[k])
            excess[parent[k]] += share * excess[k]
            x[parent[k]] += share * x[k]
    for k in order:
        if parent[k] >= 0:
            x[k] += coupling[k] * x[parent[k]]
        x[k] /= excess[k] + coupling[k]
    return x


@_kernel
def factor_and_solve(node: np.ndarray, parent: np.ndarray, coupling: np.ndarray, diagonal: np.ndarray, rhs: np.ndarray) -> None:
    """Factorise and solve in one sweep up and one down.

    Parameters
    ----------
    node, parent : ndarray of uint32, shape (N,)
        Of the `HinesPlan`.
    coupling : ndarray, shape (N,)
        `HinesPlan.coupling(conductance)`.
    diagonal : ndarray, shape (N,), node order
        In: what each node has of its own, without the Laplacian. Out: the inverse pivots, for `resolve`.
    rhs : ndarray, shape (N,), node order
        In: right-hand side. Out: solution.
    """
    for i in range(node.size - 1, -1, -1):
        k, p = node[i], parent[i]
        excess, g = diagonal[k], coupling[i]
        inverse = 1.0 / (excess + g)
        scaled = rhs[k] * inverse
        # Every write to the parent comes before that to the node: at a root they are the same place and g is zero.
        diagonal[p] += (g * excess) * inverse
        rhs[p] += g * scaled
        diagonal[k] = inverse
        rhs[k] = scaled
    for i in range(node.size):
        k = node[i]
        rhs[k] += (diagonal[k] * coupling[i]) * rhs[parent[i]]


@_kernel
def factor(node: np.ndarray, parent: np.ndarray, coupling: np.ndarray, diagonal: np.ndarray) -> None:
    """Factorise only: `diagonal` becomes the inverse pivots; the arguments are those of `factor_and_solve`."""
    for i in range(node.size - 1, -1, -1):
        k, p = node[i], parent[i]
        excess, g = diagonal[k], coupling[i]
        inverse = 1.0 / (excess + g)
        diagonal[p] += (g * excess) * inverse
        diagonal[k] = inverse


@_kernel
def resolve(node: np.ndarray, parent: np.ndarray, coupling: np.ndarray, inverse: np.ndarray, rhs: np.ndarray) -> None:
    """Solve with a matrix factorised before, without a division.

    Parameters
    ----------
    node, parent, coupling : ndarray, shape (N,)
        As in `factor_and_solve`.
    inverse : ndarray, shape (N,), node order
        Inverse pivots, as `factor` and `factor_and_solve` leave them in `diagonal`.
    rhs : ndarray, shape (N,), node order
        In: right-hand side. Out: solution.
    """
    for i in range(node.size - 1, -1, -1):
        k = node[i]
        scaled = rhs[k] * inverse[k]
        rhs[parent[i]] += coupling[i] * scaled
        rhs[k] = scaled
    for i in range(node.size):
        k = node[i]
        rhs[k] += (inverse[k] * coupling[i]) * rhs[parent[i]]
