"""The list of steppers: a new one is one file and one line here; tests run over the list."""

from __future__ import annotations

from typing import Any, Final

from rxd.errors import DeclarationError
from rxd.solve.coupled import CoupledStepper
from rxd.solve.problem import Problem, Stepper
from rxd.solve.split import SplitStepper
from rxd.units import as_number

STEPPERS: Final = (CoupledStepper, SplitStepper)
DEFAULT_DT: Final = 0.025


def make_stepper(method: str, problem: Problem, kernels: Any, **options: Any) -> Stepper:
    """The stepper of a name with its options.

    Raises
    ------
    DeclarationError
        For an unknown method or option.
    """
    stepper = find_stepper(method)
    if stepper is SplitStepper:
        options.setdefault("dt", DEFAULT_DT)
    code = stepper.__init__.__code__
    known = [name for name in code.co_varnames[1 : code.co_argcount] if name not in ("problem", "kernels")]
    unknown = [name for name in options if name not in known]
    if unknown:
        message = f"method='{method}' has no option {', '.join(map(repr, unknown))}. Its options: {', '.join(known)}."
        raise DeclarationError(message)
    if options.get("dt") is not None:
        options["dt"] = as_number(options["dt"], "dt", "ms")
    return stepper(problem, kernels, **options)


def find_stepper(method: str) -> type[CoupledStepper | SplitStepper]:
    """The class behind a method's name.

    Raises
    ------
    DeclarationError
        If there is none.
    """
    for stepper in STEPPERS:
        if stepper.name == method:
            return stepper
    message = f"There is no method {method!r}. Methods: {', '.join(repr(s.name) for s in STEPPERS)}."
    raise DeclarationError(message)
