"""NMDA receptor with its block by magnesium; out: a `PointMechanism`."""

from __future__ import annotations

from sympy import exp

from rxd.declare.mechanism import Current, Gate, PointMechanism, symbols
from rxd.declare.symbols import v
from rxd.library.forms import peak_factor, rise_time


def nmda(tau1: float = 2.0, tau2: float = 80.0, e: float = 0.0, mg: float = 1.0, name: str = "nmda") -> PointMechanism:
    """NMDA synapse, ``i = (B - A) (v - e) / (1 + exp(-0.062 v) mg / 3.57)``.

    ``A`` and ``B`` decay with the rise and the decay time; an event adds ``weight * factor`` to both, so that the weight is the
    peak conductance without block (as in `exp2_syn`).

    Parameters
    ----------
    tau1, tau2 : float, ms
        Rise and decay time, ``tau1 < tau2``.
    e : float, mV
        Reversal potential.
    mg : float, mM
        Magnesium outside; 0 for no block.
    name : str
        Prefix of its states ``A, B`` (uS) and current ``i`` (nA, all ions together). A connection's weight is in uS.

    References
    ----------
    Jahr and Stevens 1990, https://doi.org/10.1523/JNEUROSCI.10-09-03178.1990
    """
    a, b, time1, time2, e_rev, magnesium, weight = symbols("A B tau1 tau2 e mg weight")
    rise = rise_time(time1, time2)
    jump = weight * peak_factor(rise, time2)
    unblocked = 1 / (1 + exp(-0.062 * v) * magnesium / 3.57)
    return PointMechanism(
        name=name,
        parameters={"tau1": tau1, "tau2": tau2, "e": e, "mg": mg},
        gates=(Gate(a, -a / rise, 0), Gate(b, -b / time2, 0)),
        currents=(Current("i", (b - a) * unblocked * (v - e_rev)),),
        on_event={"A": jump, "B": jump},
        reference="https://doi.org/10.1523/JNEUROSCI.10-09-03178.1990",
    )
