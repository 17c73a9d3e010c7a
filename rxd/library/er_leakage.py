"""Leak of the endoplasmic reticulum; out: reactions for `model.add`."""

from __future__ import annotations

from typing import Any

from rxd.declare.reactions import MultiCompartmentReaction
from rxd.declare.region import Region


def er_leak(ca_cyt: Any, ca_er: Any, membrane: Region, g: Any) -> list[MultiCompartmentReaction]:
    """Passive leak, endoplasmic reticulum to cytosol at ``g (ca_er - ca_cyt)`` ions/um2/ms.

    Parameters
    ----------
    ca_cyt, ca_er : species on a region
        ``ca[cyt]``, ``ca[er]``.
    membrane : Region
        Of the endoplasmic reticulum, a region with an area.
    g : float or expression, 1/(um2 ms mM)
        Permeability, 602214 times one in um/ms. 12.3 is the 0.11 * 0.185 1/s of Li and Rinzel where a um3 of cytosol has 1 um2
        of this membrane.

    References
    ----------
    Li and Rinzel 1994, https://doi.org/10.1006/jtbi.1994.1041
    """
    return [MultiCompartmentReaction(ca_er, ca_cyt, g, g, membrane=membrane)]
