"""The numbers of the split stepper's methods: one loop, several orders.

A `Scheme` says how a step is split and with which singly diagonally implicit Runge-Kutta method its linear parts are solved;
`rxd.solve.split_kernels` has the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

GAMMA: Final = 1.0 - 1.0 / math.sqrt(2.0)


class Stages(NamedTuple):
    """Coefficients of a method of one or two stages.

    Attributes
    ----------
    number : int
        1 or 2.
    gamma : float
        Step of a stage over the whole step.
    first : float
        Weight of the first stage in the result; that of the second is 1.
    fresh, carried : float
        What the second stage sees of the right-hand side and of the first stage.
    mean_1, mean_2 : float
        Weights of the stages in the change of v that currents are taken to have seen when they move ions.
    """

    number: int
    gamma: float
    first: float
    fresh: float
    carried: float
    mean_1: float
    mean_2: float


class Scheme(NamedTuple):
    """A method of the split stepper.

    Attributes
    ----------
    halved : bool
        Strang splitting: local reactions in halves around cable and diffusion, currents with species at their predicted
        midpoint. Else one part follows the other (Lie), each with what the last one left.
    cable, local : Stages
        For the cable, and for diffusion and reactions.
    fine : bool
        Whether diffusion in voxels takes more stages, for an error of time below that of the other parts.
    repeats : int
        Pieces in which gates and reactions go, if not ``halved``.
    """

    halved: bool
    cable: Stages
    local: Stages
    fine: bool = False
    repeats: int = 1


SDIRK: Final = Stages(2, GAMMA, (1 - GAMMA) / GAMMA, (2 * GAMMA - 1) / GAMMA, (1 - GAMMA) / GAMMA, 2 * (1 - GAMMA), GAMMA)
"""L-stable, stiffly accurate, second order: R. Alexander 1977, doi:10.1137/0714068."""

EULER: Final = Stages(1, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0)
"""Backward Euler: currents act on both sides of the membrane with the v of the step's end."""

SCHEMES: Final[Mapping[int, Scheme]] = MappingProxyType({1: Scheme(False, EULER, EULER), 2: Scheme(True, SDIRK, SDIRK)})
"""By order."""

NEURON: Final[Mapping[int, Scheme]] = MappingProxyType(
    {
        0: Scheme(False, EULER._replace(mean_1=0.0), EULER, fine=True),
        1: Scheme(False, Stages(1, 0.5, 2.0, 0.0, 0.0, 0.0, 0.0), EULER, fine=True),
        2: Scheme(False, Stages(1, 0.5, 2.0, 0.0, 0.0, 1.0, 0.0), EULER, fine=True),
    }
)
"""NEURON's `fadvance` by `h.secondorder`: 0 backward Euler; 1, 2 the cable by Crank and Nicolson, as half a step of backward
Euler, doubled. Ions move by the currents of the step's start (0, 1: charge and moles then agree to first order only) or by
those at the midpoint (2)."""
