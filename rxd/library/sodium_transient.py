"""Fast inactivating sodium current of pyramidal cells; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from rxd.declare.functions import vtrap
from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import reversal, v
from rxd.library.forms import opening, q10


def na_t(gbar: Any = 2.04, name: str = "na_t") -> Mechanism:
    """Transient sodium channel of layer 5 pyramidal cells, ``ina = gbar m^3 h (v - ena)``.

    The rates were measured at 21 degrees Celsius; at the model's temperature they are ``2.3 ** ((celsius - 21) / 10)`` times as
    fast (Hay et al. 2011 fix 34 degrees).

    Parameters
    ----------
    gbar : float or callable, S/cm2
        Maximal conductance; the default is that of the soma in Hay et al. 2011.
    name : str
        Prefix of its gates ``m, h`` and current ``ina`` (mA/cm2).

    References
    ----------
    Colbert and Pan 2002, https://doi.org/10.1038/nn0602-857
    Hay et al. 2011, https://doi.org/10.1371/journal.pcbi.1002107
    """
    m, h, g = symbols("m h gbar")
    speed = q10(2.3, 21)
    return Mechanism(
        name=name,
        parameters={"gbar": gbar},
        gates=(
            opening(m, 0.182 * vtrap(-(v + 38), 6), 0.124 * vtrap(v + 38, 6), speed),
            opening(h, 0.015 * vtrap(v + 66, 6), 0.015 * vtrap(-(v + 66), 6), speed),
        ),
        currents=(Current("ina", g * m**3 * h * (v - reversal("na")), ion="na"),),
        reference="https://doi.org/10.1038/nn0602-857",
    )
