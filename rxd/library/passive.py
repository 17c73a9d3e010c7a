"""A leak; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import v


def pas(g: Any = 0.001, e: Any = -70.0, name: str = "pas") -> Mechanism:
    """Passive membrane, ``i = g (v - e)``.

    Parameters
    ----------
    g : float or callable, S/cm2
        Conductance; the time constant of the membrane is ``1e-3 cm / g`` ms with cm in uF/cm2.
    e : float or callable, mV
        Reversal potential.
    name : str
        Prefix of its current ``i`` (mA/cm2).

    References
    ----------
    Rall 1959, https://doi.org/10.1016/0014-4886(59)90046-9
    """
    conductance, e_rev = symbols("g e")
    return Mechanism(
        name=name,
        parameters={"g": g, "e": e},
        currents=(Current("i", conductance * (v - e_rev)),),
        reference="https://doi.org/10.1016/0014-4886(59)90046-9",
    )
