"""Systems made by hand: fields on random forests with branch points or on grids, and local unknowns beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse

from cable import hines
from rxd.discretize.records import Transport
from rxd.solve.assembly import star_mesh
from rxd.solve.petsc_blocks import Block, Structure
from rxd.solve.petsc_shell import Forest


@dataclass(frozen=True)
class System:
    """A structure with values: the Jacobian J in its order, and the right-hand side of one solve."""

    structure: Structure
    jacobian: np.ndarray
    rhs: np.ndarray

    def matrix(self, shift: float) -> sparse.csc_array:
        """The matrix ``shift I - J``."""
        s = self.structure
        return (shift * sparse.eye_array(s.size) - sparse.csr_array((self.jacobian, s.indices, s.indptr))).tocsc()

    def exact(self, shift: float) -> np.ndarray:
        """The solution, refined once."""
        matrix = self.matrix(shift)
        factors = sparse.linalg.splu(matrix)
        x = factors.solve(self.rhs)
        return x + factors.solve(self.rhs - matrix @ x)

    def error(self, x: np.ndarray, shift: float) -> float:
        """Largest error of any field relative to that field's largest value."""
        exact = self.exact(shift)
        return max(float(np.abs(x - exact)[b.rows].max() / np.abs(exact[b.rows]).max()) for b in self.structure.blocks)


def forest(rng: np.random.Generator, n: int, junctions: int, trees: int) -> tuple[np.ndarray, np.ndarray]:
    """Parents of a random forest whose branch points are the last nodes, and a parents-first order."""
    total = n + junctions
    raw = np.array([-1 if k < trees else int(rng.integers(max(0, k - 5), k)) for k in range(total)])
    inner = np.unique(raw[raw >= trees])
    chosen = rng.choice(inner, junctions, replace=False)
    number = np.empty(total, dtype=np.int64)
    number[np.setdiff1d(np.arange(total), chosen)] = np.arange(n)
    number[chosen] = n + np.arange(junctions)
    parent = np.full(total, -1, dtype=np.int64)
    parent[number] = np.where(raw < 0, -1, number[raw])
    return parent, number


def coupled(
    rng: np.random.Generator, fields: dict[str, float], n: int, strength: float
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Entries that couple all fields at each node; a field's typical size is the value in the mapping."""
    sizes, entries = list(fields.values()), []
    for i, size in enumerate(sizes):
        for j, other in enumerate(sizes):
            value = rng.uniform(-1, 1, n) * strength * size / other
            entries.append((i * n + np.arange(n), j * n + np.arange(n), -np.abs(value) if i == j else value))
    return entries


def as_system(
    rng: np.random.Generator,
    size: int,
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    exchange: sparse.csr_array,
    blocks: list[Block],
) -> System:
    """Put entries together on one pattern with a full diagonal."""
    rows, columns, values = (np.concatenate([e[k] for e in entries]) for k in range(3))
    local = sparse.csr_array((values, (rows, columns)), shape=(size, size))
    ones = lambda m: sparse.csr_array((np.ones(m.nnz), m.indices, m.indptr), shape=m.shape)  # noqa: E731
    pattern = (ones(local) + ones(exchange) + sparse.eye_array(size)).tocsr()
    pattern.sort_indices()
    index = np.repeat(np.arange(size), np.diff(pattern.indptr)), pattern.indices
    total, typical = (local + exchange).toarray()[index], exchange.toarray()[index]
    structure = Structure(
        pattern.indptr.astype(np.int32),
        pattern.indices.astype(np.int32),
        np.flatnonzero(index[0] == index[1]),
        typical,
        tuple(blocks),
    )
    scale = np.empty(size)
    for block in blocks:
        scale[block.rows] = block.scale
    return System(structure, total, rng.normal(size=size) * scale)


@pytest.fixture
def tree_system() -> Callable[..., System]:
    """Make a system of two fields on a forest and two local ones, whose sizes differ by six orders of magnitude."""

    def make(seed: int = 0, n: int = 60, junctions: int = 6, trees: int = 2, strength: float = 0.5) -> System:
        rng = np.random.default_rng(seed)
        fields = {"v": 65.0, "ca[cyt]": 1e-4, "gate": 1.0, "buffer": 1e-2}
        parent, order = forest(rng, n, junctions, trees)
        plan = hines.plan_elimination(parent, order)
        rank = np.empty(len(parent))
        rank[plan.node] = -np.arange(len(parent))
        size, blocks = n * len(fields), []
        exchange = sparse.csr_array((size, size))
        for k, (label, typical) in enumerate(fields.items()):
            rows, known = k * n + np.arange(n), None
            if k < 2:
                capacity = np.concatenate([rng.uniform(0.5, 2, n), np.zeros(junctions)])
                conductance = np.where(parent < 0, 0.0, rng.uniform(0.1, 10, len(parent)))
                first, second, g = star_mesh(Transport(label, k * n, n, capacity, parent, conductance, plan))
                edges = sparse.csr_array((g, (first, second)), shape=(size, size))
                laplacian = edges + edges.T - sparse.diags_array((edges + edges.T).sum(axis=1))
                inverse = np.ones(size)
                inverse[rows] = 1.0 / capacity[:n]
                exchange = exchange + sparse.diags_array(inverse) @ laplacian
                leaving = -exchange.diagonal()[rows]
                known = Forest(plan, conductance, capacity[:n], leaving)
            blocks.append(
                Block(label.replace("[", "_").strip("]"), "tree" if known else "local", rows, rank[:n], typical, known)
            )
        return as_system(rng, size, coupled(rng, fields, n, strength), exchange.tocsr(), blocks)

    return make


@pytest.fixture
def grid_system() -> Callable[..., System]:
    """Make a system of two fields on a box of voxels and a local one."""

    def make(seed: int = 0, m: int = 6, strength: float = 0.5) -> System:
        rng = np.random.default_rng(seed)
        fields = {"ca": 1e-4, "ip3": 1e-3, "h": 1.0}
        line = sparse.diags_array([np.ones(m - 1), np.ones(m - 1)], offsets=[-1, 1])
        line = line - sparse.diags_array(line.sum(axis=1))
        one = sparse.eye_array(m)
        box = (
            sparse.kron(sparse.kron(line, one), one)
            + sparse.kron(sparse.kron(one, line), one)
            + sparse.kron(sparse.kron(one, one), line)
        )
        n = m**3
        exchange = sparse.block_diag([2.0 * box, 5.0 * box, sparse.csr_array((n, n))], format="csr")
        places = [k * n + np.arange(n) for k in range(3)]
        blocks = [
            Block(label, "grid" if k < 2 else "local", places[k], np.arange(n), typical)
            for k, (label, typical) in enumerate(fields.items())
        ]
        return as_system(rng, 3 * n, coupled(rng, fields, n, strength), sparse.csr_array(exchange), blocks)

    return make
