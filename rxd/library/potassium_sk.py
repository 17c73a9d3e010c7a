"""Small-conductance calcium-activated potassium current; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import concentration, reversal, v
from rxd.library.forms import relaxing


def kca(gbar: Any = 0.0441, k: Any = 0.00043, tau: Any = 1.0, name: str = "kca") -> Mechanism:
    """SK channel, opened by calcium inside and blind to voltage, ``ik = gbar z (v - ek)``, ``z_inf = 1 / (1 + (k / cai)^4.8)``.

    Parameters
    ----------
    gbar : float or callable, S/cm2
        Maximal conductance; the default is that of the soma in Hay et al. 2011 (https://doi.org/10.1371/journal.pcbi.1002107).
    k : float or callable, mM
        Calcium that opens half of the channels.
    tau : float or callable, ms
        Time constant.
    name : str
        Prefix of its gate ``z`` and current ``ik`` (mA/cm2).

    References
    ----------
    Koehler et al. 1996, https://doi.org/10.1126/science.273.5282.1709
    """
    z, g, half, time = symbols("z gbar k tau")
    # With calcium to a power of its own (not (cai / k) ** 4.8) the Hill function has a finite slope where there is no calcium.
    bound = concentration("ca", "i") ** 4.8
    return Mechanism(
        name=name,
        parameters={"gbar": gbar, "k": k, "tau": tau},
        gates=(relaxing(z, bound / (half**4.8 + bound), time),),
        currents=(Current("ik", g * z * (v - reversal("k")), ion="k"),),
        reference="https://doi.org/10.1126/science.273.5282.1709",
    )
