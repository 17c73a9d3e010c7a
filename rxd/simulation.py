"""The table of contents: `compile_model` takes a model through every stage; `Simulation` runs the result.

In: a `rxd.Model`. Out: `rxd.Results`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cable import EventQueue
from geometry.records import dataclass
from rxd.codegen.apart import Apart
from rxd.codegen.cache import discard_stale_code
from rxd.codegen.kernels import Kernels, compile_kernels
from rxd.codegen.oracle import initial_gates
from rxd.collector import collector_paused
from rxd.discretize.build import discretize
from rxd.discretize.records import Discretization
from rxd.errors import ConvergenceError, DeclarationError
from rxd.explain import explain
from rxd.recording import Recorder, present, resolve
from rxd.results import Results
from rxd.setting import set_values
from rxd.solve.equations import build_equations
from rxd.solve.problem import Problem, Reason, Sampler, State, Statistics, Stepper
from rxd.solve.steppers import find_stepper, make_stepper
from rxd.solve.stimuli import build_stimuli
from rxd.symbolic.build import build_system
from rxd.symbolic.events import event_amounts
from rxd.symbolic.system import System
from rxd.symbolic.totals import warn_of_unseen_currents
from rxd.units import as_number

if TYPE_CHECKING:
    import xarray as xr

    from rxd.model import Model


@collector_paused()
def compile_model(model: Model, method: str = "coupled", **options: Any) -> Simulation:
    """Take a model through every stage; each hands over a frozen record.

    Parameters
    ----------
    model : Model
        Read once; later changes to it do not reach the simulation.
    method : str
        "coupled" or "split", see `rxd.solve.steppers`.
    **options
        Of the stepper: ``dt`` (ms) and others.
    """
    discard_stale_code()
    stepper_class = find_stepper(method)  # an unknown one is refused before any work is done
    system = build_system(model)
    warn_of_unseen_currents(system)
    with Apart(stepper_class.shared(system, options)) as apart:
        discretization = discretize(system, model.morphology, model.segments, model.settings)
        kernels = compile_kernels(system, discretization, purpose=method, apart=apart)
        problem = build_problem(model, system, discretization, kernels)
        stepper = make_stepper(method, problem, kernels, **options)
    return Simulation(system, discretization, kernels, problem, stepper)


def build_problem(
    model: Model, system: System, discretization: Discretization, kernels: Kernels, initial: np.ndarray | None = None
) -> Problem:
    """Initial state, stimuli, scales and (for "coupled") the right-hand side of the discretised system.

    ``initial`` is the state with gates at rest, shape (size,), if it is known.
    """
    if initial is None:
        initial = initial_gates(system, discretization, discretization.initial)
    scale = np.broadcast_to(np.ones(1), len(initial))
    if kernels.purpose == "coupled" or any(unknown.atolscale != 1.0 for unknown in system.unknowns):
        scale = np.ones(len(initial))
        for unknown in system.unknowns:
            block = discretization.layout[unknown.label]
            scale[block.start : block.stop] = unknown.atolscale
    for array in (initial, scale):
        array.setflags(write=False)
    stimuli = build_stimuli(model, system, discretization, event_amounts(system))
    equations = build_equations(discretization, stimuli, kernels) if kernels.purpose == "coupled" else None
    return Problem(discretization, initial, stimuli, scale, equations)


@dataclass(slots=True)
class Simulation:
    """A compiled model that can run; everything but its state is frozen.

    ``sim.run(100, record=[rxd.v], every=0.1)`` starts where the last run ended; `reset` goes back to the beginning.
    """

    system: System
    discretization: Discretization
    kernels: Kernels
    problem: Problem
    stepper: Stepper
    _state: State | None = None
    _room: np.ndarray | None = None
    """Where a past state was, for the next one: the pages of a new array take longer than its numbers."""

    @property
    def t(self) -> float:
        """Time in ms."""
        return 0.0 if self._state is None else self._state.t

    @property
    def state(self) -> State:
        """A copy of the present state (time, values, events on their way); hand it to `restore`."""
        return self._current().copy() if self._state is not None else self._begin()

    def restore(self, state: State) -> None:
        """Continue from a state of this simulation."""
        if not isinstance(state, State):
            message = f"restore takes a state of this simulation (state = sim.state); got {state!r}."
            raise DeclarationError(message)
        if state.y.shape != (self.problem.size,):
            message = (
                f"This state has {state.y.size} unknowns, the simulation {self.problem.size}: "
                f"it belongs to another model or segmentation."
            )
            raise DeclarationError(message)
        self._state = state.copy()
        self._after_jump()

    def reset(self) -> None:
        """Back to t = 0 and the initial values."""
        if self._state is not None:
            self._room, self._state = self._state.y, None

    def values(self, key: Any) -> np.ndarray:
        """Present values of an unknown by symbol or label, in segment order."""
        y = self._current().y if self._state is not None else self.problem.initial
        return present(key, self.system, self.discretization, y, self.t, self.problem.stimuli.clamps)

    def set(self, key: Any, value: Any, on: Any = None) -> None:
        """Set an unknown or a parameter for what is run from now on; nothing is compiled anew.

        Parameters
        ----------
        key : symbol, species, state, parameter or label
            ``rxd.v``, ``ca[cyt]``, ``rxd.v(cell.soma(0.5))``; a `rxd.Parameter`; ``"hh.gnabar"``, a parameter of a mechanism.
        value : float, callable or ndarray
            A number, a function of `rxd.Nodes`, or for an unknown an array as `values` gives it; in the unit of the quantity.
        on : Selection or Location, optional
            Where; default everywhere.

        Notes
        -----
        Parameters keep their new values, also through `reset`; unknowns begin with their initial values again there.

        Raises
        ------
        DeclarationError
            If there is nothing of that name, or not in that place.
        """
        state = self._current()
        for number in set_values(key, value, on, self.system, self.discretization, state.y):
            self.stepper.refresh_fields(number)
        state.before[:] = state.y[self.problem.stimuli.detector_position]
        self._after_jump()
        self._restart(state)

    def grid(self, key: Any) -> xr.DataArray:
        """Present values of a species in voxels over ``x, y, z``, see `rxd.fields3d.grid`."""
        from rxd.fields3d import grid

        return grid(self, key)

    def advance(self, until: float) -> float:
        """Advance to a time without recording; returns it."""
        self.run(until)
        return self.t

    def run(self, until: float, record: Sequence[Any] = (), every: float | None = None, progress: bool = False) -> Results:
        """Run to a time and return what was recorded.

        Parameters
        ----------
        until : float
            Time in ms.
        record : sequence
            ``rxd.v``, ``rxd.v(cell.soma(0.5))``, ``ca[cyt]``, labels such as ``"hh.m"`` or ``"hh.ina"``, or a clamp: its
            current into the cell in nA (with "split" that of half a step before).
        every : float, optional
            Interval of samples in ms; default 1/1000 of the run, at least one step. Samples include both ends.
        progress : bool
            Show a progress bar.

        Raises
        ------
        ConvergenceError
            With time, reason, worst unknown and place; what was recorded until then is in its ``results``.
        """
        until, every = self._times(until, every)
        recorder = Recorder(resolve(record, self.system, self.discretization, self.problem.stimuli.clamps))
        statistics, spikes = Statistics(), [[] for _ in self.problem.stimuli.detector_place]  # type: ignore[var-annotated]
        state = self._current()
        started = time.perf_counter()
        try:
            self._loop(state, until, every, recorder, statistics, spikes, progress)
        except ConvergenceError as error:
            statistics.seconds = time.perf_counter() - started
            error.results = self._results(recorder, statistics, spikes, Reason.of(error.reason))
            raise
        statistics.seconds = time.perf_counter() - started
        return self._results(recorder, statistics, spikes, Reason.DONE)

    def steady_state(self) -> np.ndarray:
        """Move to the steady state that the present state leads to, with clamps as they are now; returns a copy of it.

        Time stands still meanwhile. What the equations conserve, such as the amount of a species in a closed cell, keeps its
        present value. ``compile(initialise="steady")`` does the same at every beginning.

        Raises
        ------
        ConvergenceError
            If none is found: the model may oscillate.
        """
        steady = getattr(self.stepper, "steady", None)
        if steady is None:
            message = "Only method='coupled' finds steady states. Compile the model with it."
            raise DeclarationError(message)
        state = self._current()
        state.y[:] = steady(state)
        state.before[:] = state.y[self.problem.stimuli.detector_position]
        self._restart(state)
        return np.array(state.y)

    def close(self) -> None:
        """Release what the linear solver holds outside Python; the simulation is of no use afterwards."""
        close = getattr(self.stepper, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def explain(self, latex: bool = False) -> str:
        """Every stage in words: equations, counts, solver, generated source."""
        return explain(self, latex)

    def _times(self, until: float, every: float | None) -> tuple[float, float]:
        until = as_number(until, "until", "ms")
        if until < self.t:
            message = (
                f"The simulation is at t = {self.t:g} ms and cannot run back to {until:g} ms. "
                f"Call reset() or restore(state) first."
            )
            raise DeclarationError(message)
        if every is None:
            every, step = (until - self.t) / 1000, getattr(self.stepper, "dt", None)
            # Samples that do not fall on steps would cut them: a fixed step takes whole numbers of itself.
            every = (step * max(1, math.ceil(every / step - 1e-9)) if step else every) or 1.0
        every = as_number(every, "every", "ms")
        if every <= 0:
            message = f"every is the interval between samples in ms and must be positive; got {every:g}."
            raise DeclarationError(message)
        return until, every

    def _current(self) -> State:
        if self._state is None:
            self._state = self._begin(self._room)
            self._room = None
            self._after_jump()
        return self._state

    def _begin(self, room: np.ndarray | None = None) -> State:
        y = np.empty(self.problem.size) if room is None else room
        y[:] = self.problem.initial
        queue = EventQueue()
        for source, position, amount, delay in self.problem.stimuli.trains:
            for _ in np.flatnonzero(source.spike_times(0.0) + delay == 0.0):
                queue.push(0.0, position, amount)
        state = State(0.0, y, y[self.problem.stimuli.detector_position], queue)
        self.stepper.start(state)
        return state

    def _after_jump(self) -> None:
        synchronise = getattr(self.stepper, "synchronise_junctions", None)
        if synchronise is not None and self._state is not None:
            synchronise(self._state)

    def _loop(
        self,
        state: State,
        until: float,
        every: float,
        recorder: Recorder,
        statistics: Statistics,
        spikes: list[Any],
        progress: bool,
    ) -> None:
        """Advance from one thing that happens to the next: sample, event, jump of a clamp, end."""
        self._queue_trains(state, until)
        statistics.events += self._deliver(state)
        breakpoints = self.problem.stimuli.breakpoints
        bar = _bar(until - state.t) if progress else None
        sampling = bool(recorder.traces)
        sampler = Sampler(state.t, every, _taker(recorder if sampling else None, bar, state.t))
        # a stepper with dense output gives samples between its steps, for others a step ends at each
        dense = getattr(self.stepper, "dense", False)
        compiled = hasattr(self.stepper, "advance_network") and bool(self.problem.stimuli.connections or len(state.queue))
        while True:
            sample_at = sampler.next_time if sampling or bar else math.inf
            if abs(sample_at - state.t) <= 1e-9 * every:
                sampler.take(state.t, state.y)
                sampler.count += 1
                continue
            if state.t >= until:
                break
            jump = (
                float(breakpoints[np.searchsorted(breakpoints, state.t, side="right")])
                if (breakpoints > state.t).any()
                else math.inf
            )
            target = min(until, math.inf if dense else sample_at, jump)
            if compiled:
                compiled = self._advance_network(state, target, statistics, spikes)
                continue
            target = min(target, max(state.queue.next_time(), state.t))
            if target > state.t:
                wanted = {"sampler": sampler} if dense and sample_at < math.inf else {}
                outcome = self.stepper.advance(state, target, statistics, **wanted)
                self._queue_spikes(state, outcome.spikes, spikes)
            delivered = self._deliver(state)
            statistics.events += delivered
            if delivered or state.t == jump:
                self._restart(state)
        if sampling and recorder.times[-1] < state.t - 1e-9 * every:
            recorder.sample(state.t, state.y)
        if bar:
            bar.update(bar.total - bar.n)
            bar.close()

    def _advance_network(self, state: State, until: float, statistics: Statistics, spikes: list[Any]) -> bool:
        """Let a stepper that can do so send and deliver events itself; False if that failed, with nothing changed."""
        outcome = self.stepper.advance_network(state, until, statistics)  # type: ignore[attr-defined]
        if outcome is None:
            return False  # the loop that goes from event to event says where
        for detector, when in outcome.spikes:
            spikes[detector].append(when)
        return True

    def _restart(self, state: State) -> None:
        """Tell a stepper that learns from its steps that the state or a clamp jumped."""
        restart = getattr(self.stepper, "restart", None)
        if restart is not None:
            restart(state)

    def _queue_trains(self, state: State, until: float) -> None:
        """Events of spike sources after now until the end; those at t = 0 are in the queue from the beginning."""
        for source, position, amount, delay in self.problem.stimuli.trains:
            for spike in source.spike_times(until):
                arrival = float(spike) + delay
                if state.t < arrival <= until:
                    state.queue.push(arrival, position, amount)

    def _queue_spikes(self, state: State, fired: tuple[tuple[int, float], ...], spikes: list[Any]) -> None:
        for detector, when in fired:
            spikes[detector].append(when)
            for connection in self.problem.stimuli.connections:
                if connection.source == detector:
                    state.queue.push(max(when + connection.delay, state.t), connection.target, connection.amount)

    def _deliver(self, state: State) -> int:
        due = state.queue.pop_until(state.t + 1e-12)
        for event in due:
            state.y[event.target] += event.weight
        return len(due)

    def _results(self, recorder: Recorder, statistics: Statistics, spikes: list[Any], reason: Reason) -> Results:
        times = {place: np.array(found) for place, found in zip(self.problem.stimuli.detector_place, spikes, strict=True)}
        return Results(
            np.array(recorder.times),
            recorder.traces,
            tuple(recorder.arrays()),
            times,
            statistics,
            reason,
            self.discretization.segments,
        )

    def __repr__(self) -> str:
        n_segments = self.discretization.segments.n
        return f"Simulation({self.problem.size} unknowns on {n_segments} segments, {self.stepper.name}, t = {self.t:g} ms)"


def _taker(recorder: Recorder | None, bar: Any, begin: float) -> Callable[[float, np.ndarray], None]:
    """What to do with a sample: record it, move the progress bar."""

    def take(t: float, y: np.ndarray) -> None:
        if recorder is not None:
            recorder.sample(t, y)
        if bar:
            bar.update(t - begin - bar.n)

    return take


def _bar(total: float) -> Any:
    from tqdm import tqdm

    form = "{l_bar}{bar}| {n:.0f}/{total:.0f} ms [{elapsed}<{remaining}]"
    return tqdm(total=total, bar_format=form, unit="ms")
