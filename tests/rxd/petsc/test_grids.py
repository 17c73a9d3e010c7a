"""Fields in voxels: for long steps multigrid keeps the number of iterations where it is when the grid is refined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse

import geometry
import rxd
from rxd.solve.petsc_box import box_of
from rxd.solve.petsc_system import LARGE_GRID

SIZES = (16, 24, 32)
DT = 200.0


def in_box(n: int, *reactions: Callable[[rxd.Species], rxd.Rate]) -> rxd.Model:
    """The same box of tissue in n^3 voxels."""
    model = rxd.Model(geometry.cylinder(1, 1), segments=1)
    ecs = rxd.Extracellular(0, 0, 0, 24, 24, 24, dx=24 / n, volume_fraction=0.2, tortuosity=1.6)
    u = rxd.Species(ecs, "u", d=2.62, initial=lambda p: 3 + 37 * np.exp(-((p.position - 8) ** 2).sum(axis=1) / 8))
    model.add(u, *(reaction(u) for reaction in reactions))
    return model


def in_ball(n: int) -> rxd.Model:
    """The same ball in n voxels across: slivers included, whose rates are hundreds of times those of others."""
    at = -np.cos(np.linspace(0, np.pi, 61))
    points = np.column_stack([4 * at, np.zeros(61), np.zeros(61), 8 * np.sqrt(np.maximum(1 - at**2, 1e-8))])
    cell = geometry.Morphology.from_sections([geometry.SectionSpec("ball", points, kind="soma")])
    model = rxd.Model(cell, segments=1)
    cyt = rxd.Region(cell.all, "cyt", side="i", dimension=3, dx=8 / n)
    model.add(rxd.Species(cyt, "u", d=0.6, initial=lambda p: 1 + np.exp(-((p.position - 1) ** 2).sum(axis=1) / 2)))
    return model


def stepped(model: rxd.Model, dt: float = DT, **options: object) -> tuple[rxd.Simulation, float]:
    """After a step, and the mean number of iterations of a linear solve."""
    sim = model.compile("coupled", solver="petsc", adaptive=False, dt=dt, **options)
    done = sim.run(dt).statistics
    return sim, done.iterations / done.solves


@pytest.mark.filterwarnings("ignore::geometry.voxelize.VoxelWarning")
@pytest.mark.parametrize("make", [in_box, in_ball])
def test_iterations_do_not_grow_with_resolution(make: object) -> None:
    counts = []
    for n in SIZES:
        sim, count = stepped(make(n))  # type: ignore[operator]
        assert sim.problem.size > LARGE_GRID
        counts.append(count)
        sim.close()
    assert max(counts) < 1.15 * min(counts), counts
    assert max(counts) < 15


@pytest.mark.filterwarnings("ignore::geometry.voxelize.VoxelWarning")
def test_multigrid_and_incomplete_factors_give_the_same() -> None:
    """Rows weighed by capacities are the same equations; factors alone take more and more iterations."""
    multigrid, few = stepped(in_ball(16))
    plain, many = stepped(in_ball(16), petsc_options={"fieldsplit_u_cyt_pc_type": "ilu"})
    np.testing.assert_allclose(plain.values("u[cyt]"), multigrid.values("u[cyt]"), rtol=1e-8)
    assert many > 2 * few
    volume = multigrid.discretization.capacity[multigrid.discretization.layout["u[cyt]"].order]
    before = volume @ multigrid.problem.initial[multigrid.discretization.layout["u[cyt]"].order]
    assert volume @ multigrid.values("u[cyt]") == pytest.approx(before, rel=1e-8)
    multigrid.close(), plain.close()


@pytest.mark.filterwarnings("ignore::geometry.voxelize.VoxelWarning")
def test_short_steps_have_cheaper_factors() -> None:
    """A step that is not long against exchange between voxels takes few iterations without multigrid."""
    sim, count = stepped(in_ball(16), 0.02)
    assert sim.stepper.solver._form.krylov._ksp.getPC().getFieldSplitSubKSP()[1].getPC().getType() == "ilu"
    assert count < 10
    sim.close()
    sim, _ = stepped(in_ball(16), 200.0)
    assert sim.stepper.solver._form.krylov._ksp.getPC().getFieldSplitSubKSP()[1].getPC().getType() == "gamg"
    sim.close()


@pytest.mark.parametrize("dt", [0.5, 200.0])
@pytest.mark.parametrize("size", [(24, 24, 24), (24, 12, 6), (24, 18, 2), (24, 1, 9), (1, 30, 1)])
def test_cosines_solve_a_box_whatever_its_shape_and_the_step(size: tuple[int, int, int], dt: float) -> None:
    def made() -> rxd.Model:
        model = rxd.Model(geometry.cylinder(1, 1), segments=1)
        ecs = rxd.Extracellular(0, 0, 0, *size, dx=1, volume_fraction=0.2, tortuosity=1.6)
        profile = lambda p: 3 + np.exp(-((p.position - 3) ** 2).sum(axis=1) / 8)  # noqa: E731
        model.add(rxd.Species(ecs, "u", d=(2.62, 1.0, 0.3), initial=profile))
        return model

    cosines, count = stepped(made(), dt)
    factors, _ = stepped(made(), dt, petsc_options={"fieldsplit_u_ecs_pc_type": "ilu"})
    assert "1 in boxes of equal voxels" in cosines.explain()
    assert count == 1
    np.testing.assert_allclose(cosines.values("u[ecs]"), factors.values("u[ecs]"), rtol=1e-9)
    assert cosines.values("u[ecs]").mean() == pytest.approx(cosines.problem.initial[-np.prod(size) :].mean(), rel=1e-12)
    cosines.close(), factors.close()


@pytest.mark.parametrize(("rate", "method"), [(0.002, "python"), (2.0, "ilu")])
def test_what_differs_from_voxel_to_voxel_is_left_to_the_krylov_method(rate: float, method: str) -> None:
    """Little of it: where voxels have very different rates of their own, incomplete factors take fewer iterations."""

    def made() -> rxd.Model:
        return in_box(16, lambda u: rxd.Rate(u, -rate * u * u))

    cosines, count = stepped(made(), 5.0)
    used = cosines.stepper.solver._form.krylov._ksp.getPC().getFieldSplitSubKSP()[1].getPC().getType()
    factors, many = stepped(made(), 5.0, petsc_options={"fieldsplit_u_ecs_pc_type": "ilu"})
    assert used == method
    assert f"{int(method == 'python')} in boxes of equal voxels" in cosines.explain()
    assert count <= many
    np.testing.assert_allclose(cosines.values("u[ecs]"), factors.values("u[ecs]"), rtol=1e-9)
    cosines.close(), factors.close()


def test_equal_voxels_are_solved_at_once_and_others_with_iterations() -> None:
    sim = in_box(16).compile("coupled", solver="petsc", adaptive=False, dt=1.0)
    form, assembly, rng = sim.stepper.solver._form, sim.problem.equations.assembly, np.random.default_rng(5)
    right, found, n = rng.normal(size=assembly.size), np.zeros(assembly.size), 16**3
    for differs in (0.0, 0.3, 0.0, 100.0, 0.0):
        data = assembly.exchange.copy()
        data[assembly.diagonal[-n:]] -= differs * rng.uniform(size=n)
        form.update(data, 0.2)
        iterations = form.solve(right, found)
        assert (iterations == 1) == form.krylov._exact == (differs == 0)
        assert f"{int(differs < 1)} in boxes of equal voxels" in form.describe()
        np.testing.assert_allclose(0.2 * found - assembly.matrix(data) @ found, right, atol=1e-9)
    sim.close()


@pytest.mark.parametrize(
    ("space", "atol", "method"), [("box", 1e-3, "near4"), ("box", 1e-7, "rodas4p"), ("cable", 1e-3, "rodas4p")]
)
def test_in_voxels_the_absolute_tolerance_chooses_the_method_too(space: str, atol: float, method: str) -> None:
    model = in_box(4) if space == "box" else rxd.Model(geometry.cylinder(1, 1), segments=1)
    sim = model.compile("coupled", rtol=1e-10, atol=atol)
    assert f"Rosenbrock method {method}, chosen by" in sim.explain()
    sim.close()


def chain(*shape: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exchange in a box of this shape, as CSR."""
    n = int(np.prod(shape))
    at, dense = np.arange(n).reshape(shape), np.zeros((n, n))
    for axis in range(len(shape)):
        low, high = (np.moveaxis(at, axis, 0)[part].ravel() for part in (slice(None, -1), slice(1, None)))
        dense[low, high] = dense[high, low] = 1.0 + axis
    np.fill_diagonal(dense, -dense.sum(axis=1))
    matrix = scipy.sparse.csr_matrix(dense)
    return matrix.indptr, matrix.indices, matrix.data


