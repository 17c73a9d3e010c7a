"""Problem: one equation ``M dy/dt = A y + M R(t, y) + I(t)`` with its initial state and stimuli; and what a step reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from enum import Enum
from typing import Any, Protocol

import numpy as np

from cable import EventQueue
from geometry.records import dataclass
from rxd.discretize.records import Discretization
from rxd.errors import DeclarationError


class Reason(Enum):
    """Why a run or a step ended; the value is the sentence users read."""

    DONE = "The run reached the requested time."
    SPIKE = "The step ended at a spike so that its events can be queued."
    NOT_FINITE = (
        "The state is not finite any more. A step that is too large for a fast reaction or current, a division by zero in a "
        "rate, or a logarithm or power of a negative concentration does this: try a smaller dt, method='coupled', or look at "
        "the rates of the unknown named."
    )
    TOO_SMALL = (
        "The error estimate asks for a step below the smallest allowed. Loosen rtol or atol, or look for a rate with a jump."
    )
    SINGULAR = (
        "The linear system of a step is singular or its solver diverged. "
        "Look for an unknown with a rate that is not defined there."
    )
    NO_STEADY_STATE = (
        "No steady state was found from here. The model may oscillate or grow without bound; try other initial values, or run "
        "it for a while first."
    )

    @classmethod
    def of(cls, sentence: str) -> Reason:
        """The reason that a message begins with; a solver may have added its own words."""
        return next(reason for reason in cls if sentence.startswith(reason.value))


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """State ``positions`` that are wanted at ``times`` (ms, sorted): all that is wanted before ``until``."""

    positions: np.ndarray
    times: np.ndarray
    until: float


@dataclass(slots=True)
class Sampler:
    """Asks for the state at ``begin + k every``, k = count, count + 1 ...; what is taken counts."""

    begin: float
    every: float
    take: Callable[[float, np.ndarray], None]
    count: int = 0

    @property
    def next_time(self) -> float:
        """Time of the next sample, ms."""
        return self.begin + self.count * self.every

    @property
    def trail(self) -> np.ndarray | None:
        """State positions wanted at the end of every step; None if none are."""
        return None

    def passed(self, t: np.ndarray, values: np.ndarray) -> None:
        """What they held at the ends of steps, shape (steps, positions)."""

    def grid(self, _: float) -> Grid | None:
        """State positions wanted at times up to one, if that is all that is wanted within steps; None if it is not."""
        return None

    def reached(self, t: np.ndarray, values: np.ndarray) -> None:
        """What these held at the first of the times, shape (times, positions)."""

    def before(self, end: float) -> Iterator[float]:
        """Sample times that come before ``end``, which counts as the next step's."""
        while self.next_time < end - 1e-9 * self.every:
            when = self.next_time
            self.count += 1
            yield when


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """A NetCon in arrays' terms: source index (detector or train), event target (position in y), what arrives, when."""

    source: int
    target: int
    amount: float
    delay: float


