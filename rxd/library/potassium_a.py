"""A-type potassium current of hippocampal pyramidal cells; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from sympy import Max, exp

from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import reversal, v
from rxd.library.forms import q10, relaxing, thermal_voltage


def ka(gkabar: Any = 0.008, name: str = "ka") -> Mechanism:
    """A-type potassium channel of the proximal CA1 dendrite, ``ik = gkabar n l (v - ek)``.

    Activation: ``n_inf = 1 / (1 + a)``, ``tau_n = max(b / (0.05 q (1 + a)), 0.1)`` ms with ``a = exp(z (v - 11) F / RT)``,
    ``b = a^0.55``, ``z = -1.5 - 1 / (1 + exp((v + 40) / 5))`` and ``q = 5 ** ((celsius - 24) / 10)``. Inactivation:
    ``l_inf = 1 / (1 + exp(3 (v + 56) F / RT))``, ``tau_l = max(0.26 (v + 50), 2)`` ms.

    Parameters
    ----------
    gkabar : float or callable, S/cm2
        Maximal conductance; Migliore et al. let it grow with the distance from the soma (pass a callable).
    name : str
        Prefix of its gates ``n, l`` and current ``ik`` (mA/cm2).

    References
    ----------
    Migliore et al. 1999, https://doi.org/10.1023/A:1008906225285
    """
    n, l, g = symbols("n l gkabar")
    zeta = -1.5 - 1 / (1 + exp((v + 40) / 5))
    x = zeta * (v - 11) / thermal_voltage()
    y = 3 * (v + 56) / thermal_voltage()
    return Mechanism(
        name=name,
        parameters={"gkabar": gkabar},
        gates=(
            relaxing(n, 1 / (1 + exp(x)), Max(exp(0.55 * x) / (0.05 * q10(5, 24) * (1 + exp(x))), 0.1)),
            relaxing(l, 1 / (1 + exp(y)), Max(0.26 * (v + 50), 2)),
        ),
        currents=(Current("ik", g * n * l * (v - reversal("k")), ion="k"),),
        reference="https://doi.org/10.1023/A:1008906225285",
    )
