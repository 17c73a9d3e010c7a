"""Synapse that acts once, at a given time; out: a `PointMechanism`."""

from __future__ import annotations

from sympy import Max, exp

from rxd.declare.mechanism import Current, PointMechanism, symbols
from rxd.declare.symbols import t, v


def alpha_synapse(
    onset: float = 0.0, tau: float = 0.1, gmax: float = 0.001, e: float = 0.0, name: str = "alpha_synapse"
) -> PointMechanism:
    """Alpha function of time, ``g = gmax x exp(1 - x)`` with ``x = max(t - onset, 0) / tau``, ``i = g (v - e)``.

    It takes no events. NEURON's AlphaSynapse, whose ``gmax`` is 0 unless set.

    Parameters
    ----------
    onset, tau : float, ms
        When it begins, and how long after that it peaks.
    gmax : float, uS
        Conductance at the peak.
    e : float, mV
        Reversal potential.
    name : str
        Prefix of its current ``i`` (nA).

    References
    ----------
    Rall 1967, https://doi.org/10.1152/jn.1967.30.5.1138
    """
    start, time, peak, e_rev = symbols("onset tau gmax e")
    x = Max(t - start, 0) / time
    return PointMechanism(
        name=name,
        parameters={"onset": onset, "tau": tau, "gmax": gmax, "e": e},
        currents=(Current("i", peak * x * exp(1 - x) * (v - e_rev)),),
        reference="https://doi.org/10.1152/jn.1967.30.5.1138",
    )
