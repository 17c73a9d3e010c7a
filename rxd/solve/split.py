"""The split stepper: Strang splitting, second order, fixed steps, the whole time loop compiled.

In: a `Problem` and the kernels compiled for "split". A step advances local chemistry and gates by dt/2 with v frozen, then the
cable and diffusion by dt with gates frozen, then chemistry and gates by dt/2. Currents are evaluated once per step, with the
species they move at their predicted midpoint, and act on both sides of the membrane: charge and moles agree to round-off.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rxd.discretize.records import LANES, GraphTransport, Transport
from rxd.errors import ConvergenceError, DeclarationError
from rxd.solve.graph_kernels import make_graph
from rxd.solve.problem import Problem, Reason, State, Statistics, StepResult, check_finite
from rxd.solve.split_kernels import prepare_transport

TOLERANCE = 1e-9
"""Fraction of a step below which two times are the same."""


class SplitStepper:
    """Fixed-step Strang splitting.

    Parameters
    ----------
    problem : Problem
    kernels : rxd.codegen.kernels.Kernels
        Compiled for "split".
    dt : float
        Step in ms.
    """

    name = "split"

    def __init__(self, problem: Problem, kernels: Any, dt: float) -> None:
        if dt is None or not dt > 0:
            message = f"dt must be positive, in ms; got {dt!r}. The split method has fixed steps: give one, such as dt=0.025."
            raise DeclarationError(message)
        self.problem = problem
        self.kernels = kernels
        self.dt = float(dt)
        self._advance = kernels.module.advance
        self._groups = tuple(self._group_arguments())
        self._work = self._work_arrays()
        self._moving = np.array(sorted(self._moved_positions()), dtype=np.int64)
        self._counts = np.zeros(1, dtype=np.int64)
        self._cable, self._species, self._trees = self._operators()
        self._graphs = tuple(self._graph_arguments(graph) for graph in problem.discretization.graphs)
        self._still = self._still_positions()
        self._junctions = self._junction_views()
        self._prepared = 0.0

    def start(self, state: State) -> None:
        """Fresh drift and branch points in balance; the detectors' memory is the driver's."""
        state.memory["drift"] = np.zeros(self.problem.size)
        state.memory["junctions"] = self._balanced_junctions(state.y)

    def advance(self, state: State, until: float, statistics: Statistics) -> StepResult:
        """Full steps of dt, then one shorter step that ends at ``until`` exactly."""
        injected, conductance, drive = self.problem.stimuli.at(state.t, self.problem.discretization.cable.n)
        clamps = (injected, conductance, drive)
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

    def describe(self) -> str:
        """One sentence for `explain()`."""
        return (
            f"split: Strang splitting of second order, dt = {self.dt:g} ms, time loop compiled; "
            f"linear parts by two-stage SDIRK (L-stable)."
        )

    def _steps(self, state: State, steps: int, dt: float, clamps: Any, statistics: Statistics) -> tuple[tuple[int, float], ...]:
        self._prepare(dt)
        backup, drift = state.y.copy(), state.memory["drift"].copy()
        fraction = np.empty(len(state.before))
        self._place_junctions(state)
        done = self._run(state, steps, dt, clamps, fraction)
        failed = check_finite(self.problem, state.y)
        if failed is not None:
            self._raise_at_first_failure(state, backup, drift, steps, dt, clamps)
        state.memory["junctions"] = np.concatenate(self._junctions)
        statistics.steps += done
        statistics.solves += 2 * done * (1 + len(self._species) + len(self._graphs))
        statistics.iterations += int(self._counts[0])
        self._counts[:] = 0
        began = state.t + (done - 1) * dt
        state.t += done * dt
        fired = np.flatnonzero(fraction >= 0.0)
        return tuple(sorted(((int(d), began + float(fraction[d]) * dt) for d in fired), key=lambda spike: spike[1]))

    def _run(self, state: State, steps: int, dt: float, clamps: Any, fraction: np.ndarray) -> int:
        stimuli = self.problem.stimuli
        value, slope, source, average = self._work[1]
        cable = self.problem.discretization.cable
        electric = (state.memory["drift"], value, slope, source, average, cable.start, cable.start + cable.n)
        detectors = (stimuli.detector_position, stimuli.detector_threshold, state.before, fraction)
        diffusion = (self._still, self._moving, self._species, self._trees, self._graphs)
        return int(
            self._advance(
                state.y, state.t, dt, steps, self._work[0], electric, clamps, self._cable, diffusion, detectors, self._groups
            )
        )

    def _raise_at_first_failure(
        self, state: State, backup: np.ndarray, drift: np.ndarray, steps: int, dt: float, clamps: Any
    ) -> None:
        """Repeat the failed stretch step by step to say exactly when and where it failed."""
        state.y[:] = backup
        state.memory["drift"][:] = drift
        self._place_junctions(state)
        fraction, failed = np.empty(len(state.before)), None
        for _ in range(steps):
            self._run(state, 1, dt, clamps, fraction)
            state.t += dt
            failed = check_finite(self.problem, state.y)
            if failed is not None:
                break
        label, place = failed or (None, None)
        raise ConvergenceError(Reason.NOT_FINITE.value, t=state.t, dt=dt, unknown=label, place=place)

    def _prepare(self, dt: float) -> None:
        """Factorise the diffusion matrices when dt changes."""
        if dt == self._prepared:
            return
        node, up, coupling, diagonal, _, _, capacity, *_ = self._trees
        for _, _, total, at, _ in self._species:
            part = slice(at, at + total)
            prepare_transport(dt, capacity[part], node[part], up[part], coupling[part], diagonal[part])
        self._prepared = dt

    def _group_arguments(self) -> list[tuple[Any, ...]]:
        found = []
        for group, kernels in zip(self.problem.discretization.groups, self.kernels.groups, strict=True):
            program = kernels.program
            touched = np.unique(np.concatenate([kernels.active, kernels.gates]))
            found.append(
                (
                    np.ascontiguousarray(group.fields).ravel(),
                    np.ascontiguousarray(group.position[:, 0]),
                    group.position,
                    group.n,
                    kernels.active,
                    touched,
                    kernels.moved,
                    program.entry,
                    program.diagonal,
                    program.factor,
                    program.lower,
                    program.upper,
                    np.zeros(len(kernels.moved) * group.n),
                    np.zeros(len(kernels.moved) * group.n),
                )
            )
        return found

    def _work_arrays(self) -> tuple[Any, Any]:
        groups, kernels = self.problem.discretization.groups, self.kernels.groups
        unknowns = max(group.position.shape[0] for group in groups)
        active = max(1, *(len(k.active) for k in kernels))
        entries = max(1, *(k.program.nnz for k in kernels))
        moved = max(1, *(len(k.moved) for k in kernels))
        lanes = (
            np.zeros(unknowns * LANES),
            np.zeros(active * LANES),
            np.zeros(entries * LANES),
            np.zeros(entries * LANES),
            np.zeros(active * LANES),
            np.zeros(2 * moved * LANES),
        )
        size = self.problem.size
        return lanes, (np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(self.problem.discretization.cable.n))

    def _graph_arguments(self, graph: GraphTransport) -> tuple[Any, ...]:
        """Arguments of the graph kernel of one species, with its work arrays."""
        moved = bool(np.any((self._moving >= graph.start) & (self._moving < graph.start + graph.n)))
        arguments, stiffness = make_graph(graph)
        spare = [np.zeros(graph.n) for _ in range(4)]
        return (graph.start, graph.n, moved, stiffness, arguments, *spare, self._counts)

    def _moved_positions(self) -> set[int]:
        """Positions of y that currents change, v excluded."""
        positions: set[int] = set()
        for group, kernels in zip(self.problem.discretization.groups, self.kernels.groups, strict=True):
            for row in kernels.moved[1:]:
                positions.update(group.position[row].tolist())
        return positions

    def _still_positions(self) -> np.ndarray:
        """Positions of y that currents change and diffusion does not."""
        diffusing = np.zeros(self.problem.size, dtype=bool)
        transports: list[Transport | GraphTransport] = [*self.problem.discretization.transports[1:]]
        for transport in [*transports, *self.problem.discretization.graphs]:
            diffusing[transport.start : transport.start + transport.n] = True
        return self._moving[~diffusing[self._moving]]

    def _operators(self) -> tuple[Any, np.ndarray, Any]:
        """Arguments of the cable kernel; table of diffusing species; their trees, laid end to end."""
        cable, *species = self.problem.discretization.transports
        moved = set(self._moving.tolist())
        u = np.zeros(len(cable.parent))
        u[: cable.n] = self.problem.initial[cable.start : cable.start + cable.n]
        u[cable.n :] = junction_values(cable, u[: cable.n])
        spare = [np.zeros(len(cable.parent)) for _ in range(3)]
        plan = cable.plan
        arguments = (
            cable.capacity,
            cable.parent,
            cable.conductance,
            plan.node,
            plan.parent,
            plan.coupling(cable.conductance),
            u,
            *spare,
        )
        table, at = [], 0
        for transport in species:
            is_moved = any(p in moved for p in range(transport.start, transport.start + transport.n))
            table.append((transport.start, transport.n, len(transport.parent), at, int(is_moved)))
            at += len(transport.parent)
        return (
            arguments,
            np.array(table, dtype=np.int64).reshape(len(table), 5),
            _laid_end_to_end(species, self.problem.initial),
        )

    def _junction_views(self) -> list[np.ndarray]:
        """Where the kernels keep the branch points of the cable and of every species in trees."""
        cable, *species = self.problem.discretization.transports
        places = [(row[3] + transport.n, row[3] + row[2]) for transport, row in zip(species, self._species, strict=True)]
        return [self._cable[6][cable.n :], *(self._trees[7][begin:end] for begin, end in places)]

    def _balanced_junctions(self, y: np.ndarray) -> np.ndarray:
        """Values of all branch points at which nothing accumulates."""
        transports = self.problem.discretization.transports
        return np.concatenate([junction_values(t, y[t.start : t.start + t.n]) for t in transports])

    def _place_junctions(self, state: State) -> None:
        """Branch points of a state into the kernels' arrays, so that a restored state goes on bitwise as it did before."""
        at = 0
        for view in self._junctions:
            view[:] = state.memory["junctions"][at : at + len(view)]
            at += len(view)

    def synchronise_junctions(self, state: State) -> None:
        """Branch points in balance with y, if somebody set y from outside; else as they are."""
        balanced = self._balanced_junctions(state.y)
        if not np.allclose(balanced, state.memory["junctions"], rtol=1e-9, atol=1e-12):
            state.memory["junctions"] = balanced


