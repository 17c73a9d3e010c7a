"""Fields in voxels: for long steps multigrid keeps the number of iterations where it is when the grid is refined."""

from __future__ import annotations

import numpy as np
import pytest

import geometry
import rxd
from rxd.solve.petsc_system import LARGE_GRID

SIZES = (16, 24, 32)
DT = 200.0


def in_box(n: int) -> rxd.Model:
    """The same box of tissue in n^3 voxels."""
    model = rxd.Model(geometry.cylinder(1, 1), segments=1)
    ecs = rxd.Extracellular(0, 0, 0, 24, 24, 24, dx=24 / n, volume_fraction=0.2, tortuosity=1.6)
    model.add(rxd.Species(ecs, "u", d=2.62, initial=lambda p: 3 + 37 * np.exp(-((p.position - 8) ** 2).sum(axis=1) / 8)))
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


def test_short_steps_have_cheaper_factors() -> None:
    """A step that is not long against exchange between voxels takes few iterations without multigrid."""
    sim, count = stepped(in_box(16), 0.5)
    assert sim.stepper.solver._form.krylov._ksp.getPC().getFieldSplitSubKSP()[1].getPC().getType() == "ilu"
    assert count < 10
    sim.close()
    sim, _ = stepped(in_box(16), 200.0)
    assert sim.stepper.solver._form.krylov._ksp.getPC().getFieldSplitSubKSP()[1].getPC().getType() == "gamg"
    sim.close()
