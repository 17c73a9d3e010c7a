"""Steps that somebody makes one at a time: all that a split step needs of Python, prepared once.

In: a `SplitStepper` and a state. Out: the state a step further, for one call with two numbers. What a run of many steps does
per run (copies, checks, arguments) would take longer than a step of a small model does.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numba as nb
import numpy as np

from geometry.compiled import inner_options
from rxd.codegen.lane_calls import c_address
from rxd.solve.between_steps import Watch, watched
from rxd.solve.kept import Kept, kept
from rxd.solve.lane_operations import c_kernel
from rxd.solve.problem import State, Statistics, check_finite
from rxd.solve.split_loop import advance

if TYPE_CHECKING:
    from rxd.solve.split import SplitStepper

__all__ = ["Single"]

NOT_FINITE: Final = 1
BELOW_ZERO: Final = 2
CROSSED: Final = 4


class Moment(NamedTuple):
    """What a step takes besides the constants of its model; ``above``: which detectors were above their thresholds."""

    y: np.ndarray
    drift: np.ndarray
    clamp_node: np.ndarray
    clamp_conductance: np.ndarray
    clamp_drive: np.ndarray
    before: np.ndarray
    fraction: np.ndarray
    watch: Watch
    moving: np.ndarray
    position: np.ndarray
    threshold: np.ndarray
    above: np.ndarray


_compile: Any = nb.njit  # its types do not know the options


@_compile(fastmath={"contract", "nsz", "reassoc"}, error_model="numpy", **inner_options)
def total(y: np.ndarray) -> float:
    """The sum, in any order: enough to see whether all is finite."""
    found = 0.0
    for k in range(y.size):
        found += y[k]
    return found


@c_kernel
def single_step(model: Kept, moment: Kept, t: float, dt: float) -> int:
    """One step of the model's `Step`; what there is to say of the state after it."""
    values: Moment = kept(moment)  # type: ignore[call-arg]
    y, drift, node, conductance, drive, before, fraction, watch, moving, position, threshold, above = values
    advance(model, y, t, dt, 1, drift, node, conductance, drive, before, fraction, watch)
    verdict = 0 if np.isfinite(total(y)) else NOT_FINITE
    for i in range(moving.size):
        if y[moving[i]] < 0.0:
            verdict |= BELOW_ZERO
            break
    for d in range(position.size):
        if (y[position[d]] > threshold[d]) != above[d]:
            verdict |= CROSSED
            break
    return verdict


class Single:
    """Single steps of a state by a stepper of first order, on one thread.

    While it is at work the values of branch points are where the kernels have them; `settle` brings them to the state.

    Parameters
    ----------
    stepper : SplitStepper
    state : State
    clamps : tuple of ndarray
        Node, conductance and drive of every part of a clamp, which may change in place.
    seen : int
        How much of the state before a step is kept in `past`.

    Attributes
    ----------
    past : ndarray
        The state before the last step as far as somebody wants to see it, beyond that NaN.
    crossed : bool
        Whether a detector's voltage is on another side of its threshold now than at the last `compare`; True before one.
    """

    def __init__(self, stepper: SplitStepper, state: State, clamps: Any, seen: int) -> None:
        stimuli = stepper.problem.stimuli
        self.stepper, self.state, self.y = stepper, state, state.y
        self.seen, self.past = seen, np.full(len(state.y), np.nan)
        self.position, self.threshold = stimuli.detector_position, stimuli.detector_threshold
        self.drift = state.memory["drift"]
        detectors = len(self.position)
        self._above = np.zeros(detectors, dtype=bool)
        self._compared = False
        self.crossed = True
        self.clamps = clamps
        watch = watched(past=self.past[:seen])
        node, conductance, drive = clamps
        moment = Moment(
            state.y, self.drift, node, conductance, drive, np.zeros(detectors), np.zeros(detectors), watch,
            stepper._fluxes.moving, self.position, self.threshold, self._above,
        )  # fmt: skip
        self._moment = Kept(moment, stepper.kernels.forms)
        self._voxels = len(stepper._graphs.species) > 0
        self._solves = stepper.solves_per_step
        self._placed = False
        self._model: Kept | None = None
        self._scheme, self._prepared, self._dt = stepper.scheme, stepper._prepared, 0.0
        self._call: Any = None

    def compare(self, values: np.ndarray) -> np.ndarray | None:
        """Somebody compares the detectors' voltages with their thresholds; which are on another side than the last time.

        None if nobody has compared before.
        """
        if len(values) != len(self._above):
            return None
        above = values > self.threshold
        changed = np.flatnonzero(above != self._above) if self._compared else None
        self._above[:] = above
        self._compared = True
        return changed

    def forget_comparison(self) -> None:
        """Somebody else has compared in the meantime."""
        self._compared = False

    def step(self, t: float, statistics: Statistics) -> None:
        """From t one step of the stepper's dt on.

        Raises
        ------
        ConvergenceError
            If the state is not finite any more.
        """
        stepper, state, dt = self.stepper, self.state, self.stepper.dt
        model = stepper._kept.get(1)
        same = model is self._model and stepper.scheme is self._scheme and stepper._prepared is self._prepared
        same = same and not stepper.outdated and not stepper.leaking
        if model is None or not same or dt != self._dt or not self._placed:
            model = self._made_ready(dt)
        verdict = self._call(model.address, self._moment.address, t, dt)
        if verdict & NOT_FINITE and check_finite(stepper.problem, state.y) is not None:
            self._fail(t)
        if self._voxels:
            stepper._count(statistics, 1)
        else:
            statistics.steps += 1
            statistics.solves += self._solves
        if verdict & BELOW_ZERO:
            stepper._warn_if_negative(state, self.past)
        self.crossed = not self._compared or verdict & CROSSED != 0
        state.t = t + dt

    def _made_ready(self, dt: float) -> Kept:
        """The stepper's constants, after it has prepared for a step of dt."""
        stepper = self.stepper
        if stepper.outdated or stepper.leaking or 1 not in stepper._kept:
            self.settle()  # branch points may get other places
        stepper.follow_changes(self.clamps[0])
        stepper._prepare(dt)
        model = stepper._constants(1)
        if not self._placed:
            stepper._place_junctions(self.state)
        if model is not self._model:
            # called by address: numba's own way to tell the types of arguments takes longer than it
            kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_double, ctypes.c_double)
            arguments = (model, self._moment, 0.0, 0.0)
            address = stepper.kernels.forms.find(single_step, arguments, lambda: c_address(single_step, *arguments))
            self._call = kind(address)
        self._model, self._scheme, self._prepared, self._dt = model, stepper.scheme, stepper._prepared, dt
        self._placed = True
        return model

    def _fail(self, t: float) -> None:
        state, stepper = self.state, self.stepper
        state.t = t
        state.memory["junctions"] = stepper._balanced_junctions(self.past)
        self._placed = False
        stepper._raise_at_first_failure(state, self.past, np.zeros_like(self.drift), 1, stepper.dt, self.clamps)

    def settle(self) -> None:
        """Bring the values of branch points to the state, before anybody else uses or changes it."""
        if self._placed:
            self.state.memory["junctions"] = self.stepper.taken_junctions()
            self._placed = False
