"""The embedded direct solver: block elimination along the tree, compiled, without fill and without a library.

In: `Equations` of a one-dimensional model. Out: solutions of ``(shift I - J) x = b`` for `rxd.solve.linear.LinearSolver`. A
node first eliminates what it does not exchange with others (gates, states, buffers that do not diffuse, states of its
synapses); what is left couples v and the diffusing species of neighbours, one block per node of the cable's tree, and is
eliminated from the leaves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rxd.codegen.apart import Apart
from rxd.codegen.lane_calls import part_address
from rxd.discretize.records import LANES
from rxd.solve.aligned import aligned_zeros, together
from rxd.solve.direct_nodes import HALVES, PATTERN
from rxd.solve.direct_plan import DirectPlan, build_plan
from rxd.solve.direct_step import prepare, solve_in_lanes
from rxd.solve.direct_tree import WIDTH, Arrays, eliminate_waves, solve_waves
from rxd.solve.equations import Electrodes, Equations, Linearisation
from rxd.solve.kept import Kept, entry
from rxd.solve.linear import SolverStatistics


class DirectSolver:
    """Block elimination in Hines order.

    Parameters
    ----------
    equations : Equations

    Attributes
    ----------
    arrays : tuple
        Plan and work arrays as the compiled steps take them.
    """

    name = "direct"

    def __init__(self, equations: Equations) -> None:
        self.plan, self.arrays = lay_out(build_plan(equations))
        self.statistics = SolverStatistics()
        self._forms = equations.kernels.forms
        self._kept = Kept(self.arrays, self._forms)
        self._lanes = aligned_zeros(self.plan.sizes[2])
        self._work = np.zeros(LANES, dtype=np.int64), aligned_zeros(int(self.plan.table[:, PATTERN].max()) * LANES)
        _, tree, (_, S, R, Z, T) = self.arrays
        (waves, self._calls), coupling, diagonal, *_ = tree
        self._parts = (eliminate_waves, (S, coupling, diagonal, T, waves)), (solve_waves, (S, coupling, R, Z, T, waves))
        # compiled when they are asked for: a stepper's whole step does without them
        self._prepare: Callable[..., None] | None = None
        self._solve: Callable[..., None] | None = None
        self._inverse: Callable[..., None] | None = None

    def ask(self, apart: Apart) -> None:
        """Have what is shared with other models compiled by a second process, or let it be."""
        for function, arguments in self._parts:
            apart.ask(function, *arguments)

    def make_ready(self) -> None:
        """Compile what goes along the tree, which all loops call by address."""
        if not self._calls[0]:
            self._calls[:] = [self._forms.find(part, given, partial(part_address, part, *given)) for part, given in self._parts]

    def prepare(self, linearisation: Linearisation, shift: float) -> None:
        """Factorise ``shift I - J``."""
        arguments = (linearisation.local, self._work, shift, self.clamps(linearisation.electrodes), self._kept)
        if self._prepare is None:
            self.make_ready()
            self._prepare = entry(prepare, *arguments)
        self._prepare(*arguments)
        self.statistics.factorisations += 1

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> None:
        """Solve with the factors at hand; a singular block shows as values that are not finite."""
        self.plan.load(rhs, self._lanes)
        if self._solve is None:
            self.make_ready()
            self._solve = entry(solve_in_lanes, self._kept, self._lanes, self._lanes)
        self._solve(self._kept, self._lanes, self._lanes)
        self.plan.store(self._lanes, out)
        self.statistics.solves += 1

    def apply_inverse(self, rhs: np.ndarray, out: np.ndarray) -> None:
        """As `solve`, for arrays in lanes, which may be the same."""
        if self._inverse is None:  # PETSc's vectors may be arrays of another type
            self.make_ready()
            self._inverse = entry(solve_in_lanes, self._kept, rhs, out)
        self._inverse(self._kept, rhs, out)

    def clamps(self, electrodes: Electrodes, ahead: np.ndarray | None = None) -> Any:
        """Places on the tree, current and conductance of the segments that have an electrode; how their currents rise.

        That is the slope of each, since when, and ``ahead``: by stage how far it looks ahead in the unit of the step.
        """
        slope = np.zeros(len(electrodes.current)) if electrodes.slope is None else electrodes.slope
        here = np.flatnonzero((electrodes.current != 0.0) | (electrodes.conductance != 0.0) | (slope != 0.0))
        rise = (slope[here] if electrodes.slope is not None else slope[:0]), float(electrodes.since)
        current, conductance = electrodes.current[here], electrodes.conductance[here]
        return self.plan.clamp_place[here], current, conductance, (*rise, np.zeros(0) if ahead is None else ahead)

    def describe(self) -> str:
        """What is eliminated and in how many waves."""
        plan = self.plan
        return (
            f"embedded direct solver: local unknowns eliminated node by node, then blocks of up to {plan.block} exchanged "
            f"unknowns along the tree, {len(plan.clamp_place)} segments in {len(plan.tree[0])} waves."
        )

    def close(self) -> None:
        """Nothing to release."""


def lay_out(plan: DirectPlan) -> tuple[DirectPlan, Arrays]:
    """A plan and work arrays side by side in memory: the plan, and all in the order the kernels unpack it."""
    blocks, factors, _, scratch = plan.sizes
    # behind everything: what kernels put together that lies apart, see `DirectPlan.ends`
    room, blocks = len(plan.coupling) + HALVES * plan.block * WIDTH, blocks + HALVES * plan.block**2 * WIDTH
    given = {name: getattr(plan, name) for name in ("fields", "capacity", "coupling", "diagonal")}
    *work, fields, capacity, coupling, diagonal = together([factors, blocks, room, room, scratch, *map(len, given.values())])
    for place, values in zip((fields, capacity, coupling, diagonal), given.values(), strict=True):
        place[:] = values
    plan = dataclasses.replace(plan, fields=fields, capacity=capacity, coupling=coupling, diagonal=diagonal)
    nodes = (plan.table, plan.program, plan.places, plan.capacity, plan.ends)
    tree = ((plan.tree, np.zeros(2, dtype=np.int64)), plan.coupling, plan.diagonal, (plan.twins, plan.again), plan.blank)
    return plan, (nodes, tree, tuple(work))
