"""The embedded direct solver: block elimination along the tree, compiled, without fill and without a library.

In: `Equations` of a one-dimensional model. Out: solutions of ``(shift I - J) x = b`` for `rxd.solve.linear.LinearSolver`. A
node first eliminates what it does not exchange with others (gates, states, buffers that do not diffuse, states of its
synapses); what is left couples v and the diffusing species of neighbours, one block per node of the cable's tree, and is
eliminated from the leaves.
"""

from __future__ import annotations

import numpy as np

from rxd.solve.direct_kernels import Arrays, prepare, solve
from rxd.solve.direct_plan import DirectPlan, build_plan
from rxd.solve.equations import Equations, Linearisation
from rxd.solve.linear import SolverStatistics


class DirectSolver:
    """Block elimination in Hines order.

    Parameters
    ----------
    equations : Equations

    Attributes
    ----------
    arrays : tuple
        Plan and work arrays as the compiled `prepare` and `solve` take them.
    """

    name = "direct"

    def __init__(self, equations: Equations) -> None:
        self.plan = build_plan(equations)
        self.statistics = SolverStatistics()
        self.arrays = solver_arrays(self.plan)

    def prepare(self, linearisation: Linearisation, shift: float) -> None:
        """Factorise ``shift I - J``."""
        prepare(linearisation.local, shift, linearisation.electrodes.conductance, self.arrays)
        self.statistics.factorisations += 1

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> None:
        """Solve with the factors at hand; a singular block shows as values that are not finite."""
        solve(rhs, rhs, False, out, self.arrays)
        self.statistics.solves += 1

    def describe(self) -> str:
        """What is eliminated and in how many waves."""
        plan = self.plan
        return (
            f"embedded direct solver: local unknowns eliminated node by node, then blocks of up to {plan.block} exchanged "
            f"unknowns along the tree, {int(plan.waves[:, 1].sum())} blocks in {len(plan.waves)} waves."
        )

    def close(self) -> None:
        """Nothing to release."""


def solver_arrays(plan: DirectPlan) -> Arrays:
    """Plan and work arrays in the order the kernels unpack them."""
    nodes = (plan.table, plan.program, plan.block_place, plan.side_place, plan.capacity, plan.clamp_place)
    tree = (plan.waves, plan.lanes, plan.blank, plan.coupling, (0,) * plan.block)
    factors, sides, scratch = plan.sizes
    work = tuple(np.zeros(size) for size in (factors, sides, len(plan.blank), len(plan.coupling), scratch))
    return nodes, tree, work
