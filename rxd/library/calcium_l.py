"""L-type calcium current by the Goldman-Hodgkin-Katz equation; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Max, exp

from rxd.declare.functions import bernoulli_ratio, vtrap
from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import concentration, v
from rxd.library.forms import q10, relaxing, thermal_voltage


def ghk_drive(ratio: Any, charge: int) -> sympy.Expr:
    """Driving force of Goldman, Hodgkin and Katz in mV, ``-(RT/zF) (1 - ratio exp(x)) x / (exp(x) - 1)``, ``x = z v F / RT``.

    ``ratio`` is the concentration inside divided by that outside. For ``ratio = 1`` the drive is ``v``; it is smooth through
    ``v = 0``. Hodgkin and Katz 1949, https://doi.org/10.1113/jphysiol.1949.sp004310
    """
    slope = thermal_voltage() / charge
    x = v / slope
    return slope * (ratio * bernoulli_ratio(-x) - bernoulli_ratio(x))


def cal(gcalbar: Any = 0.003, ki: Any = 0.001, name: str = "cal") -> Mechanism:
    """L-type calcium channel of CA1 pyramidal cells, ``ica = gcalbar m^2 ki / (ki + cai) ghk(v, cai, cao)``.

    Activation and permeation are those of Jaffe et al., the time constant that of Migliore et al.:
    ``tau = max(b / (0.1 q (1 + a)), 0.2 / q)`` ms with ``a = exp(0.0756 (v - 4))``, ``b = a^0.1``,
    ``q = 5 ** ((celsius - 25) / 10)``. The thermal voltage is exact, where the published code rounds it to 25 mV at 20 degrees.

    Parameters
    ----------
    gcalbar : float or callable, S/cm2
        Maximal conductance, of a driving force in mV.
    ki : float or callable, mM
        Calcium inside that halves the current.
    name : str
        Prefix of its gate ``m`` and current ``ica`` (mA/cm2).

    References
    ----------
    Jaffe et al. 1994, https://doi.org/10.1152/jn.1994.71.3.1065
    Migliore et al. 1999, https://doi.org/10.1023/A:1008906225285
    """
    m, g, half = symbols("m gcalbar ki")
    inside, outside = concentration("ca", "i"), concentration("ca", "o")
    alpha = 15.69 * vtrap(81.5 - v, 10)
    beta = 0.29 * exp(-v / 10.86)
    x = 0.0756 * (v - 4)
    speed = q10(5, 25)
    return Mechanism(
        name=name,
        parameters={"gcalbar": gcalbar, "ki": ki},
        gates=(relaxing(m, alpha / (alpha + beta), Max(exp(0.1 * x) / (0.1 * (1 + exp(x))), 0.2) / speed),),
        currents=(Current("ica", g * m**2 * half / (half + inside) * ghk_drive(inside / outside, 2), ion="ca"),),
        reference="https://doi.org/10.1152/jn.1994.71.3.1065",
    )
