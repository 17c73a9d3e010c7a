"""Sodium, potassium and leak of the squid axon; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from sympy import exp

from rxd.declare.functions import vtrap
from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import reversal, v
from rxd.library.forms import opening, q10


def hh(gnabar: Any = 0.12, gkbar: Any = 0.036, gl: Any = 0.0003, el: Any = -54.3, name: str = "hh") -> Mechanism:
    """Hodgkin-Huxley channels, ``ina = gnabar m^3 h (v - ena)``, ``ik = gkbar n^4 (v - ek)``, ``il = gl (v - el)``.

    Equal to NEURON's ``hh``: rest moved to -65 mV, all rates times ``3 ** ((celsius - 6.3) / 10)``.

    Parameters
    ----------
    gnabar, gkbar, gl : float or callable, S/cm2
        Maximal sodium and potassium conductance, leak conductance.
    el : float or callable, mV
        Reversal potential of the leak. Those of sodium (50 mV) and potassium (-77 mV) belong to the ions ``na`` and ``k``.
    name : str
        Prefix of its gates ``m, h, n`` and currents ``ina, ik, il`` (mA/cm2).

    References
    ----------
    Hodgkin and Huxley 1952, https://doi.org/10.1113/jphysiol.1952.sp004764
    """
    m, h, n = symbols("m h n")
    gna, gk, leak, e_leak = symbols("gnabar gkbar gl el")
    speed = q10(3, 6.3)
    return Mechanism(
        name=name,
        parameters={"gnabar": gnabar, "gkbar": gkbar, "gl": gl, "el": el},
        gates=(
            opening(m, 0.1 * vtrap(-(v + 40), 10), 4 * exp(-(v + 65) / 18), speed),
            opening(h, 0.07 * exp(-(v + 65) / 20), 1 / (exp(-(v + 35) / 10) + 1), speed),
            opening(n, 0.01 * vtrap(-(v + 55), 10), 0.125 * exp(-(v + 65) / 80), speed),
        ),
        currents=(
            Current("ina", gna * m**3 * h * (v - reversal("na")), ion="na"),
            Current("ik", gk * n**4 * (v - reversal("k")), ion="k"),
            Current("il", leak * (v - e_leak)),
        ),
        ions={"na": 50.0, "k": -77.0},
        reference="https://doi.org/10.1113/jphysiol.1952.sp004764",
    )
