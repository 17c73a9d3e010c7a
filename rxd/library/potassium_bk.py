"""Large-conductance potassium current, activated by calcium and voltage; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from sympy import exp

from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import concentration, reversal, v
from rxd.library.forms import opening, thermal_voltage


def bk(gbar: Any = 0.01, name: str = "bk") -> Mechanism:
    """BK channel, ``ik = gbar o (v - ek)``, opened by calcium inside and by voltage.

    ``alpha = 0.28 / (1 + k1 / cai)``, ``beta = 0.48 / (1 + cai / k2)`` per ms with ``k1 = 0.48e-3 exp(-1.68 v F / RT)`` mM and
    ``k2 = 0.13e-6 exp(-2 v F / RT)`` mM: the reduced scheme of Moczydlowski and Latorre, in the numbers usual for neurons.

    Parameters
    ----------
    gbar : float or callable, S/cm2
        Maximal conductance.
    name : str
        Prefix of its gate ``o`` and current ``ik`` (mA/cm2).

    References
    ----------
    Moczydlowski and Latorre 1983, https://doi.org/10.1085/jgp.82.4.511
    """
    o, g = symbols("o gbar")
    inside = concentration("ca", "i")
    k1 = 0.48e-3 * exp(-1.68 * v / thermal_voltage())
    k2 = 0.13e-6 * exp(-2 * v / thermal_voltage())
    return Mechanism(
        name=name,
        parameters={"gbar": gbar},
        gates=(opening(o, 0.28 * inside / (inside + k1), 0.48 * k2 / (k2 + inside)),),
        currents=(Current("ik", g * o * (v - reversal("k")), ion="k"),),
        reference="https://doi.org/10.1085/jgp.82.4.511",
    )