@dataclass(frozen=True, slots=True, eq=False)
class Stimuli:
    """Everything that acts from outside.

    Attributes
    ----------
    clamps : tuple of cable clamps
    clamp_node : ndarray of int
        Storage index of each clamp's segment (position in y minus the start of v).
    breakpoints : ndarray, ms
        Times at which some clamp jumps, sorted.
    detector_position : ndarray of int
        Position in y of each detector's v; thresholds (mV) beside it, and names of their places.
    connections : tuple of Connection
        From detectors.
    trains : tuple of (SpikeSource, position in y, amount, delay)
    """

    clamps: tuple[Any, ...]
    clamp_node: np.ndarray
    breakpoints: np.ndarray
    detector_position: np.ndarray
    detector_threshold: np.ndarray
    detector_place: tuple[str, ...]
    connections: tuple[Connection, ...]
    trains: tuple[tuple[Any, int, float, float], ...]

    @property
    def rise(self) -> tuple[np.ndarray | None, float]:
        """How fast the currents of `at` rise, by segment (nA/ms), and since when: these do not."""
        return None, 0.0

    def clamped(self, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Node (its place among those of v), conductance (uS) and drive (nA) of every clamp, just after t."""
        given = [clamp.injection(t) for clamp in self.clamps]
        return (
            self.clamp_node,
            np.array([g.conductance for g in given], dtype=float),
            np.array([g.drive for g in given], dtype=float),
        )

    def at(self, t: float, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Injected current (nA), clamp conductance (uS) and clamp drive (nA) by segment in storage order, just after t."""
        injected, conductance, drive = np.zeros(n), np.zeros(n), np.zeros(n)
        for clamp, node in zip(self.clamps, self.clamp_node, strict=True):
            given = clamp.injection(t)
            if given.conductance:
                conductance[node] += given.conductance
                drive[node] += given.drive
            else:
                injected[node] += given.drive
        return injected, conductance, drive


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What every stepper solves."""

    discretization: Discretization
    initial: np.ndarray
    stimuli: Stimuli
    scale: np.ndarray
    """Typical absolute tolerance weight per unknown: ``atolscale``, shape (size,)."""
    equations: Any = None
    """`rxd.solve.equations.Equations`, if the kernels were compiled for "coupled"."""

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return len(self.initial)

    def rhs(self, t: float, y: np.ndarray) -> np.ndarray:
        """Time derivative of the whole state, shape (size,), per ms: for solvers of your own, such as SciPy's `solve_ivp`.

        Clamps act as they do from ``t`` on: integrate from one of ``stimuli.breakpoints`` to the next.
        """
        equations, y = self._equations(), np.array(y, dtype=float)
        return equations.rates(float(t), y, equations.electrodes(float(t)), np.empty(self.size))

    def jacobian(self, t: float, y: np.ndarray, kind: str = "scipy") -> Any:
        """Derivative of `rhs` with respect to the state, exact, with a pattern that never changes.

        Parameters
        ----------
        t : float, ms
        y : ndarray, shape (size,)
        kind : "scipy" or "petsc"
            A `scipy.sparse.csr_array` or a `petsc4py.PETSc.Mat`; either is the caller's own.
        """
        equations, y = self._equations(), np.array(y, dtype=float)
        linearisation = equations.make_linearisation(equations.electrodes(float(t)))
        equations.linearise(float(t), y, np.empty(self.size), linearisation)
        data = linearisation.fill()
        if kind == "scipy":
            return equations.assembly.matrix(data)
        if kind == "petsc":
            from rxd.solve.linear import require_petsc

            require_petsc()
            from rxd.solve.petsc_matrix import as_mat

            return as_mat(equations.assembly, data)
        message = f"A Jacobian is of kind 'scipy' or 'petsc'; got {kind!r}."
        raise DeclarationError(message)

    def _equations(self) -> Any:
        if self.equations is None:
            message = (
                "This simulation was compiled for splitting and has no right-hand side in one piece. "
                "Compile it with method='coupled'."
            )
            raise DeclarationError(message)
        return self.equations


@dataclass(slots=True)
class State:
    """Where a run stands: the one mutable object of a simulation.

    Attributes
    ----------
    t : float, ms
    y : ndarray, shape (size,)
    memory : dict of str to ndarray
        What a stepper carries from step to step (drift of species, last step size).
    before : ndarray
        v at the detectors after the last step.
    queue : EventQueue
        Events on their way; targets are positions in y.
    """

    t: float
    y: np.ndarray
    before: np.ndarray
    queue: EventQueue
    memory: dict[str, np.ndarray] = field(default_factory=dict)

    def copy(self) -> State:
        """A state of its own: nothing is shared with this one."""
        return State(
            self.t,
            self.y.copy(),
            self.before.copy(),
            EventQueue(self.queue.pending()),
            {name: array.copy() for name, array in self.memory.items()},
        )


@dataclass(slots=True)
class Statistics:
    """What a run did."""

    steps: int = 0
    rejected: int = 0
    solves: int = 0
    iterations: int = 0
    events: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StepResult:
    """Outcome of `Stepper.advance`: why it ended, and spikes as (detector, time)."""

    reason: Reason
    spikes: tuple[tuple[int, float], ...] = ()


class Stepper(Protocol):
    """A time integrator: options in its constructor, everything that changes in the `State` it is given."""

    name: str

    def start(self, state: State) -> None:
        """Prepare memory for a state; also called after a jump of y."""
        ...

    def advance(self, state: State, until: float, statistics: Statistics) -> StepResult:
        """Advance to ``until`` exactly, or to the end of a step with a spike."""
        ...

    def refresh_fields(self, number: int) -> None:
        """Take over new values of the fields of a group, which are parameters."""
        ...

    def describe(self) -> str:
        """One or two sentences for `explain()`."""
        ...


def check_finite(problem: Problem, y: np.ndarray) -> tuple[str, str] | None:
    """Label and place of the first unknown that is not finite, or None."""
    if np.isfinite(y.sum()):
        return None
    bad = np.flatnonzero(~np.isfinite(y))
    if not bad.size:
        return None
    label, segment = problem.discretization.layout.locate(int(bad[0]))
    return label, problem.discretization.place(segment)
