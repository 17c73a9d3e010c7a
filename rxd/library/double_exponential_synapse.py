"""Synapse with a conductance that rises and decays exponentially; out: a `PointMechanism`."""

from __future__ import annotations

from rxd.declare.mechanism import Current, Gate, PointMechanism, symbols
from rxd.declare.symbols import v
from rxd.library.forms import peak_factor, rise_time


def exp2_syn(tau1: float = 0.1, tau2: float = 10.0, e: float = 0.0, name: str = "exp2_syn") -> PointMechanism:
    """Conductance ``g = B - A`` with ``dA/dt = -A / tau1``, ``dB/dt = -B / tau2``, ``i = g (v - e)``; NEURON's Exp2Syn.

    An event adds ``weight * factor`` to both; the factor makes the peak of one event equal to its weight. As in NEURON a rise
    time above 0.9999 tau2 counts as 0.9999 tau2, so that equal times give the alpha function.

    Parameters
    ----------
    tau1, tau2 : float, ms
        Rise and decay time, ``tau1 < tau2``.
    e : float, mV
        Reversal potential.
    name : str
        Prefix of its states ``A, B`` (uS) and current ``i`` (nA). A connection's weight is in uS.

    References
    ----------
    Destexhe, Mainen and Sejnowski 1994, https://doi.org/10.1007/BF00961734
    """
    a, b, time1, time2, e_rev, weight = symbols("A B tau1 tau2 e weight")
    rise = rise_time(time1, time2)
    jump = weight * peak_factor(rise, time2)
    return PointMechanism(
        name=name,
        parameters={"tau1": tau1, "tau2": tau2, "e": e},
        gates=(Gate(a, -a / rise, 0), Gate(b, -b / time2, 0)),
        currents=(Current("i", (b - a) * (v - e_rev)),),
        on_event={"A": jump, "B": jump},
        reference="https://doi.org/10.1007/BF00961734",
    )
