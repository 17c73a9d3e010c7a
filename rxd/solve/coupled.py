"""The coupled stepper: voltage, gates, chemistry and diffusion in one linearly implicit, error-controlled step.

In: a `Problem` with `Equations`. A step linearises the whole system once, with its exact Jacobian, and solves one linear
system per stage of a Rosenbrock method (`rxd.solve.tableau`); which linear solver does it is a matter of `rxd.solve.linear`.
The error estimate sets the next step, the dense output serves samples, and steps end at nothing but the jumps of clamps and
events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from geometry.records import dataclass
from rxd.errors import ConvergenceError, DeclarationError
from rxd.solve.attempts import TRAIL, Attempt, Progress, Way, make_attempt
from rxd.solve.controller import (
    ROUND_OFF,
    SMALLEST,
    Controller,
    absolute_tolerance,
    first_step,
    fitted_step,
    probing_step,
    shortest_step,
)
from rxd.solve.direct import DirectSolver
from rxd.solve.direct_lanes import refresh_fields
from rxd.solve.direct_march import march, march_example
from rxd.solve.linear import SolveError, make_linear_solver
from rxd.solve.problem import Problem, Reason, Sampler, State, Statistics, StepResult
from rxd.solve.steady import steady_state
from rxd.solve.tableau import Tableau, find_tableau

OFTEN = 1000
"""Jumps from which on it is worth compiling the rates alone to choose the step after one: till then a step tells them."""
SHORTEST_CUT = 1e-6
"""No step is made shorter than this, in ms, to deliver an event in time."""


@dataclass(slots=True)
class Trial:
    """A step that was tried: its length, its error in units of the tolerance, whether a longer one was tried in vain."""

    h: float
    error: float
    again: bool = False


class CoupledStepper:
    """Rosenbrock steps of the whole system.

    Parameters
    ----------
    problem : Problem
    kernels : rxd.codegen.kernels.Kernels
        Compiled for "coupled".
    dt : float, optional
        Fixed step in ms; with ``adaptive=True`` the longest one.
    adaptive : bool, optional
        Choose steps by the error; by default unless ``dt`` is given.
    rtol : float
        Tolerated error of a step relative to each unknown.
    atol : float, optional
        Absolute part in the unit of each unknown, times the species' ``atolscale``; by default ``rtol`` times a typical small
        value of each, see `rxd.solve.controller.absolute_tolerance`.
    solver : str
        "auto", "direct", "petsc" or "scipy".
    tableau : str
        "near4", "rodas4p", "rodas3" or "rodas5p"; "auto" (default) is the first one, below rtol = 1e-5 the second: in voxels
        where both rtol and a given atol are below.
    initialise : str
        "declared" begins with the declared initial values, "steady" with the steady state that they lead to.
    petsc_options : mapping or str, optional
        For ``solver="petsc"``.
    """

    name = "coupled"
    dense = True

    def __init__(
        self,
        problem: Problem,
        kernels: Any,
        dt: float | None = None,
        adaptive: bool | None = None,
        rtol: float = 1e-4,
        atol: float | None = None,
        solver: str = "auto",
        tableau: str = "auto",
        initialise: str = "declared",
        petsc_options: Any = None,
    ) -> None:
        self.problem = problem
        self.equations = problem.equations
        self.adaptive = dt is None if adaptive is None else bool(adaptive)
        _check(self.adaptive, dt, rtol, atol, initialise)
        self.dt = dt
        self.rtol = float(rtol)
        self.atol = absolute_tolerance(problem, self.rtol, atol)
        self.initialise = initialise
        # solving in voxels is what a step costs, and with rtol = 0, as in NEURON, atol says how precise it is to be
        by_both = atol is not None and bool(problem.discretization.graphs)
        self.tableau: Tableau = find_tableau(tableau, max(self.rtol, float(atol or 0.0)) if by_both else self.rtol)
        self._chosen = f", chosen by {'tolerances' if by_both else 'rtol'}," if tableau == "auto" else ""
        self._electrodes = self.equations.electrodes(0.0)
        self.controller = Controller(min(self.tableau.embedded_order, self.tableau.order) + 1)
        self.solver = make_linear_solver(solver, self.equations, petsc_options)
        made = self.tableau if self.adaptive else self.tableau.unjudged()
        self._attempt: Attempt = make_attempt(self.equations, self.solver, made, self.atol, self.rtol)
        size = problem.size
        self._sample, self._rates, self._moved_rates = (np.zeros(size) for _ in range(3))

    @staticmethod
    def shared(system: Any, options: Mapping[str, Any]) -> tuple[Any, ...]:
        """Compiled functions that take longest to compile, each with arguments of its types, if these options need them.

        They do not depend on the model.
        """
        direct = options.get("solver", "auto") in ("auto", "direct")
        needed = direct and all(group.space in ("segments", "points") for group in system.groups)
        return ((march, march_example()),) if needed else ()

    def start(self, state: State) -> None:
        """Begin at a state; the first step is estimated anew."""
        if self.initialise == "steady":
            state.y[:] = steady_state(self.equations, state.t, state.y, self.solver, self.atol, self.rtol)
            state.before[:] = state.y[self.problem.stimuli.detector_position]
        self.restart(state)

    def restart(self, state: State) -> None:
        """After a jump of the state or of a clamp: nothing is known of the error any more."""
        state.memory["fresh"] = np.ones(1)
        state.memory.setdefault("jumps", np.zeros(1))[0] += 1
        state.memory.setdefault("dt", np.zeros(1))
        state.memory["error"] = np.ones(1)

    def advance(self, state: State, until: float, statistics: Statistics, sampler: Sampler | None = None) -> StepResult:
        """Steps to ``until`` exactly, or to the end of a step with a spike; samples in between go to the sampler."""
        self._electrodes = self.equations.electrodes(state.t)
        self._attempt.place(self._electrodes)
        self._attempt.begin(state.y)
        try:
            while state.t < until:
                made = self._ahead(state, until, statistics, sampler)
                spikes = self._step(state, until, statistics, sampler, made) if state.t < until else ()
                if spikes:
                    return StepResult(Reason.SPIKE, spikes)
        finally:
            self._attempt.current(state.y)
        return StepResult(Reason.DONE)

    def peek(self, state: State, until: float, most: int) -> Progress | None:
        """The steps that `advance` would make from a state, which stays as it is; None if they have to be made one by one.

        They end before the first one that is rejected or in which a detector rises; ``values (steps, size)`` has their states.
        """
        self._electrodes = self.equations.electrodes(state.t)
        self._attempt.place(self._electrodes)
        self._attempt.begin(state.y)
        return self._attempt.ahead(self._way(state, until, np.inf, np.arange(len(state.y)), state.before.copy(), most))

    def steady(self, state: State) -> np.ndarray:
        """Steady state of the equations with clamps as they are at the state's time, found from the state; shape (size,)."""
        return steady_state(self.equations, state.t, state.y, self.solver, self.atol, self.rtol)

    def errors(self) -> np.ndarray:
        """Estimated error of every unknown in the step made last, in its unit."""
        return self._attempt.errors()

    def refresh_fields(self, number: int) -> None:
        """Go on with fields of the groups that were changed since the stepper was made, whatever the group."""
        self.equations.refresh_fields()
        solver = self.solver if isinstance(self.solver, DirectSolver) else getattr(self.solver, "lane_solver", None)
        embedded = getattr(solver, "embedded", solver)
        if embedded is not None:
            plan = embedded.plan
            refresh_fields(plan.table, plan.program, plan.fields, self.equations)

    def describe(self) -> str:
        """What steps, with which control and which linear solver."""
        table = self.tableau
        control = f"adaptive steps, rtol = {self.rtol:g}" if self.adaptive else f"dt = {self.dt:g} ms"
        if self.adaptive and self.dt is not None:
            control += f", at most {self.dt:g} ms"
        return (
            f"coupled: Rosenbrock method {table.name}{self._chosen} of order {table.order}({table.embedded_order}) on the "
            f"whole system with its exact Jacobian, {control}. Linear solver: {self.solver.describe()}"
        )

    def close(self) -> None:
        """Release the linear solver."""
        self.solver.close()

    def _ahead(self, state: State, until: float, statistics: Statistics, sampler: Sampler | None) -> Trial | None:
        """Steps in which nothing happens, if they can be made at once; the one after them, if it was tried already."""
        memory = state.memory
        sample, trail, grid = np.inf, None, None
        if sampler is not None:
            trail, grid = sampler.trail, sampler.grid(until)
            sample = sampler.next_time + 1e-9 * sampler.every if grid is None else grid.until
        way = self._way(state, until, sample, trail, grid=None if grid is None else (grid.positions, grid.times))
        made = self._attempt.ahead(way)
        if made is None:
            return None
        state.t = made.t
        if way.trail is not None and sampler is not None and made.steps:
            sampler.passed(made.ends, made.values)
        if grid is not None and sampler is not None and len(made.sampled):
            sampler.reached(grid.times[: len(made.sampled)], made.sampled)
        statistics.steps += made.steps
        statistics.rejected += made.refused
        statistics.solves += (made.steps + made.refused + (made.h > 0)) * self.tableau.stages
        if self.adaptive:
            memory["dt"][0], memory["error"][0] = made.wanted, made.before
        return Trial(made.h, made.error, made.again) if made.h > 0 else None

    def _way(
        self,
        state: State,
        until: float,
        sample: float,
        trail: np.ndarray | None,
        seen: np.ndarray | None = None,
        most: int = TRAIL,
        grid: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Way:
        """What `Attempt.ahead` wants to know."""
        stimuli = self.problem.stimuli
        return Way(
            t=state.t,
            until=until,
            wanted=self._wanted(state),
            longest=self.dt if self.dt is not None else np.inf,
            before=float(state.memory["error"][0]),
            order=float(self.controller.order) if self.adaptive else 0.0,
            sample=sample,
            positions=stimuli.detector_position,
            thresholds=stimuli.detector_threshold,
            seen=state.before if seen is None else seen,
            trail=trail,
            most=most,
            grid=grid,
        )

    def _step(
        self, state: State, until: float, statistics: Statistics, sampler: Sampler | None, made: Trial | None
    ) -> tuple[tuple[int, float], ...]:
        """One accepted step; ``made`` has been tried already."""
        memory = state.memory
        self._attempt.linearise(state.t)
        wanted = self._wanted(state)
        h = made.h if made else fitted_step(wanted, until - state.t, self.adaptive)
        trial, rejected = self._accepted(state, h, statistics, made)
        rejected = rejected or (made is not None and made.again)
        cut = self._earliest_arrival(state, trial.h)
        if cut < trial.h * (1.0 - 1e-3):
            statistics.rejected += 1
            trial, again = self._accepted(state, cut, statistics)
            rejected = rejected or again
        ends = state.t + trial.h
        end = until if until - ends < ROUND_OFF * trial.h else ends
        if sampler is not None:
            self._samples(state, trial.h, end, sampler)
        spikes = self._crossings(state, trial.h)
        self._attempt.accept()
        state.t = end
        statistics.steps += 1
        if self.adaptive:
            following = trial.h * self.controller.accepted(trial.error, float(memory["error"][0]), rejected)
            memory["dt"][0] = following if rejected or trial.h > 0.99 * wanted else max(following, wanted)
            memory["error"][0] = trial.error
        return spikes

    def _wanted(self, state: State) -> float:
        """Length of the next step if nothing stands in its way."""
        if not self.adaptive:
            assert self.dt is not None
            return self.dt
        memory = state.memory
        if memory["fresh"][0]:
            self._check_round_off(state)
            estimate, before = self._first_step(state), float(memory["dt"][0])
            memory["dt"][0] = min(estimate, before) if before > 0 else estimate
            memory["fresh"][0] = 0.0
        return float(memory["dt"][0]) if self.dt is None else min(self.dt, float(memory["dt"][0]))

    def _check_round_off(self, state: State) -> None:
        """Refuse a tolerance below the round-off of the numbers that it is about."""
        ratio = 4 * np.spacing(np.abs(state.y)) / (self.atol + self.rtol * np.abs(state.y))
        worst = int(np.argmax(ratio))
        if ratio[worst] > 1:
            raise self._failure(state, SMALLEST, float(ratio[worst]), worst, "")

    def _first_step(self, state: State) -> float:
        weight = self.atol + self.rtol * np.abs(state.y)
        rates, moved_rates = self._rates, self._moved_rates
        self._rates_after_jump(state, state.t, state.y, rates)
        if not np.isfinite(rates).all() and not self._has_rates(state):
            raise self._failure(state, SMALLEST, np.inf, 0, "")
        probe = probing_step(state.y, rates, weight)
        self._rates_after_jump(state, state.t + probe, state.y + probe * rates, moved_rates)
        self._attempt.begin(state.y)
        return first_step(state.y, rates, moved_rates, probe, weight, self.tableau.order)

    def _rates_after_jump(self, state: State, t: float, y: np.ndarray, out: np.ndarray) -> None:
        """``f(t, y)``, in the same way in every run."""
        if state.memory["jumps"][0] > OFTEN:
            self.equations.rates(t, y, self._electrodes, out)
        else:
            self._attempt.rates(t, y, out)

    def _accepted(self, state: State, h: float, statistics: Statistics, made: Trial | None = None) -> tuple[Trial, bool]:
        """Try shorter and shorter steps until the error is tolerable; whether any was rejected."""
        rejected = False
        while True:
            error, refusal, position = self._judged(made.error) if made else self._try(state, h, statistics)
            made = None
            if error <= 1.0 or (not self.adaptive and np.isfinite(error)):
                return Trial(h, error), rejected
            statistics.rejected += 1
            rejected = True
            shorter = h * self.controller.rejected(error)
            if not self.adaptive or shorter < shortest_step(state.t) or not (np.isfinite(error) or self._has_rates(state)):
                worst = self._attempt.worst() if position is None else position
                raise self._failure(state, h, error, worst, refusal)
            h = shorter

    def _try(self, state: State, h: float, statistics: Statistics) -> tuple[float, str, int | None]:
        """Error; why the linear system could not be solved, or nothing; the position that the solver blames, if it did."""
        before = self.solver.statistics.iterations
        try:
            error = self._attempt.make(state.t, h)
        except SolveError as refusal:
            return np.inf, f"{Reason.SINGULAR.value} {refusal}", refusal.position or 0
        statistics.solves += self.tableau.stages
        statistics.iterations += self.solver.statistics.iterations - before
        return self._judged(error)

    def _judged(self, error: float) -> tuple[float, str, int | None]:
        """As `_try`, for a step made without a refusal."""
        solved = np.isfinite(error) or self._attempt.solved()
        return error, "" if solved else Reason.SINGULAR.value, None

    def _has_rates(self, state: State) -> bool:
        """Whether all rates at the state are numbers; they are left in place."""
        self._attempt.current(state.y)
        self.equations.rates(state.t, state.y, self._electrodes, self._rates)
        return bool(np.isfinite(self._rates).all())

    def _failure(self, state: State, h: float, error: float, worst: int, refusal: str) -> ConvergenceError:
        """What went wrong, where."""
        if np.isfinite(error):
            reason = Reason.TOO_SMALL.value
        elif self._has_rates(state) and refusal:
            reason = refusal
        else:
            reason = Reason.NOT_FINITE.value
            worst = self._first_bad_rate(state, h, worst)
        label, segment = self.problem.discretization.layout.locate(worst)
        place = self.problem.discretization.place(segment)
        return ConvergenceError(reason, t=state.t, dt=h, unknown=label, place=place)

    def _first_bad_rate(self, state: State, h: float, worst: int) -> int:
        """Whose rate is not a number at the state, or where the rates there lead to in the step; else what looked worst."""
        for ahead in (0.0, 0.5 * h, h):
            rates = self._rates if ahead == 0.0 else self._moved_rates
            self.equations.rates(state.t + ahead, state.y + (ahead * self._rates if ahead else 0.0), self._electrodes, rates)
            bad = np.flatnonzero(~np.isfinite(rates))
            if bad.size:
                return int(bad[0])
        return worst

    def _samples(self, state: State, h: float, end: float, sampler: Sampler) -> None:
        """Dense output at the sample times inside the step; at its end the state itself, to the last bit."""
        for when in sampler.before(end):
            if when == end:
                self._attempt.end(self._sample)
            else:
                self._attempt.inside(self.tableau.dense_weights((when - state.t) / h), self._sample)
            sampler.take(when, self._sample)

    def _crossings(self, state: State, h: float) -> tuple[tuple[int, float], ...]:
        """Spikes of the step just made, in order of time; the detectors' memory moves on."""
        stimuli = self.problem.stimuli
        if not stimuli.detector_position.size:
            return ()
        now = self._attempt.new_at(stimuli.detector_position)
        crossed = (state.before < stimuli.detector_threshold) & (now >= stimuli.detector_threshold)
        spikes: list[tuple[int, float]] = []
        if crossed.any():
            spikes = [(d, state.t + h * self._fraction(state, d)) for d in np.flatnonzero(crossed).tolist()]
        state.before[:] = now
        return tuple(sorted(spikes, key=lambda spike: spike[1]))

    def _fraction(self, state: State, detector: int) -> float:
        """Where in the step v crosses the threshold, from the dense output."""
        stimuli = self.problem.stimuli
        position, threshold = stimuli.detector_position[detector], stimuli.detector_threshold[detector]
        start, stages = self._attempt.stages_at(int(position))
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = 0.5 * (low + high)
            if start + self.tableau.dense_weights(middle) @ stages < threshold:
                low = middle
            else:
                high = middle
        return high

    def _earliest_arrival(self, state: State, h: float) -> float:
        """Length of a step that ends where the first event caused by a spike in this one arrives; ``h`` if none does."""
        stimuli = self.problem.stimuli
        if not stimuli.connections:
            return h
        now = self._attempt.new_at(stimuli.detector_position)
        fired = np.flatnonzero((state.before < stimuli.detector_threshold) & (now >= stimuli.detector_threshold))
        shortest = h
        for detector in fired:
            delays = [c.delay for c in stimuli.connections if c.source == detector]
            if delays:
                arrival = self._fraction(state, int(detector)) * h * (1 + ROUND_OFF) + min(delays)
                # a step cut to the crossing itself may end just before it: then the next one must not be a full one
                shortest = min(shortest, max(arrival, SHORTEST_CUT))
        return shortest


def _check(adaptive: bool, dt: float | None, rtol: float, atol: float | None, initialise: str) -> None:
    if dt is not None and not dt > 0:
        message = f"dt must be positive, in ms; got {dt!r}."
        raise DeclarationError(message)
    if not adaptive and dt is None:
        message = "adaptive=False needs a fixed step: give dt= in ms."
        raise DeclarationError(message)
    if not 0 < rtol < 1:
        message = f"rtol, the tolerated relative error of a step, lies between 0 and 1; got {rtol!r}."
        raise DeclarationError(message)
    if atol is not None and not atol > 0:
        message = (
            f"atol, the tolerated absolute error of a step, must be positive; got {atol!r}. Leave it out for a default by kind."
        )
        raise DeclarationError(message)
    if initialise not in ("declared", "steady"):
        message = f"initialise is 'declared' or 'steady'; got {initialise!r}."
        raise DeclarationError(message)
