"""Variable steps follow what Vectors play along straight lines: against solutions written down."""

from __future__ import annotations

import numpy as np
import pytest

from cable import EventQueue
from rxd.neuron import Session, h, rxd
from rxd.neuron.session import current_session
from rxd.solve.problem import State, Statistics
from rxd.solve.steppers import make_stepper

ATOL = 1e-6
AREA, G, C, E = 1e-4, 1e-4, 1.0, -70.0  # cm2, S/cm2, uF/cm2, mV
UP, DOWN = (2.0, 0.0), (6.0, 3e-3)  # ms, nA


@pytest.fixture
def cell():
    with Session():
        soma = h.Section(name="soma")
        soma.L = soma.diam = 100 * np.sqrt(1 / np.pi)
        soma.cm = C
        soma.insert("pas")
        soma.g_pas, soma.e_pas = G, E
        cvode = h.CVode()
        cvode.active(True)
        cvode.atol(ATOL)
        yield soma, cvode


def after_ramp(t: float) -> float:
    """V of the cell at rest until a current rises in a line from UP on."""
    tau, slope = 1e-3 * C / G, (DOWN[1] - UP[1]) / (DOWN[0] - UP[0])  # ms, nA/ms
    per_nA = 1e-6 / (G * AREA)  # mV/nA: 1e-9 A through a conductance in S, in mV
    s = max(t - UP[0], 0.0)
    return E + per_nA * slope * (s - tau * (1 - np.exp(-s / tau)))


def play(pointer: object, points: tuple[tuple[float, float], ...], continuous: int = 1) -> tuple[object, object]:
    times, values = (h.Vector(list(part)) for part in zip(*points, strict=True))
    values.play(pointer, times, continuous)
    return times, values


def test_current_that_rises(cell):
    soma, cvode = cell
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur = 0, 1e9
    kept = play(clamp._ref_amp, ((0, 0), UP, DOWN))
    steps, grid = h.Vector().record(h._ref_t), h.Vector().record(soma(0.5)._ref_v, 0.5)
    amp = h.Vector().record(clamp._ref_amp, 0.5)
    h.finitialize(E)
    for t in (3.0, 6.0):
        cvode.solve(t)
        assert soma(0.5).v == pytest.approx(after_ramp(t), abs=20 * ATOL)
    assert len(steps) < 150  # it is a line, not a staircase
    np.testing.assert_allclose(grid, [after_ramp(0.5 * k) for k in range(len(grid))], atol=20 * ATOL)
    np.testing.assert_allclose(amp, [max(0.5 * k - UP[0], 0) / 4 * DOWN[1] for k in range(len(amp))], atol=1e-12)
    assert kept


def test_solvers_agree(cell):
    """The direct solver's lanes and the stages of other solvers: the same line."""
    soma, _ = cell
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur = 0, 1e9
    h.finitialize(E)
    engine = current_session().run.engine
    slope = np.zeros(engine.discretization.cable.n)
    slope[0] = DOWN[1] / 4
    engine.electrodes.rise = (slope, UP[0])
    for solver in ("direct", "scipy", "petsc"):
        stepper = make_stepper("coupled", engine.problem, engine.stepper.problem.equations.kernels, solver=solver, atol=ATOL)
        state = State(UP[0], engine.y.copy(), engine.state.before, EventQueue())
        stepper.start(state)
        stepper.advance(state, 6.0, Statistics())
        assert state.y[0] == pytest.approx(after_ramp(6.0), abs=20 * ATOL), solver


def test_command_that_rises(cell):
    soma, cvode = cell
    clamp = h.SEClamp(soma(0.5))
    clamp.rs, clamp.dur1 = 1.0, 1e9
    kept = play(clamp._ref_amp1, ((0, E), (10, E + 20)))
    h.finitialize(E)
    cvode.solve(8.0)
    leak, electrode = G * AREA * 1e6, 1.0  # uS
    tau, slope = C * AREA * 1e3 / (leak + electrode), 2.0 * electrode / (leak + electrode)  # ms, mV/ms
    assert soma(0.5).v == pytest.approx(E + slope * (8.0 - tau * (1 - np.exp(-8.0 / tau))), abs=20 * ATOL)
    assert kept


def test_conductance_that_rises(cell):
    """No line for the solver, which cannot know it: stairs, whose error goes with the tolerance."""
    soma, cvode = cell
    kept = play(soma(0.5)._ref_g_pas, ((0, G), (10, 5 * G)))
    h.finitialize(E + 10)
    cvode.solve(5.0)
    total = 1e3 * (G * 5.0 + 0.5 * 4 * G / 10 * 25.0) / C
    assert soma(0.5).v == pytest.approx(E + 10 * np.exp(-total), abs=20 * ATOL)
    assert kept


def test_field_that_rises_and_voxels(cell):
    """e_extracellular of one of two segments in a line, with a species in voxels: a solver from outside steps."""
    soma, cvode = cell
    soma.L, soma.diam, soma.nseg = 4, 1, 2
    soma.insert("extracellular")
    region = rxd.Region([soma], name="cyt", nrn_region="i", dx=0.5)
    rxd.set_solve_type([soma], dimension=3)
    calcium = rxd.Species(region, name="ca", charge=2, d=0.1, initial=1e-4)
    kept = play(soma(0.25)._ref_e_extracellular, ((0, 0), (10, 5)))
    h.finitialize(E)
    cvode.solve(2.0)
    area = soma(0.25).area() * 1e-8
    leak, capacity, axial = G * area * 1e6, C * area * 1e3, 1.0 / soma(0.75).ri()  # uS, nF, uS
    tau, slope = capacity / (leak + 2 * axial), -0.5 * 2 * axial / (leak + 2 * axial)
    difference = slope * (2.0 - tau * (1 - np.exp(-2.0 / tau)))
    assert soma(0.25).v - soma(0.75).v == pytest.approx(difference, abs=20 * ATOL)
    assert kept
    assert calcium.nodes[0].concentration == pytest.approx(1e-4)


def test_jumps_on_a_grid_come_when_their_time_has_come() -> None:
    """Whether the steps meet the grid or not; between jumps what a script sets holds."""
    with Session():
        soma = h.Section(name="soma")
        soma.insert("extracellular")
        for step, dt in ((0.1, 0.025), (0.07, 0.025), (0.025, 0.025), (0.3, 0.1)):
            values = np.array([1.0, 1.0, 3.0, -2.0, -2.0, 5.0])
            played, single = h.Vector(values), h.Vector(1)
            played.play(soma(0.5)._ref_e_extracellular, step)
            played.play(single._ref_x[0], step)
            h.dt = dt
            h.finitialize(-65)
            held = values[0]
            for k in range(1, 30):
                h.fadvance()
                jumps = np.flatnonzero(step * np.arange(6) <= k * dt + 1e-9)
                before = np.flatnonzero(step * np.arange(6) <= (k - 1) * dt + 1e-9)
                held = values[jumps[-1]] if jumps[-1] > before[-1] else held
                assert soma(0.5).e_extracellular == single[0] == held
                if k % 7 == 0:
                    held = soma(0.5).e_extracellular = single[0] = 100.0 + k
            played.play_remove()
