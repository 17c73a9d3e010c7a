"""High-voltage-activated calcium current with a reversal potential; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from sympy import exp

from rxd.declare.functions import vtrap
from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import reversal, v
from rxd.library.forms import opening


def ca_hva(gbar: Any = 0.000992, name: str = "ca_hva") -> Mechanism:
    """High-voltage-activated calcium channel of neocortical pyramidal cells, ``ica = gbar m^2 h (v - eca)``.

    ``eca`` follows Nernst from the calcium at each place where the model has a charged species ``ca`` on a region with
    ``side="i"``; the current then changes that species.

    Parameters
    ----------
    gbar : float or callable, S/cm2
        Maximal conductance; the default is that of the soma in Hay et al. 2011 (https://doi.org/10.1371/journal.pcbi.1002107).
    name : str
        Prefix of its gates ``m, h`` and current ``ica`` (mA/cm2).

    References
    ----------
    Reuveni et al. 1993, https://doi.org/10.1523/JNEUROSCI.13-11-04609.1993
    """
    m, h, g = symbols("m h gbar")
    return Mechanism(
        name=name,
        parameters={"gbar": gbar},
        gates=(
            opening(m, 0.055 * vtrap(-(v + 27), 3.8), 0.94 * exp(-(v + 75) / 17)),
            opening(h, 0.000457 * exp(-(v + 13) / 50), 0.0065 / (exp(-(v + 15) / 28) + 1)),
        ),
        currents=(Current("ica", g * m**2 * h * (v - reversal("ca")), ion="ca"),),
        reference="https://doi.org/10.1523/JNEUROSCI.13-11-04609.1993",
    )