def junction_values(transport: Transport, values: np.ndarray) -> np.ndarray:
    """Values at branch points at which nothing accumulates: weighted means of the neighbours, shape (n_junctions,)."""
    n, total = transport.n, len(transport.parent)
    if total == n:
        return np.zeros(0)
    matrix, right = np.zeros((total - n, total - n)), np.zeros(total - n)
    for child in np.flatnonzero(transport.parent >= 0):
        parent, g = int(transport.parent[child]), float(transport.conductance[child])
        for one, other in ((int(child), parent), (parent, int(child))):
            if one >= n:
                matrix[one - n, one - n] += g
                if other >= n:
                    matrix[one - n, other - n] -= g
                else:
                    right[one - n] += g * values[other]
    return np.linalg.solve(matrix, right)


def _laid_end_to_end(species: list[Transport], initial: np.ndarray) -> tuple[np.ndarray, ...]:
    """Arrays of all diffusing species end to end: node, up, coupling, diagonal, parent, conductance, capacity, u, r, b."""

    def join(arrays: list[np.ndarray], dtype: Any) -> np.ndarray:
        return np.ascontiguousarray(np.concatenate(arrays)) if arrays else np.zeros(0, dtype=dtype)

    values = [
        np.concatenate([initial[t.start : t.start + t.n], junction_values(t, initial[t.start : t.start + t.n])])
        for t in species
    ]
    largest = max((len(t.parent) for t in species), default=0)
    coupling = join([t.plan.coupling(t.conductance) for t in species], float)
    return (
        join([t.plan.node for t in species], np.uint32),
        join([t.plan.parent for t in species], np.uint32),
        coupling,
        np.zeros_like(coupling),
        join([t.parent for t in species], np.int64),
        join([t.conductance for t in species], float),
        join([t.capacity for t in species], float),
        join(values, float),
        np.zeros(largest),
        np.zeros(largest),
    )
