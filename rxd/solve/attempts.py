"""Trying a step: the stages of a Rosenbrock method from a state over a length, by the linear solver at hand.

In: `Equations`, a linear solver, a `Tableau` and tolerances. Out: error, new state, stages for dense output. With the direct
solver the whole step is one compiled call (`rxd.solve.direct_step`); with others it goes stage by stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from geometry.records import dataclass
from rxd.discretize.records import LANES
from rxd.solve.aligned import aligned_zeros, together
from rxd.solve.direct import DirectSolver
from rxd.solve.direct_lanes import compile_kernels_of
from rxd.solve.direct_march import (
    AGAIN,
    BEFORE,
    ERROR,
    LONGEST,
    N_NUMBERS,
    ORDER,
    REFUSED,
    SAMPLE,
    STEP,
    TIME,
    UNTIL,
    WANTED,
    march,
)
from rxd.solve.direct_nodes import BLOCK, JACOBIAN, LANES_AT, NODES, UNKNOWNS
from rxd.solve.direct_step import Step
from rxd.solve.direct_step import add_stages as add_stages_in_lanes
from rxd.solve.direct_tree import WIDTH
from rxd.solve.equations import Electrodes, Equations
from rxd.solve.kept import Kept, entry
from rxd.solve.lane_system import Exchange as LaneEdges
from rxd.solve.lane_system import close_step, open_step, right_side
from rxd.solve.linear import LinearSolver, SolverStatistics
from rxd.solve.stages import add_stages, add_vector, sum_stages, worst_error
from rxd.solve.tableau import Tableau

HUGE: Final = 1e300
"""Tolerance of what nobody asks for; infinity has no reciprocal that a vector unit could estimate."""


INSTANT: Final = 1e-12
"""A step so short, in ms, that its first stage is the rate at its beginning."""
AT_ONCE: Final = 10**7
"""Unknowns times steps that one compiled call may take: until it returns, nobody can interrupt it."""


TRAIL: Final = 1024
"""Steps whose ends are noted in one call."""


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """Where steps lead that need nobody's decision, and what would.

    Attributes
    ----------
    t, until : float
        Begin and end, ms.
    wanted, longest : float
        Length of the next step, and of the longest if they are chosen by the error, ms.
    before : float
        Error of the step before.
    order : float
        Of the controller; 0 for steps of one length.
    sample : float
        A step that ends later is not accepted: samples are due.
    positions, thresholds, seen : ndarray
        Nor is one in which one of these unknowns rises above its threshold; what they were last.
    trail : ndarray of int or None
        Unknowns that somebody wants to know at the end of every step.
    most : int
        So many steps at most, if there is a trail.
    grid : (ndarray of int, ndarray) or None
        Unknowns that somebody wants to know at some times before ``sample``, and these times.
    """

    t: float
    until: float
    wanted: float
    longest: float
    before: float
    order: float
    sample: float
    positions: np.ndarray
    thresholds: np.ndarray
    seen: np.ndarray
    trail: np.ndarray | None = None
    most: int = TRAIL
    grid: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How many steps were accepted, where that led; length and error of one that was made but not accepted, 0 if there is none.

    ``refused``: how many were too long, besides; ``again``: the one made but not accepted is shorter than one of these.
    ``wanted`` and ``before`` as in `Way`. ``ends (steps,)`` and ``values (steps, k)``: of the trail. ``sampled (n, k)``: of the
    grid, at the times that were reached.
    """

    steps: int
    t: float
    wanted: float
    before: float
    h: float
    error: float
    refused: int
    again: bool
    ends: np.ndarray
    values: np.ndarray
    sampled: np.ndarray


