"""Synapse with an exponential conductance; out: a `PointMechanism`."""

from __future__ import annotations

from rxd.declare.mechanism import Current, Gate, PointMechanism, symbols
from rxd.declare.symbols import v


def exp_syn(tau: float = 0.1, e: float = 0.0, name: str = "exp_syn") -> PointMechanism:
    """Conductance that jumps by the weight of an event and decays, ``i = g (v - e)``, ``dg/dt = -g / tau``; NEURON's ExpSyn.

    Parameters
    ----------
    tau : float, ms
        Decay time.
    e : float, mV
        Reversal potential.
    name : str
        Prefix of its state ``g`` (uS) and current ``i`` (nA). A connection's weight is in uS.

    References
    ----------
    Destexhe, Mainen and Sejnowski 1994, https://doi.org/10.1007/BF00961734
    """
    g, decay, e_rev, weight = symbols("g tau e weight")
    return PointMechanism(
        name=name,
        parameters={"tau": tau, "e": e},
        gates=(Gate(g, -g / decay, 0),),
        currents=(Current("i", g * (v - e_rev)),),
        on_event={"g": weight},
        reference="https://doi.org/10.1007/BF00961734",
    )
