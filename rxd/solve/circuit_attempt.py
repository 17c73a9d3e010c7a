"""Variable steps of a whole system with a linear circuit beside its cable: a Rosenbrock method for ``M dz/dt = F(t, z)``.

In: `Equations` of a model whose cable conducts nothing (the circuit has it), a `Circuit`. Out: an `Attempt` for the coupled
stepper. The unknowns z are those of the state, then those of the circuit but v. M is singular: branch points, layers without a
capacity and currents of voltage sources follow the rest at once. Methods that are L-stable and stiffly accurate, as ours, keep
their order then (index 1: Hairer and Wanner, Solving Ordinary Differential Equations II, section VI.4,
https://doi.org/10.1007/978-3-642-05221-7), given that a step begins where these equations hold: `settle` sees to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from rxd.discretize.records import Discretization
from rxd.solve.attempts import INSTANT, StagedAttempt
from rxd.solve.circuits import Circuit, FromGround
from rxd.solve.controller import absolute_tolerance
from rxd.solve.coupled import CoupledStepper
from rxd.solve.equations import Electrodes, Equations
from rxd.solve.linear import SolveError
from rxd.solve.problem import Problem, State
from rxd.solve.stages import add_stages, sum_stages, worst_error
from rxd.solve.tableau import Tableau

__all__ = ["CircuitStepper", "without_cable"]

PROJECTION: Final = 1e-9
"""How far ahead, in ms, unknowns that follow the rest at once are looked for: nothing else moves by then."""
PROJECTIONS: Final = 2
"""How often they are looked for where they have been far away."""
ITERATIONS: Final = 8
DRIFT: Final = 1e-6
"""From how much later, in ms, it is seen how fast what comes from ground changes by itself."""


class CircuitAttempt(StagedAttempt):
    """Stage by stage with SuperLU on the system and its circuit together.

    Parameters
    ----------
    equations : Equations
        Without the cable.
    circuit : Circuit
    table : Tableau
    atol : ndarray, shape (size,)
    rtol : float
    least : float
        Absolute tolerance of the circuit's unknowns, mV or nA.
    injected : FromGround or None
        What comes from ground though the equations have it flow through membranes.
    """

    def __init__(
        self,
        equations: Equations,
        circuit: Circuit,
        table: Tableau,
        atol: np.ndarray,
        rtol: float,
        least: float,
        injected: FromGround | None = None,
    ) -> None:
        self._injected = injected
        self._equations, self._table, self._worst, self._least, self._own = equations, table, 0, least, atol
        self._linearisation = equations.make_linearisation(equations.electrodes(0.0))
        self._electrodes, self._rtol, self._size = equations.electrodes(0.0), rtol, equations.size
        self.take(circuit)

    def take(self, circuit: Circuit) -> None:
        """Go on with another circuit, or other entries of this one."""
        self._circuit, size, extra = circuit, self._size, len(circuit.x) - len(circuit.inside)
        n, start = len(circuit.inside), self._equations.discretization.cable.start
        # place of every unknown of the circuit in z
        place = np.concatenate([start + np.arange(n), size + np.arange(extra)])
        self._v, self._place, self._total = start + np.arange(n), place, size + extra
        self._row, self._column = place[circuit.row], place[circuit.column]
        self._charge = 1.0 / self._equations.exchange.inverse_capacity[self._v]
        outside = circuit.inside >= 0
        self._out, self._within = place[circuit.inside[outside]], self._v[outside]
        others = np.setdiff1d(np.arange(size), self._v)
        rows, columns = np.concatenate([others, self._v, self._out]), np.concatenate([others, self._v, self._within])
        shares = np.concatenate([np.ones(len(others)), self._charge, -self._charge[outside]])
        shape = self._total, size
        self._spread = sparse.csr_array((shares, (rows, columns)), shape=shape)  # of a rate to the rows of F
        self._wide = sparse.csr_array((np.ones(size), (np.arange(size), np.arange(size))), shape=(size, self._total))
        self._rest_of_mass = sparse.csr_array((np.ones(len(others)), (others, others)), shape=(self._total, self._total))
        self._tolerance = np.concatenate([self._own, np.full(extra, self._least)]), self._rtol
        self._stages = np.zeros((self._table.stages, self._total))
        self._y, self._new, self._f0, self._point, self._rest, self._slope = (np.zeros(self._total) for _ in range(6))
        self._local = np.zeros(size)

    def begin(self, y: np.ndarray) -> None:
        """A state from somewhere else; the rest is in the circuit."""
        self._y[: self._size], self._y[self._size :] = y, self._circuit.x[len(self._circuit.inside) :]

    def place(self, electrodes: Electrodes) -> None:
        """What clamps do from now on."""
        self._electrodes = electrodes
        self._linearisation.electrodes = Electrodes(np.zeros_like(electrodes.current), np.zeros_like(electrodes.conductance))

    def _force(self, t: float, z: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """F, from the rates of the model alone."""
        circuit, electrodes = self._circuit, self._electrodes
        found = np.asarray(self._spread @ rates)
        found[self._place] += circuit.source
        np.subtract.at(found, self._row, circuit.g * z[self._column])
        inside = z[self._v].copy()
        outside = circuit.inside >= 0
        inside[outside] += z[self._out]
        found[self._v] += electrodes.current_at(t) - electrodes.conductance * inside
        if self._injected is not None:
            rows, nodes = self._place[self._injected.rows], self._v[self._injected.nodes]
            current, taken = self._injected.currents(t, z[: self._size], z[rows])
            np.add.at(found, nodes, current - taken)
            np.add.at(found, rows, taken)
        return found

    def _full(self, t: float, z: np.ndarray) -> np.ndarray:
        self._equations.rates(t, np.ascontiguousarray(z[: self._size]), self._linearisation.electrodes, self._local)
        return self._force(t, z, self._local)

    def linearise(self, t: float) -> None:
        """F, M and the Jacobian at the state."""
        equations, linearisation, circuit = self._equations, self._linearisation, self._circuit
        equations.linearise(t, np.ascontiguousarray(self._y[: self._size]), self._local, linearisation)
        self._f0[:] = self._force(t, self._y, self._local)
        self._slope[:] = self._spread @ linearisation.drift
        if self._electrodes.slope is not None:
            self._slope[self._v] += self._electrodes.slope
        jacobian = self._spread @ linearisation.assembly.matrix(linearisation.fill()) @ self._wide
        g, outside = self._electrodes.conductance, circuit.inside >= 0
        rows = np.concatenate([self._row, self._v, self._within])
        columns = np.concatenate([self._column, self._v, self._out])
        values, shape = np.concatenate([circuit.g, g, g[outside]]), (self._total, self._total)
        self._jacobian = jacobian - sparse.csr_array((values, (rows, columns)), shape=shape)
        if self._injected is not None:
            self._jacobian += self._injection(self._injected, t)
        self._mass = self._rest_of_mass + sparse.csr_array((circuit.c, (self._row, self._column)), shape=shape)

    def _injection(self, injected: FromGround, t: float) -> sparse.csr_array:
        """The part of the Jacobian that comes from ground; brings its part of the drift, too."""
        state, rows, nodes = self._y[: self._size], self._place[injected.rows], self._v[injected.nodes]
        outside = self._y[rows]
        number, position, (slope, taken) = injected.slopes(t, state, outside)
        own = position == nodes[number]
        values = np.concatenate([slope - taken, slope[own], taken])
        places = np.concatenate([nodes[number], nodes[number[own]], rows[number]])
        columns = np.concatenate([position, rows[number[own]], position])
        later, now = (injected.currents(when, state, outside) for when in (t + DRIFT, t))
        current, taken = (later - now) / DRIFT
        np.add.at(self._slope, nodes, current - taken)
        np.add.at(self._slope, rows, taken)
        return sparse.csr_array((values, (places, columns)), shape=(self._total, self._total))

    def _factors(self, shift: float) -> Any:
        try:
            return splu((shift * self._mass - self._jacobian).tocsc())
        except (RuntimeError, ValueError) as error:
            raise SolveError(f"SuperLU: {error}.") from error

    def settle(self, t: float) -> None:
        """Bring unknowns that follow the rest at once to where they belong: by a step of implicit Euler of no length.

        Ends of sections have a capacity, though a negligible one: what charges it in such a step flows through layers outside,
        and is over in the next.
        """
        for _ in range(PROJECTIONS):
            before = self._y.copy()
            self._project(t, before)
            if not np.max(np.abs(self._y - before) / self._tolerance[0]) > 1.0:
                break

    def _project(self, t: float, before: np.ndarray) -> None:
        for _ in range(ITERATIONS):
            self.linearise(t)
            residual = self._f0 - self._mass @ (self._y - before) / PROJECTION
            change = self._factors(1.0 / PROJECTION).solve(residual)
            self._y += change
            if not np.isfinite(change).all() or np.max(np.abs(change) / self._tolerance[0]) < 1e-3:
                break

    def rates(self, t: float, y: np.ndarray, out: np.ndarray) -> None:
        """Rates of the state, from a step of no length."""
        self.begin(y)
        self.linearise(t)
        shift = 1.0 / (self._table.gamma * INSTANT)
        out[:] = self._factors(shift).solve(self._f0)[: self._size] * shift

    def make(self, t: float, h: float) -> float:
        """Try a step; see `Attempt`."""
        table, y, U = self._table, self._y, self._stages
        factors = self._factors(1.0 / (table.gamma * h))
        for i in range(table.stages):
            sum_stages(y, U, table.a[i], table.c[i] / h, i, self._slope, 0.0, self._point, self._rest)
            right = self._mass @ self._rest + table.drift[i] * h * self._slope
            right += self._full(t + table.alpha[i] * h, self._point) if table.fresh[i] else self._f0
            U[i] = factors.solve(right)
        sum_stages(y, U, table.m, table.e, table.stages, self._slope, 0.0, self._new, self._rest)
        error, self._worst = worst_error(self._rest, y, self._new, *self._tolerance)
        return float(error)

    def worst(self) -> int:
        """Where the error is largest; v of the first segment, if it is in the circuit."""
        return int(self._worst) if self._worst < self._size else int(self._v[0])

    def _show(self, z: np.ndarray, out: np.ndarray) -> None:
        out[:] = z[: self._size]
        self._circuit.x[:] = z[self._place]

    def current(self, out: np.ndarray) -> None:
        """The state; the rest goes to the circuit."""
        self._show(self._y, out)

    def inside(self, weights: np.ndarray, out: np.ndarray) -> None:
        """State and circuit inside the last step."""
        add_stages(self._y, self._stages, weights, len(weights), self._point)
        self._show(self._point, out)

    def end(self, out: np.ndarray) -> None:
        """State and circuit at the end of the last step."""
        self._show(self._new, out)


class CircuitStepper(CoupledStepper):
    """Coupled steps of a model and a circuit beside its cable."""

    def __init__(
        self, problem: Problem, kernels: Any, circuit: Circuit, injected: FromGround | None = None, **options: Any
    ) -> None:
        self._circuit = circuit
        super().__init__(problem, kernels, solver="scipy", **options)
        atol = options.get("atol")
        least = float(
            absolute_tolerance(problem, self.rtol, atol)[problem.discretization.cable.start] if atol is None else atol
        )
        table = self.tableau if self.adaptive else self.tableau.unjudged()
        self._attempt = self._together = CircuitAttempt(self.equations, circuit, table, self.atol, self.rtol, least, injected)

    def take_circuit(self, circuit: Circuit) -> None:
        """Another circuit in the place of the one there was."""
        self._together.take(circuit)

    def settle(self, state: State) -> None:
        """Let what follows the rest at once do so, where clamps, events or scripts have moved the rest."""
        self._together.place(self.equations.electrodes(state.t))
        self._together.begin(state.y)
        self._together.settle(state.t)
        self._together.current(state.y)

    def _rates_after_jump(self, state: State, t: float, y: np.ndarray, out: np.ndarray) -> None:
        self._together.rates(t, y, out)


def without_cable(discretization: Discretization) -> Discretization:
    """The same model, where nothing flows along the cable."""
    cable, *others = discretization.transports
    return replace(discretization, transports=(replace(cable, conductance=np.zeros_like(cable.conductance)), *others))
