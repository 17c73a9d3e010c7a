"""The split stepper: Strang or Lie splitting, fixed steps, the whole time loop compiled.

In: a `Problem` and the kernels compiled for "split". A step of second order (Strang) advances local chemistry and gates by dt/2
with v frozen, then the cable and diffusion by dt with gates frozen, then chemistry and gates by dt/2. Currents are evaluated
once per step, with the species they move at their predicted midpoint, and act on both sides of the membrane: charge and moles
agree to round-off. A step of first order (Lie) is NEURON's order of operations: currents of the step's start, the cable by
backward Euler, diffusion with these currents, gates with the new v, reactions by linearised backward Euler.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numba
import numpy as np

from rxd.collector import collector_paused
from rxd.discretize.records import LANES, GraphTransport, Transport
from rxd.errors import ConvergenceError, DeclarationError, RxdWarning
from rxd.solve import split_network as network
from rxd.solve.aligned import aligned
from rxd.solve.between_steps import Watch, watched
from rxd.solve.blame import first_bad_rate
from rxd.solve.cable_pack import Leaks, find_leaks, leak_at, moves_v, pack_cable, renew_leak, renew_leaks, renew_sizes, row_of
from rxd.solve.cable_sweeps import U
from rxd.solve.circuits import Circuit, no_circuit
from rxd.solve.event_heap import Wires
from rxd.solve.graph_exponential import FINE, QUICK
from rxd.solve.graph_kernels import MANY
from rxd.solve.kept import Kept
from rxd.solve.problem import Problem, Reason, State, Statistics, StepResult, check_finite
from rxd.solve.schemes import SCHEMES, Scheme, Stages
from rxd.solve.split_cable import Cable
from rxd.solve.split_helpers import Helpers
from rxd.solve.split_loop import ELECTRIC, NODES, Fluxes, Lanes, Step, advance
from rxd.solve.split_network import TOLERANCE
from rxd.solve.split_pack import (
    bundles,
    compile_parts,
    junction_values,
    pack_graphs,
    pack_groups,
    pack_trees,
    with_polynomials,
)
from rxd.solve.team import gathered
from rxd.solve.tree_lanes import WIDTH, prepare_trees

SPIKES_AT_ONCE, EVENTS_AT_ONCE = 4096, 4096
"""Spikes that the compiled loop of a network notes, and events by which its heap may grow, before it returns."""


UNWATCHED: Final = watched()
FEW: Final = 8  # nodes whose leaks are taken anew one by one


class SplitStepper:
    """Fixed-step splitting.

    Parameters
    ----------
    problem : Problem
    kernels : rxd.codegen.kernels.Kernels
        Compiled for "split".
    dt : float
        Step in ms.
    order : int
        2 (Strang splitting; the linear parts by two-stage SDIRK) or 1 (Lie splitting and backward Euler, in NEURON's order of
        operations). Order 1 takes about four fifths of the time per step, and damps more; take it to compare with first-order
        simulators step by step, or for a quick look: for a given accuracy order 2 is much cheaper.
    threads : int
        Threads for species in voxels, at most as many as the machine has cores. Results do not depend on it.
    circuit : Circuit, optional
        What is solved together with v (`rxd.solve.circuits`); its numbers may change between runs.

    Attributes
    ----------
    scheme : Scheme
        The numbers behind `order`.
    outdated : bool
        Whether parameters have changed of which something is made once (`refresh_fields`).
    leaking : set of int
        Places in the state of voltages whose leaks alone have changed, a few (`put_field`).
    """

    name = "split"

    def __init__(
        self, problem: Problem, kernels: Any, dt: float, order: int = 2, threads: int = 1, circuit: Circuit | None = None
    ) -> None:
        if order not in SCHEMES:
            raise DeclarationError(f"order is 1 or 2 for the split method; got {order!r}.")
        self.scheme: Scheme = SCHEMES[order]
        if dt is None or not dt > 0:
            message = f"dt must be positive, in ms; got {dt!r}. The split method has fixed steps: give one, such as dt=0.025."
            raise DeclarationError(message)
        if not isinstance(threads, int) or threads < 1:
            message = f"threads is a number of threads, 1 or more; got {threads!r}."
            raise DeclarationError(message)
        self.problem = problem
        self.kernels = kernels
        self.dt = float(dt)
        self.threads = threads
        self.circuit = no_circuit() if circuit is None else circuit
        self._groups = pack_groups(problem.discretization.groups, kernels.groups)
        self._lanes_of_work = self._lanes(1)
        moving = self._moved_positions()
        self._fluxes = self._flux_arrays(moving)
        self._kept: dict[int, Kept] = {}  # by the number of threads: who makes single steps may take fewer than for many
        self._helpers = Helpers()
        self._trees = pack_trees(problem.discretization.transports[1:], problem.initial, moving)
        self._graphs = pack_graphs(problem.discretization.graphs, moving)
        self.outdated, self.leaking = False, set[int]()
        self._leaks, self._cable = self._plan_cable(problem.stimuli.clamped(0.0)[0])
        self._junctions = self._junction_views()
        self._branched = tuple(transport for transport in problem.discretization.transports if transport.branches)
        self._prepared: tuple[float, Stages] | None = None
        self._wires: Wires | None = None
        self._passes = np.zeros((0, 2), dtype=np.int64)
        self._backup = np.empty(0)

    @staticmethod
    def shared(system: Any, options: Mapping[str, Any]) -> tuple[Any, ...]:
        """Compiled functions to be asked for in a second process (`rxd.codegen.apart`): none."""
        return ()

    def _plan_cable(self, clamped: np.ndarray) -> tuple[Leaks, Cable]:
        """The cable in lanes, for clamps at some nodes; currents that are linear in v become part of it."""
        discretization, kernels = self.problem.discretization, self.kernels.groups
        leaks = find_leaks(discretization, kernels)
        for number, compiled in enumerate(kernels):
            self._groups.table[number, ELECTRIC] = 0 if number in leaks.groups else compiled.addresses[2]
        leaks.changing[clamped] = True
        self._kept.clear()
        return leaks, pack_cable(discretization, self.problem.initial, leaks, moves_v(discretization, kernels))

    def refresh_fields(self, number: int) -> None:
        """Take over new values of the fields of a group, which are parameters; what was made of them once is made again."""
        groups = self.problem.discretization.groups
        start = sum(group.fields.size for group in groups[:number])
        self._groups.fields[start : start + groups[number].fields.size] = groups[number].fields.ravel()
        self.outdated = self.outdated or self.kernels.groups[number].leak is not None

    def put_field(self, number: int, where: slice, value: float) -> None:
        """Take over a new value of one field of a group at one node, whose places in the group's fields, flat, these are."""
        groups = self.problem.discretization.groups
        start = sum([group.fields.size for group in groups[:number]]) if number else 0
        self._groups.fields[start + where.start : start + where.stop] = value
        if self.kernels.groups[number].leak is not None:
            chunk, inside = divmod(where.start, groups[number].fields[0].size)
            self.leaking.add(int(groups[number].position[0, chunk * LANES + inside % LANES]))
            self.outdated = self.outdated or number not in self._leaks.groups or len(self.leaking) > FEW

    def _follow_leaks(self) -> None:
        """Take the conductances of single nodes anew, if all is well with them."""
        discretization = self.problem.discretization
        start, n = discretization.cable.start, discretization.cable.n
        for place in self.leaking:
            found = leak_at(discretization, self.kernels.groups, self._leaks, place - start)
            if found is None:
                self.outdated = True
            else:
                renew_leak(self._cable, n, place - start, *found)
        self.leaking.clear()

    def follow_changes(self, clamped: np.ndarray) -> None:
        """Take the cable's constants anew after `refresh_fields`, and its lanes where a clamp sits on what had no changes."""
        if self.leaking and not self.outdated:
            self._follow_leaks()
        self.leaking.clear()
        leaks = find_leaks(self.problem.discretization, self.kernels.groups) if self.outdated else self._leaks
        if leaks.groups == self._leaks.groups and self._leaks.changing[clamped].all():
            if self.outdated:
                renew_leaks(self._cable, leaks)
        else:
            self._leaks, self._cable = self._plan_cable(np.union1d(np.flatnonzero(self._leaks.changing), clamped))
            self._junctions = self._junction_views()
        self.outdated = False

    def take_passes(self, fields: Iterable[tuple[int, int, int]]) -> None:
        """Fields, by group and row, that count in one of the scheme's repeats alone, and in which (`PassSymbol`)."""
        groups, found = self.problem.discretization.groups, [np.zeros((0, 2), dtype=np.int64)]
        starts = np.cumsum([0, *(group.fields.size for group in groups)])
        for number, row, turn in fields:
            chunks, rows, _ = groups[number].fields.shape
            first = starts[number] + (np.arange(chunks) * rows + row) * LANES
            places = (first[:, None] + np.arange(LANES)).ravel()
            found.append(np.stack([places, np.full(len(places), turn)], axis=1))
        self._passes = np.concatenate(found)
        self._kept.clear()

    def take_sizes(self, problem: Problem) -> None:
        """Go on with a problem that has other sizes of segments and nothing else: a cable with the same tree, and fields."""
        self.problem = problem
        self._groups.fields[:-1] = np.concatenate([np.zeros(0), *(g.fields.ravel() for g in problem.discretization.groups)])
        self._branched = tuple(transport for transport in problem.discretization.transports if transport.branches)
        renew_sizes(self._cable, problem.discretization.cable)
        self.outdated = True

    def take_circuit(self, circuit: Circuit) -> None:
        """Another circuit from now on."""
        self.circuit = circuit
        self._kept.clear()

    def start(self, state: State) -> None:
        """Fresh drift and branch points in balance; the detectors' memory is the driver's."""
        state.memory["drift"] = np.zeros(self._fluxes.source.size)
        state.memory["junctions"] = self._balanced_junctions(state.y)

    def advance(self, state: State, until: float, statistics: Statistics) -> StepResult:
        """Full steps of dt, then one shorter step that ends at ``until`` exactly."""
        clamps = self.problem.stimuli.clamped(state.t)
        whole = int(np.floor((until - state.t) / self.dt + TOLERANCE))
        rest = until - state.t - whole * self.dt
        plan = [(whole, self.dt)] if whole else []
        if rest > TOLERANCE * self.dt:
            plan.append((1, rest))
        for steps, dt in plan:
            spikes = self._steps(state, steps, dt, clamps, statistics)
            if spikes:
                if abs(state.t - until) < TOLERANCE * self.dt:
                    state.t = until
                return StepResult(Reason.SPIKE, spikes)
        state.t = until
        return StepResult(Reason.DONE)

    def advance_network(self, state: State, until: float, statistics: Statistics) -> StepResult | None:
        """Advance to ``until`` with all events on the way; None, with the state as it was, if it stopped being finite."""
        clamps, wires = self.problem.stimuli.clamped(state.t), self._wiring()
        self.follow_changes(clamps[0])
        started = state.copy()
        spikes: list[tuple[int, float]] = []
        fraction = np.full(len(state.before), -1.0)
        events, size = network.heap(state.queue, len(wires.target) + EVENTS_AT_ONCE)
        while state.t < until:
            room = len(fraction) + SPIKES_AT_ONCE
            tally = network.Tally(np.zeros(room, dtype=np.int64), np.zeros(room), np.array([size, size, 0, 0, 0]))
            self._place_junctions(state)
            times = (state.y, state.t, until, self.dt, state.memory["drift"])
            t = self._compiled(
                network.advance_network, *times, *clamps, state.before, fraction, UNWATCHED, wires, events, tally
            )
            self._prepared = None
            if check_finite(self.problem, state.y) is not None:
                state.t, state.y[:], state.before[:], state.queue = started.t, started.y, started.before, started.queue
                state.memory.update(started.memory)
                return None
            size, _, found, delivered, steps = (int(number) for number in tally.counts)
            self._count(statistics, steps)
            statistics.events += delivered
            spikes += zip(tally.detector[:found].tolist(), tally.when[:found].tolist(), strict=True)
            state.t, state.memory["junctions"] = float(t), self.taken_junctions()
            state.queue = network.queue_of(events, size)
            events, size = network.heap(state.queue, len(wires.target) + EVENTS_AT_ONCE + size)
        self._warn_if_negative(state, started.y)
        return StepResult(Reason.SPIKE if spikes else Reason.DONE, tuple(spikes))

    def _wiring(self) -> Wires:
        """Connections in arrays, made once."""
        if self._wires is None:
            self._wires = network.wire(self.problem.stimuli.connections, len(self.problem.stimuli.detector_position))
        return self._wires

    def describe(self) -> str:
        """One sentence for `explain()`."""
        if not self.scheme.halved:
            return (
                f"split: Lie splitting of first order, dt = {self.dt:g} ms, time loop compiled; linear parts by backward Euler."
            )
        return (
            f"split: Strang splitting of second order, dt = {self.dt:g} ms, time loop compiled; "
            f"linear parts by two-stage SDIRK (L-stable){', ' + str(self.threads) + ' threads' if self.threads > 1 else ''}."
        )

    def follow(self, state: State, steps: int, watch: Watch, statistics: Statistics) -> int:
        """Up to ``steps`` steps of dt without Python between them; how many were made.

        Parameters
        ----------
        state : State
        steps : int
        watch : Watch
            What happens between the steps, who looks, and what ends them early.
        statistics : Statistics
        """
        clamps = self.problem.stimuli.clamped(state.t)
        before = statistics.steps
        self._steps(state, steps, self.dt, clamps, statistics, watch)
        return statistics.steps - before

    def _steps(
        self, state: State, steps: int, dt: float, clamps: Any, statistics: Statistics, watch: Watch = UNWATCHED
    ) -> tuple[tuple[int, float], ...]:
        self._prepare(dt)
        self.follow_changes(clamps[0])
        backup, drift = self._backed_up(state.y), state.memory["drift"].copy()
        fraction = np.empty(len(state.before))
        self._place_junctions(state)
        done = self._run(state, steps, dt, clamps, fraction, watch)
        failed = check_finite(self.problem, state.y)
        if failed is not None:
            self._raise_at_first_failure(state, backup, drift, steps, dt, clamps)
        self._warn_if_negative(state, backup)
        state.memory["junctions"] = self.taken_junctions()
        self._count(statistics, done)
        began = state.t + (done - 1) * dt
        state.t += done * dt
        if not fraction.size or fraction.max() < 0.0:
            return ()
        fired = np.flatnonzero(fraction >= 0.0)
        return tuple(sorted(((int(d), began + float(fraction[d]) * dt) for d in fired), key=lambda spike: spike[1]))

    def _backed_up(self, y: np.ndarray) -> np.ndarray:
        """A copy of the state, in the same place every time: the pages of a new one take longer than the numbers."""
        if self._backup.shape != y.shape:
            self._backup = np.empty_like(y)
        self._backup[:] = y
        return self._backup

    @property
    def solves_per_step(self) -> int:
        """Linear systems of trees that a step solves."""
        species = len(self.problem.discretization.transports) - 1
        return self.scheme.cable.number + self.scheme.local.number * species

    def _count(self, statistics: Statistics, steps: int) -> None:
        """Note what steps took."""
        statistics.steps += steps
        statistics.solves += steps * self.solves_per_step
        statistics.iterations += int(self._graphs.counts[0])
        self._graphs.counts[:] = 0

    def _run(self, state: State, steps: int, dt: float, clamps: Any, fraction: np.ndarray, watch: Watch = UNWATCHED) -> int:
        step = (state.y, state.t, dt, steps, state.memory["drift"])
        return int(self._compiled(advance, *step, *clamps, state.before, fraction, watch))

    @collector_paused()  # the first call compiles
    def _compiled(self, loop: Any, *arguments: Any) -> Any:
        """What a compiled loop returns, run on the threads of this stepper."""
        model = self._constants(min(self.threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
        y, _, _, _, drift = arguments[:5]
        with self._helpers.at_work(model, y, drift):
            return loop(model, *arguments)

    def _constants(self, threads: int) -> Kept:
        """What the loop needs besides the state, unpacked for it once; compiles the parts of a step at first."""
        stimuli, cable = self.problem.stimuli, self.problem.discretization.cable
        kept = self._kept.get(threads)
        if kept is None or not self._holds(kept.values, threads):
            self._provide(threads)
            work = (self._lanes_of_work, self._fluxes, self._trees, self._graphs, self._groups)
            forms = self.kernels.forms
            parts = compile_parts(np.zeros(0), *work, self.scheme, self._cable, self.circuit, forms)
            kept = self._kept[threads] = Kept(
                Step(
                    v_start=cable.start,
                    v_stop=cable.start + cable.n,
                    position=stimuli.detector_position,
                    threshold=stimuli.detector_threshold,
                    lanes=self._lanes_of_work,
                    fluxes=self._fluxes,
                    cable=self._cable,
                    circuit=self.circuit,
                    trees=self._trees,
                    graphs=with_polynomials(self._graphs, FINE if self.scheme.fine else QUICK),
                    groups=self._groups,
                    scheme=self.scheme,
                    parts=parts,
                    team=gathered(threads if self._graphs.many or (self._groups.table[:, NODES] >= MANY).any() else 1),
                    passes=self._passes,
                ),
                forms,
            )
        return kept

    def _holds(self, step: Step, threads: int) -> bool:
        """Whether these are the constants now: scheme, threads and detectors may be set anew."""
        same = step.scheme is self.scheme and step.lanes.copies == threads
        stimuli = self.problem.stimuli
        return same and step.position is stimuli.detector_position and step.threshold is stimuli.detector_threshold

    def _provide(self, threads: int) -> None:
        """Room for a number of threads."""
        if threads == self._lanes_of_work.copies:
            return
        self._lanes_of_work = self._lanes(threads)

    def _warn_if_negative(self, state: State, before: np.ndarray) -> None:
        """Currents act explicitly on the species they move: say so when a fast pump drives one below zero."""
        moving = self._fluxes.moving
        if not moving.size or state.y[moving].min() >= 0.0:
            return
        change = np.abs(state.y[moving] - before[moving])
        below = np.flatnonzero((state.y[moving] < -1e-6 * np.abs(before[moving]).max()) & (change > 0))
        if not below.size:
            return
        label, segment = self.problem.discretization.layout.locate(int(moving[below[0]]))
        message = (
            f"{label} fell below zero at {self.problem.discretization.place(segment)} by t = {state.t + self.dt:.6g} ms: a "
            f"current that carries it is too fast for the split method at dt = {self.dt:g} ms. "
            f"Take a smaller dt, or method='coupled'."
        )
        warnings.warn(message, RxdWarning, stacklevel=2)

    def _raise_at_first_failure(
        self, state: State, backup: np.ndarray, drift: np.ndarray, steps: int, dt: float, clamps: Any
    ) -> None:
        """Repeat the failed stretch step by step to say exactly when and where it failed."""
        state.y[:] = backup
        state.memory["drift"][:] = drift
        self._place_junctions(state)
        fraction, failed = np.empty(len(state.before)), None
        for _ in range(steps):
            last, t = state.y.copy(), state.t
            self._run(state, 1, dt, clamps, fraction)
            state.t += dt
            failed = check_finite(self.problem, state.y)
            if failed is not None:
                # exchange has carried it everywhere: whose own rate was it?
                failed = first_bad_rate(self.problem, self.kernels, last, t, dt) or failed
                break
        label, place = failed or (None, None)
        raise ConvergenceError(Reason.NOT_FINITE.value, t=state.t, dt=dt, unknown=label, place=place)

    def _prepare(self, dt: float) -> None:
        """Factorise the diffusion matrices when dt changes."""
        if self._trees.starts.size and (dt, self.scheme.local) != self._prepared:
            prepare_trees(dt, self._trees, self.scheme.local)
            self._prepared = (dt, self.scheme.local)

    def _lanes(self, copies: int) -> Lanes:
        """Work rows of one chunk for each thread, wide enough for every group."""
        groups, kernels = self.problem.discretization.groups, self.kernels.groups
        unknowns = max(group.position.shape[0] for group in groups)
        active = max(1, *(len(k.active) for k in kernels))
        entries = max(1, *(max(k.program.nnz, 2 * len(k.gates)) for k in kernels))  # gates keep two rows each there
        moved = max(1, *(len(k.moved) for k in kernels))
        sizes = (unknowns, active, entries, entries, active, 2 * moved)
        X, F, J, A, b, E = (aligned(np.zeros(copies * size * LANES)) for size in sizes)
        return Lanes(X, F, J, A, b, E, copies)

    def _moved_positions(self) -> np.ndarray:
        """Positions of y that currents change, v excluded, sorted."""
        both = zip(self.problem.discretization.groups, self.kernels.groups, strict=True)
        rows = [group.row(unknown) for group, kernels in both for unknown in kernels.moved[1:]]
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *rows]))

    def _flux_arrays(self, moving: np.ndarray) -> Fluxes:
        """Currents' work arrays; which of the species they move do not diffuse, on segments and in voxels."""
        discretization, cable = self.problem.discretization, self.problem.discretization.cable
        diffusing = np.zeros(self.problem.size, dtype=bool)
        transports: list[Transport | GraphTransport] = [*discretization.transports[1:]]
        for transport in [*transports, *discretization.graphs]:
            diffusing[transport.start : transport.start + transport.n] = True
        value, slope = (np.zeros(cable.start + cable.n + 1) for _ in range(2))  # the last one is what a branch point has
        source = np.zeros(self.problem.size if moving.size else 0)
        still, apart = moving[~diffusing[moving]], np.zeros(self.problem.size, dtype=bool)
        for block in discretization.layout.blocks.values():
            apart[block.start + block.n_tree : block.stop] = True
        return Fluxes(value, slope, source, np.zeros(cable.n), moving, still[~apart[still]], still[apart[still]])

    def _junction_views(self) -> list[tuple[np.ndarray, Any]]:
        """Where the kernels keep the branch points of the cable and of species in trees that have any: arrays and places."""
        cable, *species = transports = self.problem.discretization.transports
        rows, places = self._trees.u.reshape(-1, WIDTH), {}
        for (_, n, total, _, at), numbers in zip(self._trees.table, bundles(species), strict=True):
            places.update({number: rows[at + n : at + total, lane] for lane, number in enumerate(numbers)})
        everywhere = slice(None)
        views = [(row_of(self._cable, U), self._cable.slot[cable.n :]), *((places[i], everywhere) for i in range(len(species)))]
        return [view for view, transport in zip(views, transports, strict=True) if transport.branches]

    def taken_junctions(self) -> np.ndarray:
        """Values of all branch points in the kernels' arrays."""
        return np.concatenate([np.zeros(0), *(array[places] for array, places in self._junctions)])

    def _balanced_junctions(self, y: np.ndarray) -> np.ndarray:
        """Values of all branch points at which nothing accumulates."""
        return np.concatenate([np.zeros(0), *(junction_values(t, y[t.start : t.start + t.n]) for t in self._branched)])

    def _place_junctions(self, state: State) -> None:
        """Branch points of a state into the kernels' arrays, so that a restored state goes on bitwise as it did before."""
        at = 0
        for array, places in self._junctions:
            count = len(array[places])
            array[places] = state.memory["junctions"][at : at + count]
            at += count

    def synchronise_junctions(self, state: State) -> None:
        """Branch points in balance with y, if somebody set y from outside; else as they are."""
        balanced = self._balanced_junctions(state.y)
        if balanced.size and not np.allclose(balanced, state.memory["junctions"], rtol=1e-9, atol=1e-12):
            state.memory["junctions"] = balanced
