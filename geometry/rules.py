"""Rules that say into how many segments a section is cut.

In: lengths, diameters and electrical constants. Out: `counts (n_sections,)`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.morphology import Morphology
from geometry.records import dataclass

__all__ = ["DLambda", "MaxLength", "d_lambda", "max_length"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class MaxLength:
    """The fewest equal segments none of which is longer than `length` (um)."""

    length: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.length) and self.length > 0):
            raise GeometryError(f"max_length({self.length:g}): the greatest length of a segment is a number of um above zero.")

    def counts(self, morphology: Morphology) -> IntArray:
        """Number of segments of each section, shape (n_sections,)."""
        # a section of 100.00000000000001 um is not cut into 101 pieces for a limit of 1 um
        return np.maximum(np.ceil(morphology.length / self.length * (1 - 1e-12)), 1).astype(np.int64)


@dataclass(frozen=True, slots=True)
class DLambda:
    """Odd numbers of segments, none longer than a fraction of the AC length constant.

    Hines & Carnevale (2001), doi:10.1177/107385840100700207. With `lambda` the length constant at `frequency`,
    `lambda(d) = 1e5 sqrt(d / (4 pi f Ra cm))` um, averaged over the frusta of the section, a section of length L gets
    `2 int((L / (d_lambda lambda) + 0.999) / 2) + 1` segments.

    Attributes
    ----------
    d_lambda : float
        Greatest length of a segment as a fraction of the length constant.
    frequency : float, Hz
        Frequency of the length constant.
    Ra : float or ndarray, shape (n_sections,), ohm cm, or None
        Axial resistivity; None stands for "what the model has", 100 if nobody says.
    cm : float or ndarray, shape (n_sections,), uF/cm2, or None
        Membrane capacitance; None stands for "what the model has", 1 if nobody says.
    """

    d_lambda: float = 0.1
    frequency: float = 100.0
    Ra: float | FloatArray | None = None
    cm: float | FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("d_lambda", "frequency", "Ra", "cm"):
            value = getattr(self, name)
            if value is not None and not np.all(np.asarray(value) > 0):
                raise GeometryError(f"d_lambda rule: {name} must be above zero, got {value!r}.")

    def with_defaults(self, Ra: float | FloatArray, cm: float | FloatArray) -> DLambda:
        """The same rule, with these constants where it had none of its own."""
        return replace(self, Ra=Ra if self.Ra is None else self.Ra, cm=cm if self.cm is None else self.cm)

    def length_constants(self, morphology: Morphology) -> FloatArray:
        """AC length constant of each section, shape (n_sections,), um: length over `integral ds / lambda(d)`.

        As in NEURON's `lambda_f`, the integral takes the mean of the two diameters of each frustum.
        """
        points, offset = morphology.points, morphology.point_offset
        step = np.diff(morphology.arc)
        step[offset[1:-1] - 1] = 0.0
        piece = step / np.sqrt(0.5 * (points[1:, 3] + points[:-1, 3]))
        integral = np.add.reduceat(piece, offset[:-1])
        Ra = 100.0 if self.Ra is None else self.Ra
        cm = 1.0 if self.cm is None else self.cm
        return 1e5 * morphology.length / (integral * np.sqrt(4 * np.pi * self.frequency * np.asarray(Ra) * np.asarray(cm)))

    def counts(self, morphology: Morphology) -> IntArray:
        """Number of segments of each section, shape (n_sections,)."""
        fraction = morphology.length / (self.d_lambda * self.length_constants(morphology))
        return 2 * ((fraction + 0.999) / 2).astype(np.int64) + 1


def max_length(length: float) -> MaxLength:
    """Rule: the fewest equal segments none of which is longer than `length` um."""
    return MaxLength(float(length))


def d_lambda(
    fraction: float = 0.1,
    frequency: float = 100.0,
    Ra: float | FloatArray | None = None,
    cm: float | FloatArray | None = None,
) -> DLambda:
    """Rule: no segment longer than a fraction of the AC length constant (see `DLambda`).

    Parameters
    ----------
    fraction : float
        Greatest length of a segment over the length constant.
    frequency : float, Hz
        Frequency of the length constant.
    Ra : float or ndarray, shape (n_sections,), ohm cm, optional
        Axial resistivity; without it the model's is used (100 outside a model).
    cm : float or ndarray, shape (n_sections,), uF/cm2, optional
        Membrane capacitance; without it the model's is used (1 outside a model).
    """
    return DLambda(fraction, frequency, Ra, cm)
