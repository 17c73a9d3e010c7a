"""Hyperpolarisation-activated cation current; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from sympy import exp

from rxd.declare.functions import vtrap
from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import v
from rxd.library.forms import opening


def ih(gbar: Any = 0.0002, ehcn: Any = -45.0, name: str = "ih") -> Mechanism:
    """HCN channels of layer 5 pyramidal cells, ``ihcn = gbar m (v - ehcn)``, carried by sodium and potassium together.

    ``alpha = 0.00643 (v + 154.9) / (exp((v + 154.9) / 11.9) - 1)``, ``beta = 0.193 exp(v / 33.1)`` per ms, measured at 34
    degrees Celsius and used at any.

    Parameters
    ----------
    gbar : float or callable, S/cm2
        Maximal conductance; the default is that of the soma in Hay et al. 2011 (https://doi.org/10.1371/journal.pcbi.1002107).
    ehcn : float or callable, mV
        Reversal potential.
    name : str
        Prefix of its gate ``m`` and current ``ihcn`` (mA/cm2).

    References
    ----------
    Kole, Hallermann and Stuart 2006, https://doi.org/10.1523/JNEUROSCI.3664-05.2006
    """
    m, g, e_rev = symbols("m gbar ehcn")
    return Mechanism(
        name=name,
        parameters={"gbar": gbar, "ehcn": ehcn},
        gates=(opening(m, 0.00643 * vtrap(v + 154.9, 11.9), 0.193 * exp(v / 33.1)),),
        currents=(Current("ihcn", g * m * (v - e_rev)),),
        reference="https://doi.org/10.1523/JNEUROSCI.3664-05.2006",
    )
