"""Delayed rectifier of hippocampal pyramidal cells; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from sympy import Max, exp

from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import reversal, v
from rxd.library.forms import relaxing, thermal_voltage


def kdr(gkdrbar: Any = 0.003, name: str = "kdr") -> Mechanism:
    """Delayed rectifier potassium channel of CA1 pyramidal cells, ``ik = gkdrbar n (v - ek)``.

    ``n_inf = 1 / (1 + a)``, ``tau = max(b / (0.02 (1 + a)), 2)`` ms with ``a = exp(-3 (v - 13) F / RT)``, ``b = a^0.7``.

    Parameters
    ----------
    gkdrbar : float or callable, S/cm2
        Maximal conductance.
    name : str
        Prefix of its gate ``n`` and current ``ik`` (mA/cm2).

    References
    ----------
    Migliore et al. 1999, https://doi.org/10.1023/A:1008906225285
    """
    n, g = symbols("n gkdrbar")
    x = -3 * (v - 13) / thermal_voltage()
    tau = Max(exp(0.7 * x) / (0.02 * (1 + exp(x))), 2)
    return Mechanism(
        name=name,
        parameters={"gkdrbar": gkdrbar},
        gates=(relaxing(n, 1 / (1 + exp(x)), tau),),
        currents=(Current("ik", g * n * (v - reversal("k")), ion="k"),),
        reference="https://doi.org/10.1023/A:1008906225285",
    )
