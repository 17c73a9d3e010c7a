"""Trying a step: the stages of a Rosenbrock method from a state over a length, by the linear solver at hand.

In: `Equations`, a linear solver, a `Tableau` and tolerances. Out: error, new state, stages for dense output. With the direct
solver the whole step is one compiled call (`rxd.solve.direct_step`); with others it goes stage by stage.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.direct import DirectSolver
from rxd.solve.direct_nodes import JACOBIAN, UNKNOWNS, load_lanes, store_lanes
from rxd.solve.direct_step import Step, attempt
from rxd.solve.direct_step import add_stages as add_stages_in_lanes
from rxd.solve.equations import Electrodes, Equations
from rxd.solve.kept import Kept
from rxd.solve.linear import LinearSolver
from rxd.solve.stages import PIECE, add_stages, add_vector, sum_stages, worst_error
from rxd.solve.tableau import Tableau


class Attempt(Protocol):
    """Makes steps one after the other; has the state between two of them, and the stages of the one made last."""

    def begin(self, y: np.ndarray) -> None:
        """A state from somewhere else."""
        ...

    def place(self, electrodes: Electrodes) -> None:
        """What clamps do from now on."""
        ...

    def linearise(self, t: float) -> None:
        """Rates and Jacobian at the state, from which one step or more will be tried."""
        ...

    def make(self, t: float, h: float) -> tuple[float, int]:
        """Try a step over h: its error in units of the tolerance, infinite if it failed, and the state position of that."""
        ...

    def accept(self) -> None:
        """Take over the new state."""
        ...

    def current(self, out: np.ndarray) -> None:
        """The state."""
        ...

    def new_at(self, positions: np.ndarray) -> np.ndarray:
        """Some unknowns at the end of the step made last."""
        ...

    def inside(self, weights: np.ndarray, out: np.ndarray) -> None:
        """State inside the step made last and not yet accepted, by the weights of its stages."""
        ...

    def stages_at(self, position: int) -> tuple[float, np.ndarray]:
        """One unknown at the beginning of the step made last, and its stages, shape (stages,)."""
        ...

    def solved(self) -> bool:
        """Whether the first stage of the step made last is finite: its matrix could be factorised."""
        ...


class StagedAttempt:
    """Stage by stage through the seam of linear solvers."""

    def __init__(self, equations: Equations, solver: LinearSolver, table: Tableau, atol: np.ndarray, rtol: float) -> None:
        self._equations, self._solver, self._table = equations, solver, table
        self._tolerance = atol, rtol
        self._linearisation = equations.make_linearisation(equations.electrodes(0.0))
        size = equations.size
        self._stages = np.zeros((table.stages, size))
        self._y, self._new, self._f0, self._point, self._rates, self._rest = (np.zeros(size) for _ in range(6))

    def begin(self, y: np.ndarray) -> None:
        """A state from somewhere else."""
        self._y[:] = y

    def place(self, electrodes: Electrodes) -> None:
        """What clamps do from now on."""
        self._linearisation.electrodes = electrodes

    def linearise(self, t: float) -> None:
        """Rates and Jacobian at the state."""
        self._equations.linearise(t, self._y, self._f0, self._linearisation)

    def make(self, t: float, h: float) -> tuple[float, int]:
        """Try a step; see `Attempt`."""
        table, y, U, linearisation = self._table, self._y, self._stages, self._linearisation
        self._solver.prepare(linearisation, 1.0 / (table.gamma * h))
        for i in range(table.stages):
            weights = (table.a[i], table.c[i] / h)
            sum_stages(y, U, *weights, i, linearisation.drift, table.drift[i] * h, self._point, self._rest)
            if table.fresh[i]:
                self._equations.rates(t + table.alpha[i] * h, self._point, linearisation.electrodes, self._rates)
                add_vector(self._rest, self._rates)
            else:
                add_vector(self._rest, self._f0)
            self._solver.solve(self._rest, U[i])
        sum_stages(y, U, table.m, table.e, table.stages, linearisation.drift, 0.0, self._new, self._rest)
        error, worst = worst_error(self._rest, y, self._new, *self._tolerance)
        return float(error), int(worst)

    def accept(self) -> None:
        """Take over the new state."""
        self._y, self._new = self._new, self._y

    def current(self, out: np.ndarray) -> None:
        """The state."""
        out[:] = self._y

    def new_at(self, positions: np.ndarray) -> np.ndarray:
        """Some unknowns at the end of the last step."""
        return self._new[positions]

    def inside(self, weights: np.ndarray, out: np.ndarray) -> None:
        """State inside the last step."""
        add_stages(self._y, self._stages, weights, len(weights), out)

    def stages_at(self, position: int) -> tuple[float, np.ndarray]:
        """Beginning and stages of one unknown."""
        return float(self._y[position]), self._stages[:, position].copy()

    def solved(self) -> bool:
        """Whether the first stage is finite."""
        return bool(np.isfinite(self._stages[0]).all())


class CompiledAttempt:
    """All stages in one compiled call; between steps, too, the state and all that has its shape are kept in lanes."""

    def __init__(self, equations: Equations, solver: DirectSolver, table: Tableau, atol: np.ndarray, rtol: float) -> None:
        self._solver, self._plan = solver, solver.plan
        plan = solver.plan
        self._size = size = plan.sizes[2]
        self._stages = np.zeros(table.stages * size)
        y, new, rates, error, drift, self._inside = (np.zeros(size) for _ in range(6))
        allowed = np.full(size, np.inf)  # of copies of nodes, and of v of point processes, which is their segment's
        allowed[plan.lane] = atol
        rows = max(2 * int(plan.table[:, UNKNOWNS].max()), int(plan.table[:, JACOBIAN].max()))
        most, total = np.zeros(PIECE), np.zeros(PIECE)
        rest = (rates, error, self._stages, drift, np.zeros(rows * LANES), allowed, most, total, np.zeros(table.stages))
        gamma, a, c, alpha, slopes, *others = table.arrays
        arrays = (gamma, a, c, alpha, slopes if equations.timed else np.zeros_like(slopes), *others)
        # the state and the new state change places with every step
        self._kept = Kept(Step(rtol, arrays, (y, new, *rest), plan.fields, solver.arrays))
        self._following = Kept(Step(rtol, arrays, (new, y, *rest), plan.fields, solver.arrays))
        self._position = np.zeros(size, dtype=np.int64)
        self._position[plan.lane] = np.arange(len(plan.lane))
        self._clamps = solver.clamps(equations.electrodes(0.0))

    @property
    def _lanes(self) -> tuple[np.ndarray, ...]:
        """State, new state and the rest, in lanes."""
        lanes: tuple[np.ndarray, ...] = self._kept.values.lanes
        return lanes

    def begin(self, y: np.ndarray) -> None:
        """A state from somewhere else."""
        load_lanes(y, self._plan.table, self._plan.program, self._lanes[0])

    def place(self, electrodes: Electrodes) -> None:
        """What clamps do from now on."""
        self._clamps = self._solver.clamps(electrodes)

    def linearise(self, t: float) -> None:
        """Every try does that itself: what it needs of the Jacobian is gone from the cache by the time of another."""

    def make(self, t: float, h: float) -> tuple[float, int]:
        """Try a step; see `Attempt`."""
        error, worst = attempt(self._kept, t, h, self._clamps)
        return float(error), int(self._position[worst])

    def accept(self) -> None:
        """Take over the new state."""
        self._kept, self._following = self._following, self._kept

    def current(self, out: np.ndarray) -> None:
        """The state."""
        store_lanes(self._lanes[0], self._plan.table, self._plan.program, out)

    def new_at(self, positions: np.ndarray) -> np.ndarray:
        """Some unknowns at the end of the last step."""
        return np.asarray(self._lanes[1][self._plan.lane[positions]])

    def inside(self, weights: np.ndarray, out: np.ndarray) -> None:
        """State inside the last step."""
        add_stages_in_lanes(self._lanes[0], self._stages, weights, self._inside)
        store_lanes(self._inside, self._plan.table, self._plan.program, out)

    def stages_at(self, position: int) -> tuple[float, np.ndarray]:
        """Beginning and stages of one unknown."""
        lane = self._plan.lane[position]
        return float(self._lanes[0][lane]), self._stages[lane :: self._size].copy()

    def solved(self) -> bool:
        """Whether the first stage is finite."""
        return bool(np.isfinite(self._stages[: self._size]).all())


def make_attempt(equations: Equations, solver: LinearSolver, table: Tableau, atol: np.ndarray, rtol: float) -> Attempt:
    """What tries steps with this linear solver."""
    if isinstance(solver, DirectSolver):
        return CompiledAttempt(equations, solver, table, atol, rtol)
    return StagedAttempt(equations, solver, table, atol, rtol)