@pytest.mark.parametrize("wrong", ["open", "unequal", "missing", "far", "one way", None])
def test_what_is_no_box_of_equal_voxels_with_closed_sides_is_not_taken_for_one(wrong: str | None) -> None:
    indptr, indices, data = chain(4, 3, 5)
    row = np.repeat(np.arange(60), np.diff(indptr))
    own = np.flatnonzero(row == indices)
    if wrong == "open":
        data[own[0]] -= 0.1
    elif wrong in ("unequal", "missing"):  # a face between the first two voxels
        change = data[own[0] + 1] * (1.0 if wrong == "missing" else 0.1)
        for here, there in ((0, 1), (1, 0)):
            data[np.flatnonzero((row == here) & (indices == there))] -= change
            data[own[here]] += change
    elif wrong in ("far", "one way"):  # the first voxel and the last exchange, or one gets from the other
        dense = scipy.sparse.csr_matrix((data, indices, indptr)).tolil()
        dense[59, 0], dense[59, 59] = 0.3, dense[59, 59] - 0.3
        if wrong == "far":
            dense[0, 59], dense[0, 0] = 0.3, dense[0, 0] - 0.3
        far = dense.tocsr()
        indptr, indices, data = far.indptr, far.indices, far.data
    box = box_of(indptr, indices, data, np.arange(60))
    assert (box is None) == (wrong is not None)
    if box is not None:
        assert box.shape == (4, 3, 5)
        np.testing.assert_array_equal(box.rates, [1, 2, 3])
