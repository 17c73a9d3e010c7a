"""Errors of `rxd`: each says what was given, what is allowed and what to do."""

from __future__ import annotations


class RxdError(Exception):
    """Base of every error raised by `rxd`."""


class DeclarationError(RxdError, ValueError):
    """A declaration (region, species, reaction, mechanism, stimulus, model) cannot be right as written."""


class UnitsError(DeclarationError):
    """A number or quantity has the wrong unit, or something without a unit was given where a number is needed."""


class DiscretizationError(RxdError, ValueError):
    """The declared model cannot be laid out on the morphology (zero volume, non-finite initial value ...)."""


class KernelError(RxdError, RuntimeError):
    """Generated code could not be written or compiled; the message holds the source line."""


class RxdWarning(UserWarning):
    """A model that runs and may not be what was meant; the message names the thing and the remedy."""


class ConvergenceError(RxdError, ArithmeticError):
    """A step failed; says when, why, and which unknown at which place was worst.

    Attributes
    ----------
    t, dt : float
        Time and step in ms.
    reason : str
        A sentence.
    unknown : str or None
        Label of the worst unknown, for example ``ca[cyt]``.
    place : str or None
        Section and position of its worst node, for example ``dend[3](0.5)``.
    results : rxd.results.Results or None
        What had been recorded up to the failure.
    """

    def __init__(
        self, reason: str, *, t: float, dt: float, unknown: str | None = None, place: str | None = None, results: object = None
    ) -> None:
        self.t = t
        self.dt = dt
        self.reason = reason
        self.unknown = unknown
        self.place = place
        self.results = results
        where = f" Worst: {unknown} at {place}." if unknown else ""
        super().__init__(f"t = {t:.6g} ms, dt = {dt:.3g} ms: {reason}{where}")
