"""`fit_praxis` and its relatives: NEURON's names for finding the minimum of a function of several numbers.

In: a function of Python or hoc, and numbers to begin with. Out: the least value found, with the numbers that give it. The
search is Powell's (SciPy); NEURON's is Brent's variant of it: steps differ, minima are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.vectors.pointers import ItemPointer, as_pointer
from rxd.neuron.vectors.vector import Vector

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["PRAXIS_FUNCTIONS"]

DEFAULTS: Mapping[str, float] = MappingProxyType({"praxis_tolerance_": 1e-5, "praxis_step_": 1.0, "praxis_stop_": 0.0})
"""How searches go, kept among the numbers of a session."""


class _StoppedError(Exception):
    """Somebody has called `stop_praxis`."""


def _setting(session: Session, name: str) -> float:
    return float(session.globals[name]) if name in session.globals else DEFAULTS[name]


def attr_praxis(session: Session, *settings: float) -> float:
    """Settings of `fit_praxis`: `attr_praxis(tolerance, longest step, printing)`; nothing is printed here.

    With one argument, or none, NEURON's seed of random directions, of which there are none here.
    """
    if len(settings) >= 2:
        if not (settings[0] > 0 and settings[1] > 0):
            raise HocError(f"attr_praxis: a tolerance and a longest step are above 0, unlike {settings[0]} and {settings[1]}.")
        session.globals["praxis_tolerance_"], session.globals["praxis_step_"] = float(settings[0]), float(settings[1])
    return 0.0


def stop_praxis(session: Session, *_: float) -> float:
    """Let `fit_praxis` stop after the present call of its function, with the best numbers it has."""
    session.globals["praxis_stop_"] = 1.0
    return 0.0


def pval_praxis(session: Session, *_: Any) -> float:
    """NEURON's curvatures along principal axes.

    Raises
    ------
    NotSupported
        They belong to its search.
    """
    raise NotSupported("h.pval_praxis is not supported: take the Hessian of your function at the minimum, by differences.")


def fit_praxis(session: Session, *arguments: Any) -> float:
    """Minimise a function: `fit_praxis(function, vector)` or `fit_praxis(n, "name", pointer)`; returns the minimum.

    The Vector, or the n numbers from the pointer on, are where the search begins and, afterwards, where the minimum is. A
    function of Python gets a Vector; one of hoc, by its name, gets n and a pointer to the first number. hoc code behind them
    runs after every round of the search.
    """
    evaluate, start, write, code = _task(session, arguments)
    session.globals["praxis_stop_"] = 0.0
    best: list[Any] = [np.inf, start.copy()]

    def error(values: np.ndarray) -> float:
        found = float(evaluate(values))
        if found < best[0]:
            best[:] = found, values.copy()
        if session.globals["praxis_stop_"]:
            raise _StoppedError
        return found if np.isfinite(found) else 1e300

    def after(values: np.ndarray) -> None:
        write(np.asarray(values))
        if code:
            session.hoc.execute(code)

    _search(error, start, after, _setting(session, "praxis_tolerance_"), _setting(session, "praxis_step_"))
    write(best[1])
    return float(best[0])


def _search(error: Callable[..., float], start: np.ndarray, after: Callable[..., None], tolerance: float, step: float) -> None:
    """Powell's search, begun anew until it finds nothing better."""
    from scipy.optimize import minimize  # few scripts need it, and it takes long to load

    options = {"xtol": tolerance, "ftol": tolerance**2, "direc": step * np.eye(len(start)), "maxfev": 20_000 * len(start)}
    try:
        last = np.inf
        while True:
            found = minimize(error, start, method="Powell", callback=after, options=options)
            start = np.atleast_1d(found.x)
            if not last - found.fun > tolerance * (abs(found.fun) + tolerance):
                return
            last = found.fun
    except _StoppedError:
        return


def _task(session: Session, arguments: tuple[Any, ...]) -> tuple[Callable[..., float], np.ndarray, Callable[..., None], str]:
    """The function of an array, where to begin, where to write, and code to run after every round."""
    if len(arguments) in {2, 3} and callable(arguments[0]) and isinstance(arguments[1], Vector):
        function, vector = arguments[:2]
        code = str(arguments[2]) if len(arguments) == 3 else ""
        write: Callable[..., None] = vector.from_python
        return lambda values: function(Vector(values)), np.array(vector.as_numpy()), write, code
    if len(arguments) in {3, 4} and isinstance(arguments[1], str):
        n, name, target = int(arguments[0]), arguments[1], arguments[2]
        call, pointer = session.hoc.function(name), as_pointer(target, "fit_praxis")
        if call is None:
            raise HocError(f"fit_praxis: there is no hoc function {name}.")
        if not isinstance(pointer, ItemPointer):
            raise HocError(f"fit_praxis takes a pointer to the first of {n} numbers of a Vector: vec._ref_x[0].")
        numbers, first = pointer.target, int(pointer.index)
        start = np.array([float(numbers[first + i]) for i in range(n)])

        def store(values: np.ndarray) -> None:
            for i, value in enumerate(values.tolist()):
                numbers[first + i] = value

        def hoc_error(values: np.ndarray) -> float:
            return float(call(float(n), ItemPointer(Vector(values), 0)))

        return hoc_error, start, store, str(arguments[3]) if len(arguments) == 4 else ""
    raise HocError(
        "fit_praxis takes a function and a Vector, or n, the name of a hoc function and a pointer: fit_praxis(f, v)."
    )


PRAXIS_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {function.__name__: function for function in (attr_praxis, fit_praxis, pval_praxis, stop_praxis)}
)