class Attempt(Protocol):
    """Makes steps one after the other; has the state between two of them, and the stages of the one made last."""

    def begin(self, y: np.ndarray) -> None:
        """A state from somewhere else."""
        ...

    def place(self, electrodes: Electrodes) -> None:
        """What clamps do from now on."""
        ...

    def rates(self, t: float, y: np.ndarray, out: np.ndarray) -> None:
        """``f(t, y)`` into ``out``, precise enough to choose a step by; a state from somewhere else, where one will begin."""
        ...

    def linearise(self, t: float) -> None:
        """Rates and Jacobian at the state, from which one step or more will be tried."""
        ...

    def make(self, t: float, h: float) -> float:
        """Try a step over h: its error in units of the tolerance, infinite if it failed."""
        ...

    def ahead(self, way: Way) -> Progress | None:
        """Make and accept steps while nothing happens; None from those who make one at a time."""
        ...

    def worst(self) -> int:
        """State position of the unknown with the largest error in the step made last, or of one that is no number."""
        ...

    def errors(self) -> np.ndarray:
        """Estimated error of every unknown in the step made last, in its unit."""
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

    def end(self, out: np.ndarray) -> None:
        """State at the end of the step made last and not yet accepted, to the last bit."""
        ...

    def stages_at(self, position: int) -> tuple[float, np.ndarray]:
        """One unknown at the beginning of the step made last, and its stages, shape (stages,)."""
        ...

    def solved(self) -> bool:
        """Whether the first stage of the step made last is finite: its matrix could be factorised."""
        ...


class LaneSolver(Protocol):
    """A linear solver from outside that works on arrays in lanes, preconditioned by the embedded one."""

    embedded: DirectSolver

    def work_on(self, right: np.ndarray, solutions: Sequence[np.ndarray], position: np.ndarray) -> None:
        """The arrays it will solve for and into; the state position of every lane."""
        ...

    def update(self) -> None:
        """The embedded solver has new factors."""
        ...

    def solve(self, i: int) -> int:
        """Solve into the i-th array; returns iterations."""
        ...


class StagedAttempt:
    """Stage by stage through the seam of linear solvers."""

    def __init__(self, equations: Equations, solver: LinearSolver, table: Tableau, atol: np.ndarray, rtol: float) -> None:
        self._equations, self._solver, self._table = equations, solver, table
        self._tolerance, self._worst = (atol, rtol), 0
        self._linearisation = equations.make_linearisation(equations.electrodes(0.0))
        size = equations.size
        self._stages = np.zeros((table.stages, size))
        self._y, self._new, self._f0, self._point, self._rates, self._rest = (aligned_zeros(size) for _ in range(6))

    def begin(self, y: np.ndarray) -> None:
        """A state from somewhere else."""
        self._y[:] = y

    def place(self, electrodes: Electrodes) -> None:
        """What clamps do from now on."""
        self._linearisation.electrodes = electrodes

    def rates(self, t: float, y: np.ndarray, out: np.ndarray) -> None:
        """Right-hand side."""
        self.begin(y)
        self._equations.rates(t, y, self._linearisation.electrodes, out)

    def linearise(self, t: float) -> None:
        """Rates and Jacobian at the state."""
        self._equations.linearise(t, self._y, self._f0, self._linearisation)

    def make(self, t: float, h: float) -> float:
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
        error, self._worst = worst_error(self._rest, y, self._new, *self._tolerance)
        return float(error)

    def ahead(self, way: Way) -> Progress | None:
        """One step at a time."""
        return None

    def worst(self) -> int:
        """Where the error is largest."""
        return int(self._worst)

    def errors(self) -> np.ndarray:
        """Estimated errors of the last step."""
        return np.asarray(self._table.e @ self._stages)

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

    def end(self, out: np.ndarray) -> None:
        """State at the end of the last step."""
        out[:] = self._new

    def stages_at(self, position: int) -> tuple[float, np.ndarray]:
        """Beginning and stages of one unknown."""
        return float(self._y[position]), self._stages[:, position].copy()

    def solved(self) -> bool:
        """Whether the first stage is finite."""
        return bool(np.isfinite(self._stages[0]).all())


