"""The coupled stepper (its equations and seam stand; time integration follows)."""

from __future__ import annotations

from typing import Any

from rxd.solve.linear import make_linear_solver
from rxd.solve.problem import Problem, State, Statistics, StepResult


class CoupledStepper:
    """Linearly implicit steps of the whole system."""

    name = "coupled"

    def __init__(self, problem: Problem, kernels: Any, dt: float, solver: str = "scipy", **options: Any) -> None:
        self.problem = problem
        self.dt = dt
        self.solver = make_linear_solver(solver, problem.equations, **options)

    def start(self, state: State) -> None:
        """Nothing is remembered yet."""

    def advance(self, state: State, until: float, statistics: Statistics) -> StepResult:
        """Not yet."""
        raise NotImplementedError

    def describe(self) -> str:
        return f"coupled; {self.solver.describe()}"
