"""Systems made by hand: fields on random forests with branch points or on grids, and local unknowns beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pytest
from scipy import sparse

import geometry
import rxd
from cable import hines
from rxd import library
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


# --- compiled models ------------------------------------------------------------------------------------------------


def hodgkin_huxley() -> rxd.Model:
    """A branched cable that fires, driven at one end."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=7)
    model.insert(library.hh(), on=cell.all)
    model.add(rxd.IClamp(cell["parent"](0.0), delay=0.0, dur=5.0, amp=0.5))
    return model


def calcium_wave() -> rxd.Model:
    """Release from the endoplasmic reticulum under a spiking membrane, started by IP3 at one end."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=7)
    model.insert(library.hh(), on=cell.all)
    model.insert(library.cal(), on=cell["left"])
    cyt = rxd.Region(cell.all, "cyt", side="i", shape=rxd.FractionalVolume(0.83, surface_fraction=1))
    er, store = (
        rxd.Region(cell.all, "er", shape=rxd.FractionalVolume(0.17)),
        rxd.Region(cell.all, "store", shape=rxd.DistributedBoundary(1)),
    )
    ca = rxd.Species([cyt, er], "ca", d=0.08, charge=2, initial={cyt: 1e-4, er: 0.2})
    ip3 = rxd.Species(cyt, "ip3", d=1.4, initial=lambda nodes: np.where(nodes.x < 0.2, 1e-3, 1e-4))
    free, bound = rxd.Species(cyt, "free", initial=0.05), rxd.Species(cyt, "bound", d=0.01, initial=1e-3)
    model.add(library.ip3r(ca[cyt], ca[er], ip3[cyt], store, gmax=1.2e4), library.serca(ca[cyt], ca[er], store, vmax=0.4))
    model.add(library.er_leak(ca[cyt], ca[er], store, g=6.0), library.buffer(ca[cyt], free[cyt], bound[cyt], kf=75.0, kb=0.03))
    model.add(rxd.IClamp(cell["parent"](0.0), delay=0.0, dur=5.0, amp=0.5))
    return model


def electrogenic_pump() -> rxd.Model:
    """A pump so strong in a thin dendrite that it sets the voltage."""
    cell = geometry.cylinder(100, 0.5)
    model = rxd.Model(cell, segments=15)
    model.insert(library.pas(g=1e-4), on=cell.all)
    cyt, border = rxd.Region(cell.all, "cyt", side="i"), rxd.Region(cell.all, "border", shape=rxd.membrane)
    ca = rxd.Species(cyt, "ca", d=0.3, charge=2, initial=lambda nodes: 1e-2 * np.exp(-20 * nodes.x))
    model.add(library.pmca(ca[cyt], None, border, vmax=2e3, kd=1e-3, rest=1e-4))
    return model


def ion_accumulation() -> rxd.Model:
    """Potassium collects outside, sodium inside, and the reversal potentials follow."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=5)
    model.insert(library.hh(), on=cell.all)
    cyt, out = rxd.Region(cell.all, "cyt", side="i"), rxd.Region(cell.all, "out", side="o", shape=rxd.Shell(1, 1.1))
    k = rxd.Species([cyt, out], "k", d=1.9, charge=1, initial={cyt: 54.4, out: 2.5})
    na = rxd.Species([cyt, out], "na", d=1.3, charge=1, initial={cyt: 10.0, out: 140.0})
    model.add(k, na, rxd.IClamp(cell["parent"](0.0), delay=0.0, dur=5.0, amp=0.5))
    return model


def buffered_voxels() -> rxd.Model:
    """Calcium and its buffer in voxels under a membrane that fires."""
    cell = geometry.cylinder(8, 2)
    model = rxd.Model(cell, segments=3)
    model.insert(library.hh(), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i", dimension=3, dx=0.5)
    ca = rxd.Species(cyt, "ca", d=0.3, charge=2, initial=lambda nodes: 1e-4 + 1e-3 * (nodes.x < 0.5))
    free, bound = rxd.Species(cyt, "free", initial=0.05), rxd.Species(cyt, "bound", initial=0.0)
    model.add(library.buffer(ca[cyt], free[cyt], bound[cyt], kf=75.0, kb=0.03))
    model.add(rxd.IClamp(cell.all(0.5), delay=0.0, dur=5.0, amp=0.05))
    return model


@pytest.fixture(scope="session")
def models() -> Mapping[str, Callable[[], rxd.Model]]:
    """Builders of the models the coupled step is made for, by name."""
    made = (hodgkin_huxley, calcium_wave, electrogenic_pump, ion_accumulation, buffered_voxels)
    return MappingProxyType({build.__name__: build for build in made})
