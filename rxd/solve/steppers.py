"""The list of steppers: a new one is one file and one line here; tests run over the list."""

from __future__ import annotations

from typing import Any, Final

from rxd.errors import DeclarationError
from rxd.solve.coupled import CoupledStepper
from rxd.solve.problem import Problem, Stepper
from rxd.solve.split import SplitStepper

STEPPERS: Final = (CoupledStepper, SplitStepper)
DEFAULT_DT: Final = 0.025


def make_stepper(method: str, problem: Problem, kernels: Any, **options: Any) -> Stepper:
    """The stepper of a name with its options.

    Raises
    ------
    DeclarationError
        For an unknown method or option.
    """
    for stepper in STEPPERS:
        if stepper.name == method:
            options.setdefault("dt", DEFAULT_DT)
            try:
                return stepper(problem, kernels, **options)
            except TypeError as error:
                message = f"method='{method}' does not take these options ({', '.join(options)}): {error}."
                raise DeclarationError(message) from error
    message = f"There is no method '{method}'. Methods: {', '.join(repr(s.name) for s in STEPPERS)}."
    raise DeclarationError(message)