class CompiledAttempt:
    """All stages in one compiled call; between steps, too, the state and all that has its shape are kept in lanes."""

    def __init__(
        self,
        equations: Equations,
        solver: DirectSolver,
        table: Tableau,
        atol: np.ndarray,
        rtol: float,
        apart: bool = False,
    ) -> None:
        self._solver, self._plan = solver, solver.plan
        plan = solver.plan
        self._size = size = plan.sizes[2]
        self._stages, y, new, rates, drift, self._inside = together([table.stages * size, *5 * [size]])
        if table.fresh[1:].all() and not apart:
            rates = self._stages[:size]
        self._atol = np.full(size, HUGE)  # of copies of nodes, and of v of point processes, which is their segment's
        self._atol[plan.lane] = atol
        allowed = row_tolerances(self._atol, plan.table)
        rows = max(BLOCK // LANES * int(plan.table[:, UNKNOWNS].max()), int(plan.table[:, JACOBIAN].max()))
        work, most, weights = aligned_zeros(2 * rows * LANES), aligned_zeros(2 * WIDTH), np.zeros(table.stages)
        rest = (rates, self._stages, drift, work, allowed, most, weights)
        gamma, a, c, alpha, slopes, fresh, mixture = table.arrays
        arrays = (gamma, a, c, alpha, slopes * bool(equations.timed), fresh, mixture)
        self._error_weights = table.e
        self._gamma, self._order = table.gamma, float(table.order)
        # the state and the new state change places with every step
        forms = equations.kernels.forms
        self._kept = Kept(Step(rtol, arrays, (y, new, *rest), plan.fields, solver.arrays), forms)
        self._following = Kept(Step(rtol, arrays, (new, y, *rest), plan.fields, solver.arrays), forms)
        self._polynomials = table.polynomials
        self._ahead = table.alpha + table.drift  # what grows with time counts in a stage as it is then
        self._placed = equations.electrodes(0.0)
        self._clamps = solver.clamps(self._placed, self._ahead)
        self._prepare(equations)

    def _prepare(self, equations: Equations) -> None:
        """Compile what a step needs."""
        self._numbers, nothing = np.zeros(N_NUMBERS), np.zeros(0)
        self._nobody = np.zeros(0, dtype=np.int64), nothing, nothing
        self._untrodden = np.zeros(0, dtype=np.int64), nothing, np.zeros((0, 0))
        self._unsampled = self._grid(np.zeros(0, dtype=np.int64), nothing)
        apart = equations.kernels.apart
        notes = self._nobody, self._untrodden, self._unsampled
        arguments = (self._kept, self._following, 1, self._numbers, self._clamps, *notes)
        apart.ask(march, *arguments)  # if it has not been told so
        self._solver.ask(apart)
        apart.ask(add_stages_in_lanes, self._lanes[0], self._stages, np.zeros(1), self._inside)  # of the first sample
        compile_kernels_of(self._plan.table, equations.kernels.groups, eliminating=True)
        apart.settle()
        self._solver.make_ready()
        self._march = equations.kernels.forms.find(march, arguments, lambda: entry(march, *arguments))

    @property
    def _lanes(self) -> tuple[np.ndarray, ...]:
        """State, new state and the rest, in lanes."""
        lanes: tuple[np.ndarray, ...] = self._kept.values.lanes
        return lanes

    def _grid(self, place: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, ...]:
        """What `march` fills in at times within steps."""
        reached, polynomials = np.zeros(1, dtype=np.int64), self._polynomials
        return place, times, np.zeros((len(times), len(place))), reached, polynomials, np.zeros(polynomials.shape[1])

    def begin(self, y: np.ndarray) -> None:
        """A state from somewhere else."""
        self._plan.load(y, self._lanes[0])

    def place(self, electrodes: Electrodes) -> None:
        """What clamps do from now on."""
        placed = self._placed
        same = electrodes.slope is None and placed.slope is None
        same = same and np.array_equal(electrodes.current, placed.current)
        if not (same and np.array_equal(electrodes.conductance, placed.conductance)):
            self._clamps, self._placed = self._solver.clamps(electrodes, self._ahead), electrodes

    def rates(self, t: float, y: np.ndarray, out: np.ndarray) -> None:
        """The first stage of a step of no length: ``(1 / (gamma h) - J) U = f``, where what is compiled for steps does it."""
        self.begin(y)
        self.make(t, INSTANT)
        self._plan.store(self._stages[: self._size], out)
        out /= self._gamma * INSTANT

    def linearise(self, t: float) -> None:
        """Every try does that itself: what it needs of the Jacobian is gone from the cache by the time of another."""

    def make(self, t: float, h: float) -> float:
        """Try a step; see `Attempt`."""
        self._numbers[:ERROR] = t, np.inf, -np.inf, h, np.inf, 1.0, self._order, 0.0  # of an order: its error is asked for
        notes = self._nobody, self._untrodden, self._unsampled
        self._march(self._kept, self._following, 1, self._numbers, self._clamps, *notes)
        return float(self._numbers[ERROR])

    def ahead(self, way: Way) -> Progress | None:
        """Many steps in one compiled call; see `Attempt`."""
        numbers = self._numbers
        numbers[[TIME, UNTIL, SAMPLE, WANTED, LONGEST]] = way.t, way.until, way.sample, way.wanted, way.longest
        numbers[[BEFORE, ORDER, AGAIN]] = way.before, way.order, 0.0
        watch = self._plan.lane[way.positions], way.thresholds, way.seen
        most, trail = max(1, AT_ONCE // self._size), self._untrodden
        if way.trail is not None:
            most = min(most, way.most)
            trail = self._plan.lane[way.trail], np.zeros(most), np.zeros((most, len(way.trail)))
        grid = self._unsampled if way.grid is None else self._grid(self._plan.lane[way.grid[0]], way.grid[1])
        found = int(self._march(self._kept, self._following, most, numbers, self._clamps, watch, trail, grid))
        steps, pending = (found, False) if found >= 0 else (-1 - found, True)
        if steps % 2:
            self.accept()
        t, wanted, before, h, error = numbers[[TIME, WANTED, BEFORE, STEP, ERROR]].tolist()
        noted = trail[1][:steps], trail[2][:steps], grid[2][: grid[3][0]]
        refused, again = int(numbers[REFUSED]), bool(numbers[AGAIN])
        return Progress(steps, t, wanted, before, h if pending else 0.0, error, refused, again, *noted)

    def worst(self) -> int:
        """Where the error is largest."""
        step = self._kept.values
        with np.errstate(all="ignore"):  # increments that are no numbers are what is looked for
            error = self._error_weights @ self._stages.reshape(-1, self._size)
        _, lane = worst_error(error, step.lanes[0], step.lanes[1], self._atol, step.rtol)
        return int(self._plan.source[lane])

    def errors(self) -> np.ndarray:
        """Estimated errors of the last step."""
        found = np.zeros(int(self._plan.source.max()) + 1)
        self._plan.store(self._error_weights @ self._stages.reshape(-1, self._size), found)
        return found

    def accept(self) -> None:
        """Take over the new state."""
        self._kept, self._following = self._following, self._kept

    def current(self, out: np.ndarray) -> None:
        """The state."""
        self._plan.store(self._lanes[0], out)

    def new_at(self, positions: np.ndarray) -> np.ndarray:
        """Some unknowns at the end of the last step."""
        return np.asarray(self._lanes[1][self._plan.lane[positions]])

    def inside(self, weights: np.ndarray, out: np.ndarray) -> None:
        """State inside the last step."""
        add_stages_in_lanes(self._lanes[0], self._stages, weights, self._inside)
        self._plan.store(self._inside, out)

    def end(self, out: np.ndarray) -> None:
        """State at the end of the last step."""
        self._plan.store(self._lanes[1], out)

    def stages_at(self, position: int) -> tuple[float, np.ndarray]:
        """Beginning and stages of one unknown."""
        lane = self._plan.lane[position]
        return float(self._lanes[0][lane]), self._stages[lane :: self._size].copy()

    def solved(self) -> bool:
        """Whether the first stage is finite."""
        return bool(np.isfinite(self._stages[: self._size]).all())


class OuterAttempt(CompiledAttempt):
    """Stage by stage in lanes: right-hand sides by compiled code, solutions by a solver from outside on the same arrays."""

    def __init__(
        self,
        equations: Equations,
        solver: LaneSolver,
        table: Tableau,
        atol: np.ndarray,
        rtol: float,
        statistics: SolverStatistics,
    ) -> None:
        self._outer, self._statistics, self._equations = solver, statistics, equations
        super().__init__(equations, solver.embedded, table, atol, rtol, apart=True)

    def _prepare(self, equations: Equations) -> None:
        compile_kernels_of(self._plan.table, equations.kernels.groups, eliminating=False)
        self._solver.make_ready()
        self._right = aligned_zeros(self._size)
        count = len(self._stages) // self._size
        self._solutions = [self._stages[i * self._size : (i + 1) * self._size] for i in range(count)]
        self._edges = edges_in_lanes(equations, self._plan.lane)
        self._electrodes = equations.electrodes(0.0)
        electrodes = self._driven(0, 0.0, 1.0)
        self._open = entry(open_step, self._kept, 0.0, 1.0, self._clamps)
        self._side = entry(right_side, self._kept, 0, 0.0, 1.0, electrodes, self._edges, self._right)
        self._close = entry(close_step, self._kept)
        self._outer.work_on(self._right, self._solutions, np.maximum(self._plan.source, 0))

    def place(self, electrodes: Electrodes) -> None:
        """What clamps do from now on."""
        super().place(electrodes)
        self._electrodes = electrodes

    def rates(self, t: float, y: np.ndarray, out: np.ndarray) -> None:
        """Right-hand side."""
        self.begin(y)
        self._equations.rates(t, y, self._electrodes, out)

    def right_side(self, i: int, t: float, h: float) -> np.ndarray:
        """Right-hand side of a stage of the step from t over h, in the order of the state; for the first one rates are made."""
        if i == 0:
            self._open(self._kept, t, h, self._clamps)
        found = np.empty(self._equations.size)
        self._side(self._kept, i, t, h, self._driven(i, t, h), self._edges, self._right)
        self._plan.store(self._right, found)
        return found

    def _driven(self, i: int, t: float, h: float) -> tuple[np.ndarray, np.ndarray]:
        """Currents and conductances of electrodes in a stage of the step from t over h."""
        return self._electrodes.current_at(t + float(self._ahead[i]) * h), self._electrodes.conductance

    def ahead(self, way: Way) -> Progress | None:
        """One step at a time: its stages are solved outside."""
        return None

    def make(self, t: float, h: float) -> float:
        """Try a step; see `Attempt`."""
        self._open(self._kept, t, h, self._clamps)
        self._outer.update()
        self._statistics.factorisations += 1
        for i in range(len(self._solutions)):
            self._side(self._kept, i, t, h, self._driven(i, t, h), self._edges, self._right)
            self._statistics.iterations += self._outer.solve(i)
            self._statistics.solves += 1
        return float(self._close(self._kept))


def edges_in_lanes(equations: Equations, lane: np.ndarray) -> LaneEdges:
    """Exchange between nodes by their places in lanes, in the order in which these are in memory."""
    edges, cable = equations.assembly.edges, equations.discretization.cable
    order = np.argsort(lane[edges.first], kind="stable")
    first, second, conductance = edges.first[order], edges.second[order], edges.conductance[order]
    voltage = np.arange(cable.start, cable.start + cable.n)
    inverse = edges.inverse_capacity
    return LaneEdges(
        lane[first].astype(np.int32),
        lane[second].astype(np.int32),
        conductance * inverse[first],
        conductance * inverse[second],
        lane[voltage],
        inverse[voltage],
    )


def row_tolerances(atol: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The least absolute tolerance in each row of lanes of every part: it belongs to a kind of unknown, and they are alike."""
    found = []
    for row in table:
        lanes = atol[row[LANES_AT] : row[LANES_AT] + row[NODES] * row[UNKNOWNS]]
        found.append(lanes.reshape(-1, row[UNKNOWNS], LANES).min(axis=(0, 2)))
    return np.concatenate(found)


def make_attempt(equations: Equations, solver: LinearSolver, table: Tableau, atol: np.ndarray, rtol: float) -> Attempt:
    """What tries steps with this linear solver."""
    if isinstance(solver, DirectSolver):
        return CompiledAttempt(equations, solver, table, atol, rtol)
    outer: LaneSolver | None = getattr(solver, "lane_solver", None)
    if outer is not None:
        return OuterAttempt(equations, outer, table, atol, rtol, solver.statistics)
    return StagedAttempt(equations, solver, table, atol, rtol)
