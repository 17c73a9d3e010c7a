"""Calcium pump of the endoplasmic reticulum; out: reactions for `model.add`."""

from __future__ import annotations

from typing import Any

from rxd.declare.reactions import MultiCompartmentReaction
from rxd.declare.region import Region


def serca(ca_cyt: Any, ca_er: Any, membrane: Region, vmax: Any, kd: Any = 1e-4) -> list[MultiCompartmentReaction]:
    """SERCA pump, cytosol to endoplasmic reticulum at ``vmax ca^2 / (kd^2 + ca^2)`` ions/um2/ms.

    It never runs backwards; a resting store needs `er_leak` or an open `ip3r` beside it.

    Parameters
    ----------
    ca_cyt, ca_er : species on a region
        ``ca[cyt]``, ``ca[er]``.
    membrane : Region
        Of the endoplasmic reticulum, a region with an area such as ``shape=DistributedBoundary(1)``.
    vmax : float or expression, 1/(um2 ms)
        Calcium ions per area and time at saturation. 0.542 is the 0.9 uM/s of Li and Rinzel where a um3 of cytosol has 1 um2 of
        this membrane.
    kd : float or expression, mM
        Calcium in the cytosol at half of `vmax`.

    References
    ----------
    Li and Rinzel 1994, https://doi.org/10.1006/jtbi.1994.1041
    """
    return [
        MultiCompartmentReaction(ca_cyt, ca_er, vmax * ca_cyt**2 / (kd**2 + ca_cyt**2), membrane=membrane, custom_dynamics=True)
    ]
