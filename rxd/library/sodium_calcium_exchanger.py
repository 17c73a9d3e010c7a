"""Sodium-calcium exchange through the plasma membrane; out: a `Mechanism`."""

from __future__ import annotations

from typing import Any

from sympy import exp

from rxd.declare.mechanism import Current, Mechanism, symbols
from rxd.declare.symbols import concentration, v
from rxd.library.forms import thermal_voltage


def ncx(imax: Any = 0.002, kna: Any = 87.5, kca: Any = 1.38, ksat: Any = 0.1, eta: Any = 0.35, name: str = "ncx") -> Mechanism:
    """Exchanger of three sodium for one calcium ion, with ``ina = 3 i`` and ``ica = -2 i``, so that ``i`` is the net current.

    ``i = imax (nai^3 cao e^(eta x) - nao^3 cai e^((eta-1) x)) / ((kna^3 + nao^3) (kca + cao) (1 + ksat e^((eta-1) x)))`` with
    ``x = v F / RT``. It is negative (inward) while calcium leaves and vanishes at ``v = 3 ena - 2 eca``. Concentrations are
    those of the model's species ``na`` and ``ca`` where it has them, else the ions' constants.

    Parameters
    ----------
    imax : float or callable, mA/cm2
        Saturated net current. Luo and Rudy have 2 (heart); neurons have far less.
    kna, kca : float or callable, mM
        Sodium and calcium outside at half saturation.
    ksat : float or callable
        Saturation at very negative potentials.
    eta : float or callable
        Position of the energy barrier in the membrane, 0 to 1.
    name : str
        Prefix of its currents ``ina, ica`` (mA/cm2).

    References
    ----------
    Luo and Rudy 1994, https://doi.org/10.1161/01.RES.74.6.1071
    """
    scale, half_na, half_ca, saturation, barrier = symbols("imax kna kca ksat eta")
    nai, nao = concentration("na", "i"), concentration("na", "o")
    cai, cao = concentration("ca", "i"), concentration("ca", "o")
    x = v / thermal_voltage()
    back = exp((barrier - 1) * x)
    drive = nai**3 * cao * exp(barrier * x) - nao**3 * cai * back
    net = scale * drive / ((half_na**3 + nao**3) * (half_ca + cao) * (1 + saturation * back))
    return Mechanism(
        name=name,
        parameters={"imax": imax, "kna": kna, "kca": kca, "ksat": ksat, "eta": eta},
        currents=(Current("ina", 3 * net, ion="na"), Current("ica", -2 * net, ion="ca")),
        reference="https://doi.org/10.1161/01.RES.74.6.1071",
    )
